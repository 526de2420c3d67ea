package interop;

import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.consumer.store.OffsetStore;
import org.apache.rocketmq.client.consumer.store.ReadOffsetType;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** What push consumers do. */
final class Consuming {
    private static final int DIRECTLY_TO_THE_DEAD = -1;

    static void register(Map<String, Scenarios.Scenario> all) {
        all.put("broadcast", Consuming::broadcast);
        all.put("sql", Consuming::sql);
        all.put("dead", Consuming::dead);
        all.put("fromWhere", Consuming::fromWhere);
        all.put("reset", Consuming::reset);
    }

    /** Every member gets everything, and goes on where it was when it comes back. */
    private static void broadcast(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("broadcast-producer");
        DefaultMQPushConsumer first = broadcasting(lab, "one");
        Got one = lab.started(first);
        Got two = lab.started(broadcasting(lab, "two"));
        for (int i = 0; i < 10; i++) {
            producer.send(Lab.message("Broadcast", "T", "b" + i));
        }
        lab.await("every member gets every message", () -> one.size() >= 10 && two.size() >= 10);
        // A message counts as handled a moment after its handler has returned.
        lab.await("the one that goes has counted them", () -> positions(first, "Broadcast") == 10);
        first.shutdown();
        for (int i = 10; i < 15; i++) {
            producer.send(Lab.message("Broadcast", "T", "b" + i));
        }
        lab.await("the other goes on", () -> two.size() >= 15);
        Got again = lab.started(broadcasting(lab, "one"));
        lab.await("a member that comes back gets what it has missed", () -> again.size() >= 5);
        lab.same("and nothing else", "[b10, b11, b12, b13, b14]", Lab.sorted(again.bodies()));
        lab.same("each once", 10, one.size());
        lab.same("each once at the other", 15, two.size());
    }

