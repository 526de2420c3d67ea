package interop;

import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/** Three push consumers; every delivery is one tab-separated line. Ends when its input does. */
public final class InteropConsumer {
    private static final int SHORTEST_LEVEL = 1;

    private static synchronized void report(String group, MessageExt message) {
        String body = new String(message.getBody(), StandardCharsets.UTF_8);
        System.out.println(String.join("\t", "GOT", group, message.getTopic(), String.valueOf(message.getQueueId()),
            String.valueOf(message.getReconsumeTimes()), String.valueOf(message.getTags()), String.valueOf(message.getKeys()),
            String.valueOf(message.getUserProperty("colour")), message.getMsgId(),
            body.length() > 1000 ? "length=" + body.length() : body));
    }

    private static DefaultMQPushConsumer consumer(String server, String group) {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(server);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        return consumer;
    }

    private static DefaultMQPushConsumer filtered(String server) throws Exception {
        DefaultMQPushConsumer consumer = consumer(server, "java-filtered");
        consumer.subscribe("JavaOrders", "A || C");
        consumer.setMaxReconsumeTimes(1);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                report("java-filtered", message);
                String body = new String(message.getBody(), StandardCharsets.UTF_8);
                if (body.equals("fail-always") || body.equals("fail-once") && message.getReconsumeTimes() == 0) {
                    context.setDelayLevelWhenNextConsume(SHORTEST_LEVEL);
                    return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        return consumer;
    }

    private static DefaultMQPushConsumer everything(String server) throws Exception {
        DefaultMQPushConsumer consumer = consumer(server, "java-everything");
        consumer.subscribe("JavaOrders", "*");
        consumer.subscribe("JavaFresh", "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> report("java-everything", message));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        return consumer;
    }

    private static DefaultMQPushConsumer orderly(String server) throws Exception {
        DefaultMQPushConsumer consumer = consumer(server, "java-orderly");
        consumer.subscribe("JavaOrderly", "*");
        Set<String> failed = ConcurrentHashMap.newKeySet();
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            for (MessageExt message : messages) {
                String body = new String(message.getBody(), StandardCharsets.UTF_8);
                if (body.endsWith(":5") && failed.add(body)) {
                    context.setSuspendCurrentQueueTimeMillis(100);
                    return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
                }
                report("java-orderly", message);
            }
            return ConsumeOrderlyStatus.SUCCESS;
        });
        return consumer;
    }

    public static void main(String[] args) throws Exception {
        DefaultMQPushConsumer[] consumers = {filtered(args[0]), everything(args[0]), orderly(args[0])};
        for (DefaultMQPushConsumer consumer : consumers) {
            consumer.start();
        }
        System.out.println("READY");
        while (System.in.read() >= 0) {
            // The parent closes our input when it has seen enough, or by ending.
        }
        for (DefaultMQPushConsumer consumer : consumers) {
            consumer.shutdown();
        }
        System.out.println("DONE");
        System.exit(0);
    }

    private InteropConsumer() {
    }
}
