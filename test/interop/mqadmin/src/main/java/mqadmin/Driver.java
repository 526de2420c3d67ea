package mqadmin;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Runs mqadmin sub-commands in one JVM, one after the other: each line of the input is a command, its words parted by tabs;
 * each line of the output is what it printed, in Base64. The command `!consume group topic` starts a consumer and prints
 * its client id; `!seen` prints how many messages it was given; `!positions group topic clientId` prints where it stands.
 */
public final class Driver {
    private static final java.util.concurrent.atomic.AtomicInteger SEEN = new java.util.concurrent.atomic.AtomicInteger();

    public static void main(String[] args) throws Exception {
        System.setProperty("rocketmq.namesrv.addr", args[0]);
        hurryShutdowns(Thread.currentThread());
        PrintStream out = System.out;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            PrintStream capture = new PrintStream(printed, true, StandardCharsets.UTF_8);
            System.setOut(capture);
            System.setErr(capture);
            try {
                run(line.split("\t"), capture);
            } catch (Throwable thrown) {
                thrown.printStackTrace(capture);
            }
            capture.flush();
            out.println(Base64.getEncoder().encodeToString(printed.toByteArray()));
            out.flush();
        }
        System.exit(0);
    }

    /**
     * A client that is shut down joins a thread of its own that looks every 3 s whether it is to end, which was most of what
     * the commands took. Interrupted, it looks at once.
     */
    private static void hurryShutdowns(Thread commands) {
        Thread hurry = new Thread(() -> {
            for (;;) {
                if (isShuttingDown(commands)) {
                    for (Thread thread : Thread.getAllStackTraces().keySet())
                        if (thread.getName().equals("NettyEventExecutor")) thread.interrupt();
                }
                try {
                    Thread.sleep(20);
                } catch (InterruptedException interrupted) {
                    return;
                }
            }
        });
        hurry.setDaemon(true);
        hurry.start();
    }

    private static boolean isShuttingDown(Thread commands) {
        for (StackTraceElement frame : commands.getStackTrace())
            if (frame.getClassName().endsWith(".ServiceThread") && frame.getMethodName().equals("shutdown")) return true;
        return false;
    }

    private static void run(String[] words, PrintStream capture) throws Exception {
        switch (words[0]) {
            case "!consume":
                DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(words[1]);
                consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
                consumer.subscribe(words[2], "*");
                consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                    SEEN.addAndGet(messages.size());
                    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
                });
                consumer.start();
                capture.print(consumer.getDefaultMQPushConsumerImpl().getmQClientFactory().getClientId());
                break;
            case "!positions":
                DefaultMQAdminExt admin = new DefaultMQAdminExt();
                admin.setInstanceName("positions-" + System.nanoTime());
                admin.start();
                admin.getConsumeStatus(words[2], words[1], words[3]).forEach((client, queues) -> queues.forEach((queue, offset) ->
                    capture.println(queue.getBrokerName() + " " + queue.getQueueId() + " " + offset)));
                admin.shutdown();
                break;
            case "!seen":
                capture.print(SEEN.get());
                break;
            default:
                MQAdminStartup.main0(words, null);
        }
    }
}