    /** Of all queues together; one that has none yet says -1. */
    private static long positions(DefaultMQPushConsumer consumer, String topic) throws Exception {
        OffsetStore store = consumer.getDefaultMQPushConsumerImpl().getOffsetStore();
        long sum = 0;
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(topic)) {
            sum += Math.max(0, store.readOffset(queue, ReadOffsetType.READ_FROM_MEMORY));
        }
        return sum;
    }

    private static DefaultMQPushConsumer broadcasting(Lab lab, String instance) throws Exception {
        DefaultMQPushConsumer consumer = lab.consumer("broadcast-group");
        // Its positions lie in a file that is named after it.
        consumer.setInstanceName("broadcast-" + instance);
        setBroadcasting(consumer);
        consumer.subscribe("Broadcast", "*");
        return consumer;
    }

    /** The enumeration moved to another package in 5.0. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void setBroadcasting(DefaultMQPushConsumer consumer) throws Exception {
        Class<? extends Enum> model = (Class<? extends Enum>) DefaultMQPushConsumer.class.getMethod("getMessageModel").getReturnType();
        DefaultMQPushConsumer.class.getMethod("setMessageModel", model).invoke(consumer, Enum.valueOf(model, "BROADCASTING"));
    }

    /** Filters on properties. */
    private static void sql(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("sql-producer");
        DefaultMQPushConsumer consumer = lab.consumer("sql-group");
        consumer.subscribe("Sql", MessageSelector.bySql("a BETWEEN 2 AND 7 AND (colour = 'red' OR colour IS NULL) AND TAGS IN ('A', 'B')"));
        Got got = lab.started(consumer);
        for (int i = 0; i < 20; i++) {
            Message message = Lab.message("Sql", i % 2 == 0 ? "A" : "B", "s" + i);
            message.putUserProperty("a", String.valueOf(i % 10));
            if (i < 10) {
                message.putUserProperty("colour", i % 3 == 0 ? "red" : "blue");
            }
            producer.send(message);
        }
        String wanted = "[s12, s13, s14, s15, s16, s17, s3, s6]";
        lab.await("what the expression names comes", () -> got.size() >= 8);
        lab.same("and nothing else", wanted, Lab.sorted(got.bodies()));
        lab.refused("an expression that is none is refused at the start", "", () -> {
            DefaultMQPushConsumer wrong = lab.consumer("sql-wrong");
            wrong.subscribe("Sql", MessageSelector.bySql("a >>> 3 OR"));
            return lab.started(wrong);
        });
    }

    /** Failures: retries with their levels, then the dead letters, which a consumer can read. */
    private static void dead(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("dead-producer");
        Got attempts = new Got();
        DefaultMQPushConsumer consumer = lab.consumer("dead-group");
        consumer.setMaxReconsumeTimes(2);
        consumer.subscribe("Dead", "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(attempts::add);
            context.setDelayLevelWhenNextConsume(Got.text(messages.get(0)).equals("at-once") ? DIRECTLY_TO_THE_DEAD : 1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        lab.begin(consumer);
        producer.send(Lab.message("Dead", "T", "thrice"));
        producer.send(Lab.message("Dead", "T", "at-once"));
        DefaultMQPushConsumer orderly = lab.consumer("dead-orderly");
        orderly.setMaxReconsumeTimes(2);
        orderly.subscribe("DeadOrderly", "*");
        Got order = new Got();
        orderly.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            messages.forEach(order::add);
            context.setSuspendCurrentQueueTimeMillis(50);
            return Got.text(messages.get(0)).equals("stuck") ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS;
        });
        lab.begin(orderly);
        org.apache.rocketmq.client.producer.MessageQueueSelector toFirst = (queues, message, argument) -> queues.get(0);
        producer.send(Lab.message("DeadOrderly", "T", "stuck"), toFirst, null);
        producer.send(Lab.message("DeadOrderly", "T", "behind"), toFirst, null);
        lab.await("what is in order goes on behind one that is given up", () -> order.has("behind"));
        lab.same("which was tried as often as it may be", "[stuck, stuck, stuck, behind]", order.bodies());
        lab.await("failures are tried again", () -> attempts.size() >= 4);
        lab.same("as often as they may be", "[at-once, thrice, thrice, thrice]", Lab.sorted(attempts.bodies()));
        DefaultMQPushConsumer letters = lab.consumer("dead-letters");
        letters.subscribe("%DLQ%dead-group", "*");
        letters.subscribe("%DLQ%dead-orderly", "*");
        Got got = lab.started(letters);
        lab.await("dead letters can be consumed", () -> got.size() >= 3);
        lab.same("all of them", "[at-once, stuck, thrice]", Lab.sorted(got.bodies()));
        lab.check("they keep the ids of what died", got.all().stream().allMatch(letter ->
            attempts.all().stream().anyMatch(message -> message.getMsgId().equals(letter.getMsgId())) ||
            order.all().stream().anyMatch(message -> message.getMsgId().equals(letter.getMsgId()))), got.all());
    }

    /** Where a group begins that nobody knows. */
    private static void fromWhere(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("from-producer");
        producer.send(Lab.message("FromWhere", "T", "old"));
        Thread.sleep(2_100);
        Date middle = new Date();
        producer.send(Lab.message("FromWhere", "T", "newer"));
        Got first = lab.started(from(lab, "from-first", ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET, null));
        DefaultMQPushConsumer lastly = from(lab, "from-last", ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET, null);
        Got last = lab.started(lastly);
        Got date = lab.started(from(lab, "from-date", ConsumeFromWhere.CONSUME_FROM_TIMESTAMP, middle));
        lab.await("from the first: everything", () -> first.size() >= 2);
        lab.await("from a date: what was stored since", () -> date.size() >= 1);
        lab.await("who begins at the end has found it", () -> lastly.getDefaultMQPushConsumerImpl().getRebalanceImpl()
            .getProcessQueueTable().keySet().stream().filter(queue -> queue.getTopic().equals("FromWhere")).count() == 4);
        producer.send(Lab.message("FromWhere", "T", "newest"));
        lab.await("what comes later comes to all", () -> first.has("newest") && last.has("newest") && date.has("newest"));
        lab.same("from the first", "[newer, newest, old]", Lab.sorted(first.bodies()));
        lab.same("from the last", "[newest]", Lab.sorted(last.bodies()));
        lab.same("from a date", "[newer, newest]", Lab.sorted(date.bodies()));
    }

    private static DefaultMQPushConsumer from(Lab lab, String group, ConsumeFromWhere where, Date date) throws Exception {
        DefaultMQPushConsumer consumer = lab.consumer(group);
        consumer.setConsumeFromWhere(where);
        if (date != null) {
            consumer.setConsumeTimestamp(new SimpleDateFormat("yyyyMMddHHmmss").format(date));
        }
        consumer.subscribe("FromWhere", "*");
        return consumer;
    }

    /** A group at work is moved back, and gets everything once more. */
    private static void reset(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("reset-producer");
        DefaultMQPushConsumer consumer = lab.consumer("reset-group");
        consumer.subscribe("Reset", "*");
        Got got = lab.started(consumer);
        for (int i = 0; i < 12; i++) {
            producer.send(Lab.message("Reset", "T", "r" + i));
        }
        lab.await("everything comes", () -> got.size() >= 12);
        lab.say("consumed");
        lab.await("after a reset everything comes again", () -> got.size() >= 24);
        Set<String> distinct = Set.copyOf(got.bodies());
        lab.same("each of them twice", 12, distinct.size());
        producer.send(Lab.message("Reset", "T", "after"));
        lab.await("and the group goes on", () -> got.has("after"));
        List<MessageExt> all = got.all();
        lab.same("with nothing more often", 25, all.size());
    }

    private Consuming() {
    }
}
