package interop;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Consumers that ask for their messages. */
@SuppressWarnings("deprecation")
final class Pulling {
    static void register(Map<String, Scenarios.Scenario> all) {
        all.put("liteSubscribe", Pulling::liteSubscribe);
        all.put("liteAssign", Pulling::liteAssign);
        all.put("pull", Pulling::pull);
    }

    private static DefaultLitePullConsumer lite(Lab lab, String group) {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group, Lab.signer());
        consumer.setNamesrvAddr(lab.server);
        consumer.setPollNameServerInterval(1_000);
        consumer.setMqClientApiTimeout(Lab.REQUEST_MILLIS);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        return consumer;
    }

    private static List<String> poll(Lab lab, DefaultLitePullConsumer consumer, int count) throws Exception {
        List<String> bodies = new ArrayList<>();
        lab.await("polls give " + count, () -> {
            consumer.poll(200).forEach(message -> bodies.add(Got.text(message)));
            return bodies.size() >= count;
        });
        return bodies;
    }

    /** Queues are shared out, positions are stored when it says so. */
    private static void liteSubscribe(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("lite-producer");
        for (int i = 0; i < 20; i++) {
            producer.send(Lab.message("Lite", i % 2 == 0 ? "A" : "B", "l" + i));
        }
        DefaultLitePullConsumer first = lite(lab, "lite-group");
        first.subscribe("Lite", "A || C");
        first.setAutoCommit(false);
        first.start();
        List<String> got = poll(lab, first, 10);
        lab.same("the tags are kept", 10, got.stream().filter(body -> Integer.parseInt(body.substring(1)) % 2 == 0).count());
        first.commitSync();
        long committed = 0;
        for (MessageQueue queue : first.assignment()) {
            committed += first.committed(queue);
        }
        lab.check("positions are stored", committed > 0, committed);
        first.shutdown();
        DefaultLitePullConsumer second = lite(lab, "lite-group");
        second.subscribe("Lite", "A || C");
        second.start();
        producer.send(Lab.message("Lite", "C", "later"));
        lab.same("the next one goes on there", "[later]", poll(lab, second, 1));
        second.shutdown();
    }

    /** Queues of its own choice, and every way to move in them. */
    private static void liteAssign(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("assign-producer");
        DefaultLitePullConsumer consumer = lite(lab, "assign-group");
        consumer.setAutoCommit(false);
        consumer.start();
        lab.closing(consumer::shutdown);
        Collection<MessageQueue> all = consumer.fetchMessageQueues("Assign");
        lab.same("the queues are told", 4, all.size());
        List<MessageQueue> queues = new ArrayList<>(all);
        queues.sort(Comparator.naturalOrder());
        long between = 0;
        for (int i = 0; i < 10; i++) {
            if (i == 6) {
                Thread.sleep(50);
                between = System.currentTimeMillis();
                Thread.sleep(50);
            }
            producer.send(Lab.message("Assign", i % 2 == 0 ? "A" : "B", "q" + i), queues.get(1));
            producer.send(Lab.message("Assign", "A", "elsewhere"), queues.get(2));
        }
        MessageQueue queue = queues.get(1);
        consumer.assign(List.of(queue));
        lab.same("only what is assigned comes, in order", "[q0, q1, q2, q3, q4, q5, q6, q7, q8, q9]", poll(lab, consumer, 10));
        // Not before anything was polled: the client loses the order if the first pull of the queue is just under way.
        consumer.seekToBegin(queue);
        lab.same("the beginning is gone to", "[q0, q1, q2, q3, q4, q5, q6, q7, q8, q9]", poll(lab, consumer, 10));
        consumer.seek(queue, 7);
        lab.same("a position is gone to", "[q7, q8, q9]", poll(lab, consumer, 3));
        long offset = consumer.offsetForTimestamp(queue, between);
        lab.same("a time is found", 6L, offset);
        consumer.seek(queue, offset);
        lab.same("and gone to", "[q6, q7, q8, q9]", poll(lab, consumer, 4));
        consumer.seekToEnd(queue);
        producer.send(Lab.message("Assign", "A", "fresh"), queue);
        lab.same("from the end only what is new comes", "[fresh]", poll(lab, consumer, 1));
        consumer.commitSync();
        lab.same("its position is stored", 11L, consumer.committed(queue));
    }

    /** The old consumer that pulls by itself. */
    private static void pull(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("pull-producer");
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("pull-group", Lab.signer());
        consumer.setNamesrvAddr(lab.server);
        consumer.setMqClientApiTimeout(Lab.REQUEST_MILLIS);
        consumer.setRegisterTopics(Set.of("Pull"));
        consumer.start();
        lab.closing(consumer::shutdown);
        List<MessageQueue> queues = new ArrayList<>(consumer.fetchSubscribeMessageQueues("Pull"));
        queues.sort(Comparator.naturalOrder());
        MessageQueue queue = queues.get(0);
        for (int i = 0; i < 6; i++) {
            producer.send(Lab.message("Pull", i % 2 == 0 ? "A" : "B", "p" + i), queue);
        }
        PullResult all = consumer.pull(queue, "*", 0, 32);
        lab.same("a pull gives what is there", "[p0, p1, p2, p3, p4, p5]", bodies(all));
        lab.same("and where to go on", 6L, all.getNextBeginOffset());
        lab.same("and the ends of the queue", "0 6", all.getMinOffset() + " " + all.getMaxOffset());
        lab.same("a pull gives no more than wanted", "[p0, p1]", bodies(consumer.pull(queue, "*", 0, 2)));
        lab.same("by tag", "[p1, p3, p5]", bodies(consumer.pull(queue, "B", 0, 32)));
        lab.same("at the end there is nothing", PullStatus.NO_NEW_MSG, consumer.pull(queue, "*", 6, 32).getPullStatus());
        PullResult beyond = consumer.pull(queue, "*", 100, 32);
        lab.same("beyond it there is an illegal offset", PullStatus.OFFSET_ILLEGAL, beyond.getPullStatus());
        lab.same("nothing that matches is said", PullStatus.NO_MATCHED_MSG, consumer.pull(queue, "Z", 0, 32).getPullStatus());
        Thread later = new Thread(() -> {
            try {
                Thread.sleep(300);
                producer.send(Lab.message("Pull", "A", "late"), queue);
            } catch (Exception error) {
                lab.check("a message is sent meanwhile", false, error);
            }
        });
        later.start();
        lab.same("a pull that may wait gets what comes", "[late]", bodies(consumer.pullBlockIfNotFound(queue, "*", 6, 32)));
        later.join();
        consumer.updateConsumeOffset(queue, 5);
        consumer.getOffsetStore().persistAll(Set.of(queue));
        lab.await("its position is stored", () -> consumer.fetchConsumeOffset(queue, true) == 5);
        lab.await("it is given its queues", () -> consumer.fetchMessageQueuesInBalance("Pull").size() == 4);
        MessageExt back = all.getMsgFoundList().get(0);
        consumer.sendMessageBack(back, 1);
        MessageQueue retries = new MessageQueue("%RETRY%pull-group", queue.getBrokerName(), 0);
        lab.await("a message can be sent back", () -> {
            PullResult retried = consumer.pull(retries, "*", 0, 32);
            return retried.getPullStatus() == PullStatus.FOUND && bodies(retried).equals("[p0]");
        });
    }

    private static String bodies(PullResult result) {
        return result.getPullStatus() == PullStatus.FOUND
            ? result.getMsgFoundList().stream().map(Got::text).toList().toString()
            : result.getPullStatus().toString();
    }

    private Pulling() {
    }
}
