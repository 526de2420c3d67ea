package interop;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Where the broker asks back: transactions, requests; and the trace of messages. */
final class Conversing {
    static void register(Map<String, Scenarios.Scenario> all) {
        all.put("transactions", Conversing::transactions);
        all.put("requests", Conversing::requests);
        all.put("trace", Conversing::trace);
    }

    private static void transactions(Lab lab) throws Exception {
        Map<String, AtomicInteger> checks = new ConcurrentHashMap<>();
        TransactionMQProducer producer = new TransactionMQProducer("transactions-producer", Lab.signer());
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
                return (LocalTransactionState) argument;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                String body = Got.text(message);
                int times = checks.computeIfAbsent(body, ignored -> new AtomicInteger()).incrementAndGet();
                lab.check("the check shows the topic", message.getTopic().equals("Transactions"), message);
                if (times == 1 && body.equals("late")) {
                    return LocalTransactionState.UNKNOW;
                }
                return body.equals("no") ? LocalTransactionState.ROLLBACK_MESSAGE : LocalTransactionState.COMMIT_MESSAGE;
            }
        });
        lab.started(producer);
        DefaultMQPushConsumer consumer = lab.consumer("transactions-group");
        consumer.subscribe("Transactions", "*");
        Got got = lab.started(consumer);
        Map<String, LocalTransactionState> states = Map.of("commit", LocalTransactionState.COMMIT_MESSAGE,
            "rollback", LocalTransactionState.ROLLBACK_MESSAGE, "yes", LocalTransactionState.UNKNOW,
            "no", LocalTransactionState.UNKNOW, "late", LocalTransactionState.UNKNOW);
        for (Map.Entry<String, LocalTransactionState> state : states.entrySet()) {
            lab.same("the state comes back: " + state.getKey(), state.getValue(), producer
                .sendMessageInTransaction(Lab.message("Transactions", "T", state.getKey()), state.getValue())
                .getLocalTransactionState());
        }
        lab.await("what is committed comes, also after checks", () -> got.size() >= 3);
        lab.await("a transaction that is rolled back by its check was asked for", () -> checks.containsKey("no"));
        // Whatever else might come would come with the next check.
        Thread.sleep(1_500);
        lab.same("and nothing else", "[commit, late, yes]", Lab.sorted(got.bodies()));
        lab.check("an unknown outcome is asked for again", checks.get("late").get() >= 2, checks);
        lab.check("a known one is not", !checks.containsKey("commit") && !checks.containsKey("rollback"), checks);
    }

    /** Java asks Java and Node, Node asks Java. */
    private static void requests(Lab lab) throws Exception {
        DefaultMQProducer producer = lab.producer("requests-producer");
        DefaultMQProducer replies = lab.producer("requests-replier");
        DefaultMQPushConsumer consumer = lab.consumer("requests-group");
        consumer.subscribe("RequestsToJava", "*");
        AtomicInteger answering = new AtomicInteger();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                answering.incrementAndGet();
                try {
                    byte[] body = ("java:" + Got.text(message)).getBytes(StandardCharsets.UTF_8);
                    SendResult sent = replies.send(MessageUtil.createReplyMessage(message, body), 10_000);
                    lab.same("a reply is taken", "SEND_OK", sent.getSendStatus());
                } catch (Exception error) {
                    lab.check("a reply is sent", false, error);
                } finally {
                    answering.decrementAndGet();
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        lab.begin(consumer);
        lab.say("answering");
        lab.same("Java answers Java", "java:ask", ask(producer, Lab.message("RequestsToJava", "T", "ask")));
        Scenarios.awaitTold("answering");
        lab.same("Node answers Java", "node:ask", ask(producer, Lab.message("RequestsToNode", "T", "ask")));
        byte[] large = "x".repeat(50_000).getBytes(StandardCharsets.UTF_8);
        lab.same("also what is large", 50_005, ask(producer, new Message("RequestsToNode", "T", "large", large)).length());
        lab.refused("a request that nobody answers runs out", "timeout", () ->
            producer.request(Lab.message("RequestsToNobody", "T", "ask"), 500));
        Scenarios.awaitTold("asked");
        // Whoever asked has its answer before the one who gave it has heard that it was taken.
        lab.await("every reply is taken", () -> answering.get() == 0);
    }

    /**
     * The waiting form of 5.3.3 gives up as soon as the request is acknowledged (`acquireCountDownLatch` in the callback of
     * its send), so that it has a reply only if that overtakes the acknowledgement; 4.9.8 waits.
     */
    private static String ask(DefaultMQProducer producer, Message message) throws Exception {
        if (!Lab.FIVE) {
            return new String(producer.request(message, 30_000).getBody(), StandardCharsets.UTF_8);
        }
        CompletableFuture<String> asked = new CompletableFuture<>();
        producer.request(message, new RequestCallback() {
            @Override
            public void onSuccess(Message reply) {
                asked.complete(new String(reply.getBody(), StandardCharsets.UTF_8));
            }

            @Override
            public void onException(Throwable cause) {
                asked.completeExceptionally(cause);
            }
        }, 30_000);
        return asked.get(40, TimeUnit.SECONDS);
    }

    /** The records that the client writes about its messages; run.js reads them. */
    private static void trace(Lab lab) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("trace-producer", true, null);
        lab.started(producer);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("trace-group", true, null);
        lab.settled(consumer);
        consumer.subscribe("Traced", "*");
        Got got = lab.started(consumer);
        SendResult sent = producer.send(Lab.message("Traced", "T", "traced"));
        lab.await("a traced message comes", () -> got.size() >= 1);
        lab.say("sent", sent.getMsgId());
        Scenarios.awaitTold("traced");
    }

    private Conversing() {
    }
}
