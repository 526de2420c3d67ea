package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/** Sends what run.js expects, and prints one tab-separated line per acknowledged send. */
public final class InteropProducer {
    private static final int ORDERED_KEYS = 4;
    private static final int ORDERED_PER_KEY = 10;

    private static void report(String what, SendResult result) {
        if (result.getSendStatus() != SendStatus.SEND_OK) {
            throw new IllegalStateException(what + ": " + result);
        }
        System.out.println(String.join("\t", "SENT", what, result.getMsgId(), result.getOffsetMsgId(),
            String.valueOf(result.getMessageQueue().getQueueId()), String.valueOf(result.getQueueOffset())));
    }

    private static Message message(String topic, String tag, String key, String body) {
        return new Message(topic, tag, key, body.getBytes(StandardCharsets.UTF_8));
    }

    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("java-producers");
        producer.setNamesrvAddr(args[0]);
        producer.setSendMsgTimeout(10000);
        producer.start();
        try {
            for (int i = 0; i < 20; i++) {
                Message message = message("JavaOrders", i % 2 == 0 ? "A" : "B", "key-" + i + " all", "sync-" + i);
                message.putUserProperty("colour", "grün-" + i);
                report("sync-" + i, producer.send(message));
            }
            report("large", producer.send(message("JavaOrders", "A", "large", "L".repeat(100_000))));

            List<Message> batch = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                batch.add(message("JavaOrders", "B", "batch-" + i, "batch-" + i));
            }
            report("batch", producer.send(batch));

            Message delayed = message("JavaOrders", "A", "delayed", "delayed");
            delayed.setDelayTimeLevel(1);
            report("delayed", producer.send(delayed));

            report("fail-once", producer.send(message("JavaOrders", "A", "fail", "fail-once")));
            report("fail-always", producer.send(message("JavaOrders", "A", "fail", "fail-always")));

            for (int i = 0; i < ORDERED_PER_KEY; i++) {
                for (int key = 0; key < ORDERED_KEYS; key++) {
                    report("ordered", producer.send(message("JavaOrderly", "O", "o", key + ":" + i),
                        (queues, sent, selected) -> queues.get((Integer) selected % queues.size()), key));
                }
            }

            CountDownLatch answered = new CountDownLatch(3);
            for (int i = 0; i < 3; i++) {
                String name = "async-" + i;
                producer.send(message("JavaFresh", "F", name, name), new SendCallback() {
                    @Override
                    public void onSuccess(SendResult result) {
                        report(name, result);
                        answered.countDown();
                    }

                    @Override
                    public void onException(Throwable cause) {
                        cause.printStackTrace();
                    }
                });
            }
            if (!answered.await(20, TimeUnit.SECONDS)) {
                throw new IllegalStateException("asynchronous sends were not answered");
            }
            producer.sendOneway(message("JavaFresh", "F", "oneway", "oneway"));

            try {
                producer.send(message("SCHEDULE_TOPIC_XXXX", "A", "forbidden", "forbidden"));
                System.out.println("FORBIDDEN\taccepted");
            } catch (Exception refused) {
                System.out.println("FORBIDDEN\trefused");
            }
        } finally {
            producer.shutdown();
        }
        System.out.println("DONE");
    }

    private InteropProducer() {
    }
}
