// Over the RocketMQ client: sends at a steady rate, whatever is answered, and takes the time from each send to its arrival
// in a push consumer of the same process. Apache's own programs print a mean alone.
// Windows lie back to back; a message belongs to the one in which it was sent.
// java -cp CLASSPATH Latency.java NAMESERVER TOPIC BYTES RATE WARM_UP_SECONDS SECONDS WINDOWS
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;

public class Latency {
    private static final long NANOS = 1_000_000_000L;

    public static void main(String[] args) throws Exception {
        String nameServer = args[0];
        String topic = args[1];
        int bytes = Integer.parseInt(args[2]);
        double rate = Double.parseDouble(args[3]);
        double busyRate = Double.parseDouble(args[4]);
        double busySeconds = Double.parseDouble(args[5]);
        double warmUpSeconds = Double.parseDouble(args[6]);
        double seconds = Double.parseDouble(args[7]);
        int windows = Integer.parseInt(args[8]);

        AtomicLong received = new AtomicLong();
        AtomicLong measuredFrom = new AtomicLong(Long.MAX_VALUE);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        ConcurrentLinkedQueue<long[]> samples = new ConcurrentLinkedQueue<>();

        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("bench_latency_" + System.currentTimeMillis());
        consumer.setNamesrvAddr(nameServer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        consumer.subscribe(topic, "*");
        long started = System.nanoTime();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            long now = System.nanoTime();
            for (var message : messages) {
                long sentAt = ByteBuffer.wrap(message.getBody()).getLong();
                // What an earlier run has left is not ours.
                if (sentAt < started) continue;
                received.incrementAndGet();
                if (sentAt >= measuredFrom.get()) samples.add(new long[] {sentAt, now - sentAt});
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();

        DefaultMQProducer producer = new DefaultMQProducer("bench_latency");
        producer.setNamesrvAddr(nameServer);
        producer.start();

        SendCallback callback = new SendCallback() {
            @Override
            public void onSuccess(SendResult result) {
            }

            @Override
            public void onException(Throwable error) {
                failure.compareAndSet(null, error);
            }
        };
        // Connections, routes and queues first: the consumer hears of its queues when it hears of them.
        long sent = 0;
        long patience = System.nanoTime() + 60 * NANOS;
        while (received.get() < 4 && System.nanoTime() < patience) {
            producer.send(message(topic, bytes));
            sent++;
            Thread.sleep(50);
        }

        long begin = System.nanoTime();
        // The warm-up begins busier, as that of the other subjects: rhythm.js.
        long busy = Math.round(busySeconds * busyRate);
        long warm = busy + Math.round((warmUpSeconds - busySeconds) * rate);
        long total = warm + Math.round(seconds * windows * rate);
        long aWindow = Math.round(seconds * rate);
        long[] begins = new long[windows];
        for (long index = 0; index < total; index++) {
            double after = index < busy ? index / busyRate : busySeconds + (index - busy) / rate;
            long due = begin + (long) (after * NANOS);
            while (System.nanoTime() < due) LockSupport.parkNanos(due - System.nanoTime());
            if (index >= warm && (index - warm) % aWindow == 0 && (index - warm) / aWindow < windows) {
                int window = (int) ((index - warm) / aWindow);
                begins[window] = System.nanoTime();
                if (window == 0) measuredFrom.set(begins[0]);
            }
            producer.send(message(topic, bytes), callback);
            sent++;
        }
        patience = System.nanoTime() + 10 * NANOS;
        while (received.get() < sent && System.nanoTime() < patience) Thread.sleep(5);

        if (failure.get() != null) System.out.println("FAILED " + failure.get());
        else if (samples.size() < (total - warm)) System.out.println("FAILED " + samples.size() + " of " + (total - warm) + " arrived");
        else for (int window = 0; window < windows; window++) {
            long from = begins[window];
            long until = window + 1 < windows ? begins[window + 1] : Long.MAX_VALUE;
            long[] sorted = samples.stream().filter(s -> s[0] >= from && s[0] < until).mapToLong(s -> s[1]).sorted().toArray();
            System.out.println("LATENCY " + millis(sorted, 0.5) + " " + millis(sorted, 0.99) + " " + millis(sorted, 1) + " " + sorted.length);
        }
        System.out.println("END");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static Message message(String topic, int bytes) {
        byte[] body = new byte[Math.max(8, bytes)];
        Arrays.fill(body, (byte) 'x');
        ByteBuffer.wrap(body).putLong(System.nanoTime());
        return new Message(topic, body);
    }

    private static double millis(long[] sorted, double share) {
        return sorted[Math.min(sorted.length - 1, (int) (sorted.length * share))] / 1e6;
    }
}
