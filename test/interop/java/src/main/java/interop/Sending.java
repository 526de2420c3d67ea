package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** What producers do. */
final class Sending {
    private static final String[] KEYS = {"a", "order-17", "Grüße", "polygenelubricants", "", "世界"};

    static void register(Map<String, Scenarios.Scenario> all) {
        all.put("queues", Sending::queues);
        all.put("delays", Sending::delays);
        all.put("compressed", Sending::compressed);
        all.put("limits", Sending::limits);
        all.put("queries", Sending::queries);
    }

    /** A queue that is named, chosen by a selector or by the hash of a key; one way; with a callback; batches. */
    private static void queues(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("queues-producer");
        Got got = lab.started(subscribed(lab, "queues-group", "Queues"));
        List<MessageQueue> queues = new ArrayList<>(producer.fetchPublishMessageQueues("Queues"));
        queues.sort(Comparator.naturalOrder());
        lab.same("the topic has its queues", 4, queues.size());
        for (MessageQueue queue : queues) {
            SendResult result = producer.send(Lab.message("Queues", "T", "named-" + queue.getQueueId()), queue);
            lab.same("a named queue is taken", queue, result.getMessageQueue());
        }
        for (int i = 0; i < KEYS.length; i++) {
            String key = KEYS[i];
            SendResult result = producer.send(Lab.message("Queues", "T", "hash-" + i), new SelectMessageQueueByHash(), key);
            lab.say("hashed", String.valueOf(i), String.valueOf(result.getMessageQueue().getQueueId()));
        }
        producer.sendOneway(Lab.message("Queues", "T", "oneway"));
        producer.sendOneway(Lab.message("Queues", "T", "oneway-named"), queues.get(2));
        CountDownLatch answered = new CountDownLatch(2);
        SendCallback callback = new SendCallback() {
            @Override
            public void onSuccess(SendResult result) {
                answered.countDown();
            }

            @Override
            public void onException(Throwable cause) {
                lab.check("a send with a callback", false, cause);
            }
        };
        producer.send(Lab.message("Queues", "T", "async"), callback);
        producer.send(Lab.message("Queues", "T", "async-named"), queues.get(3), callback);
        lab.check("sends with a callback are answered", answered.await(20, TimeUnit.SECONDS), answered);
        List<Message> batch = List.of(Lab.message("Queues", "T", "batch-0"), Lab.message("Queues", "T", "batch-1"));
        lab.same("a batch goes to a named queue", queues.get(1), producer.send(batch, queues.get(1)).getMessageQueue());
        if (lab.await("everything sent arrives", () -> got.size() >= 4 + KEYS.length + 4 + 2)) {
            List<MessageExt> named = got.all().stream().filter(message -> Got.text(message).endsWith("-named")).toList();
            lab.check("a named queue is kept without an answer", named.stream().allMatch(message ->
                message.getQueueId() == (Got.text(message).startsWith("oneway") ? 2 : 3)), named);
        }
        MessageQueue none = new MessageQueue("Queues", queues.get(0).getBrokerName(), 77);
        lab.refused("a queue that does not exist is refused", "queue", () -> producer.send(Lab.message("Queues", "T", "x"), none));
    }

    private static org.apache.rocketmq.client.consumer.DefaultMQPushConsumer subscribed(Lab lab, String group, String topic)
        throws Exception {
        org.apache.rocketmq.client.consumer.DefaultMQPushConsumer consumer = lab.consumer(group);
        consumer.subscribe(topic, "*");
        return consumer;
    }

    /** Levels, and in the newer line instants that are none of them. */
    private static void delays(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("delays-producer");
        Got got = lab.started(subscribed(lab, "delays-group", "Delays"));
        producer.send(Lab.message("Delays", "T", "now"));
        lab.await("a message without delay comes", () -> got.has("now"));
        Map<String, Long> due = new java.util.concurrent.ConcurrentHashMap<>();
        delayed(producer, due, "level-1", 1_000, message -> message.setDelayTimeLevel(1));
        delayed(producer, due, "level-2", 5_000, message -> message.setDelayTimeLevel(2));
        if (Lab.FIVE) {
            // The setters of 5.x write these properties.
            delayed(producer, due, "seconds", 2_000, message -> MessageAccessor.putProperty(message, "TIMER_DELAY_SEC", "2"));
            delayed(producer, due, "millis", 1_234, message -> MessageAccessor.putProperty(message, "TIMER_DELAY_MS", "1234"));
            long at = System.currentTimeMillis() + 3_456;
            delayed(producer, due, "instant", 0, message -> MessageAccessor.putProperty(message, "TIMER_DELIVER_MS", String.valueOf(at)));
            due.put("instant", at);
            long past = System.currentTimeMillis() - 10_000;
            delayed(producer, due, "past", 0, message -> MessageAccessor.putProperty(message, "TIMER_DELIVER_MS", String.valueOf(past)));
        }
        if (lab.await("what is delayed comes", () -> got.size() > due.size())) {
            due.forEach((body, instant) -> {
                long late = got.timeOf(body) - instant;
                lab.check(body + " comes when it is due", late >= 0 && late < 5_000, late + " ms late");
            });
            lab.same("each once", due.size() + 1, got.size());
            lab.check("under its own topic", got.all().stream().allMatch(message -> message.getTopic().equals("Delays")), "");
        }
    }

