package interop;

import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** One member of a group that others share with it: tells what it gets and which queues it has. Ends when its input does. */
public final class Member {
    private static void report(MessageExt message) {
        Lab.line("GOT", Got.text(message), String.valueOf(message.getQueueId()));
    }

    /** A line whenever the queues of the topic that it works on are others than before. */
    private static void watch(DefaultMQPushConsumer consumer, String topic) {
        String before = "";
        while (true) {
            TreeSet<Integer> queues = new TreeSet<>();
            for (MessageQueue queue : consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet()) {
                if (queue.getTopic().equals(topic)) {
                    queues.add(queue.getQueueId());
                }
            }
            String now = queues.toString();
            if (!now.equals(before)) {
                Lab.line("OWNS", now);
                before = now;
            }
            try {
                Thread.sleep(50);
            } catch (InterruptedException ended) {
                return;
            }
        }
    }

    public static void main(String[] args) throws Exception {
        String topic = args[2];
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(args[1]);
        consumer.setNamesrvAddr(args[0]);
        consumer.setMqClientApiTimeout(Lab.REQUEST_MILLIS);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setConsumeThreadMin(4);
        consumer.setConsumeThreadMax(4);
        consumer.subscribe(topic, "*");
        if (args[3].equals("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                messages.forEach(Member::report);
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                messages.forEach(Member::report);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        Thread watcher = new Thread(() -> watch(consumer, topic), "watcher");
        watcher.setDaemon(true);
        watcher.start();
        while (System.in.read() >= 0) {
            // Nothing is said to it but that it is over.
        }
        consumer.shutdown();
        Lab.line("DONE");
        Runtime.getRuntime().halt(0);
    }

    private Member() {
    }
}
