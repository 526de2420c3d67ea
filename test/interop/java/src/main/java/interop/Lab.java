package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.remoting.RPCHook;

/** What one scenario works with: its checks become lines for run.js, its clients are closed when it ends. */
final class Lab implements AutoCloseable {
    /** Whether the client is of the line from 5.0 on. */
    static final boolean FIVE = MQVersion.CURRENT_VERSION >= MQVersion.Version.V5_0_0.ordinal();
    private static final int PATIENCE_MILLIS = 60_000;
    /** The default of 3 s is too little for a process that has just begun on a busy machine. */
    static final int REQUEST_MILLIS = 20_000;

    final String server;
    private final String name;
    private final List<Runnable> closers = new ArrayList<>();

    Lab(String server, String name) {
        this.server = server;
        this.name = name;
    }

    /** Signs requests with the keys of the process; null where nobody asks for them. */
    static RPCHook signer() {
        String accessKey = System.getProperty("interop.accessKey");
        return accessKey == null ? null : new AclClientRPCHook(new SessionCredentials(accessKey, System.getProperty("interop.secretKey")));
    }

    static void line(String... columns) {
        StringBuilder line = new StringBuilder();
        for (String column : columns) {
            line.append(line.length() == 0 ? "" : "\t").append(column.replaceAll("[\t\r\n]+", " "));
        }
        synchronized (System.out) {
            System.out.println(line);
        }
    }

    /** Something that run.js waits for before it does its part. */
    void say(String what, String... values) {
        line("SAID", name, what, String.join(" ", values));
    }

    void check(String what, boolean holds, Object detail) {
        line("CHECK", name, what, holds ? "ok" : "failed", String.valueOf(detail));
    }

    void same(String what, Object wanted, Object got) {
        check(what, String.valueOf(wanted).equals(String.valueOf(got)), "wanted " + wanted + ", got " + got);
    }

    /** Waits for the condition; one that does not come about is a failed check. */
    boolean await(String what, Callable<Boolean> condition) throws Exception {
        long end = System.currentTimeMillis() + PATIENCE_MILLIS;
        while (!condition.call()) {
            if (System.currentTimeMillis() > end) {
                check(what, false, "did not come about");
                return false;
            }
            Thread.sleep(20);
        }
        return true;
    }

    /** Whether the call is refused with an error whose text, or that of a cause, has this in it. */
    void refused(String what, String text, Callable<?> call) {
        try {
            Object result = call.call();
            check(what, false, "was accepted: " + result);
        } catch (Throwable error) {
            StringBuilder all = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                all.append(cause).append(' ');
            }
            check(what, all.toString().contains(text), all);
        }
    }

    /** Closed with the scenario, the last one first. */
    void closing(Runnable close) {
        closers.add(0, close);
    }

    DefaultMQProducer producer(String group) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group, signer());
        started(producer);
        return producer;
    }

    void started(DefaultMQProducer producer) throws Exception {
        producer.setNamesrvAddr(server);
        producer.setSendMsgTimeout(10_000);
        producer.setPollNameServerInterval(1_000);
        producer.setMqClientApiTimeout(REQUEST_MILLIS);
        producer.start();
        closing(producer::shutdown);
    }

    /** From the beginning, unless told otherwise before it is started. */
    DefaultMQPushConsumer consumer(String group) {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group, signer(), new AllocateMessageQueueAveragely());
        settled(consumer);
        return consumer;
    }

    void settled(DefaultMQPushConsumer consumer) {
        consumer.setNamesrvAddr(server);
        consumer.setPollNameServerInterval(1_000);
        consumer.setMqClientApiTimeout(REQUEST_MILLIS);
        consumer.setConsumeThreadMin(2);
        consumer.setConsumeThreadMax(2);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
    }

    Got started(DefaultMQPushConsumer consumer) throws Exception {
        Got got = new Got();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(got::add);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        begin(consumer);
        return got;
    }

    void begin(DefaultMQPushConsumer consumer) throws Exception {
        consumer.start();
        closing(consumer::shutdown);
    }

    static Message message(String topic, String tag, String body) {
        return new Message(topic, tag, body, body.getBytes(StandardCharsets.UTF_8));
    }

    static String sorted(List<String> texts) {
        return texts.stream().sorted().toList().toString();
    }

    @Override
    public void close() {
        for (Runnable closer : closers) {
            closer.run();
        }
    }
}