    private static void delayed(DefaultMQProducer producer, Map<String, Long> due, String body, long millis,
        java.util.function.Consumer<Message> setting) throws Exception {
        Message message = Lab.message("Delays", "T", body);
        setting.accept(message);
        due.put(body, System.currentTimeMillis() + millis);
        producer.send(message);
    }

    /** Bodies that the client packs, as it does by default; run.js looks at the same topic. */
    private static void compressed(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("compressed-producer");
        Got got = lab.started(subscribed(lab, "compressed-group", "Compressed"));
        String body = "Übergröße ".repeat(30_000);
        producer.send(Lab.message("Compressed", "zlib", "small"));
        producer.send(new Message("Compressed", "zlib", "k", body.getBytes(StandardCharsets.UTF_8)));
        int wanted = 2;
        if (Lab.FIVE) {
            for (String type : List.of("LZ4", "ZSTD", "ZLIB")) {
                DefaultMQProducer packing = new DefaultMQProducer("compressed-" + type);
                lab.started(packing);
                Object compression = Enum.valueOf(org.apache.rocketmq.common.compression.CompressionType.class, type);
                DefaultMQProducer.class.getMethod("setCompressType", compression.getClass()).invoke(packing, compression);
                packing.send(new Message("Compressed", type, "k", body.getBytes(StandardCharsets.UTF_8)));
                wanted++;
            }
        }
        int total = wanted;
        if (lab.await("packed bodies come", () -> got.size() >= total)) {
            lab.check("packed bodies come back as they were", got.all().stream()
                .filter(message -> message.getBody().length > 100)
                .allMatch(message -> Got.text(message).equals(body)), "");
        }
        lab.say("sent", String.valueOf(total));
        Scenarios.awaitTold("compressed");
    }

    /** What a broker has to refuse, and the client to hear of. */
    private static void limits(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("limits-producer");
        producer.setMaxMessageSize(8 * 1024 * 1024);
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        lab.refused("a body that is too large is refused", "CODE: 13", () ->
            producer.send(new Message("Limits", "T", "k", new byte[5 * 1024 * 1024])));
        lab.refused("a topic of the system is refused", "forbidden", () ->
            producer.send(Lab.message("RMQ_SYS_TRANS_HALF_TOPIC", "T", "x")));
        lab.refused("properties that are too long are refused", "CODE: 13", () -> {
            Message message = Lab.message("Limits", "T", "x");
            message.putUserProperty("long", "x".repeat(32_000));
            return producer.send(message);
        });
        SendResult result = producer.send(Lab.message("Limits", "T", "fits"));
        lab.same("the producer goes on", "SEND_OK", result.getSendStatus());
    }

    /** Finding messages again: by ids, by keys, by time. */
    private static void queries(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("queries-producer");
        long before = System.currentTimeMillis();
        SendResult first = producer.send(new Message("Queries", "T", "one all", "first".getBytes(StandardCharsets.UTF_8)));
        SendResult second = producer.send(new Message("Queries", "T", "two all", "second".getBytes(StandardCharsets.UTF_8)));
        MessageQueue queue = first.getMessageQueue();
        lab.same("a message is found by its offset id", "first",
            Got.text(producer.viewMessage("Queries", first.getOffsetMsgId())));
        MessageExt byUnique = producer.viewMessage("Queries", second.getMsgId());
        lab.same("a message is found by its unique id", "second", Got.text(byUnique));
        lab.same("what is found knows its unique id", second.getMsgId(), byUnique.getMsgId());
        lab.same("a message is found by one of its keys", "[first]", found(producer, "one", before));
        lab.same("messages are found by a key that they share", "[first, second]", found(producer, "all", before));
        lab.refused("a key that nobody has is not found", "no message", () -> found(producer, "nobody", before));
        lab.refused("an offset id that leads nowhere is not found", "", () ->
            producer.viewMessage("Queries", first.getOffsetMsgId().substring(0, 16) + "0000000000FFFFFF"));
        lab.check("the end of a queue is told", producer.maxOffset(queue) == first.getQueueOffset() + 1
            || queue.equals(second.getMessageQueue()), producer.maxOffset(queue));
        lab.same("the beginning of a queue is told", 0L, producer.minOffset(queue));
        lab.same("an offset is found by time", first.getQueueOffset(), producer.searchOffset(queue, before));
        lab.check("the earliest time of a queue is told", producer.earliestMsgStoreTime(queue) >= before - 60_000, "");
    }

    private static String found(DefaultMQProducer producer, String key, long since) throws Exception {
        List<MessageExt> messages = producer.queryMessage("Queries", key, 10, since - 60_000, System.currentTimeMillis() + 60_000)
            .getMessageList();
        return Lab.sorted(messages.stream().map(Got::text).toList());
    }

    private Sending() {
    }
}
