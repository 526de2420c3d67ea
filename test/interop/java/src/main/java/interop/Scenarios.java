package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * Every scenario in a thread of its own, all in one process. Arguments: the address of the broker, then names of
 * scenarios (all, if there are none). Lines of the input are told to the scenario that waits for them.
 */
public final class Scenarios {
    /** One behaviour of the client, checked from inside. */
    interface Scenario {
        void run(Lab lab) throws Exception;
    }

    private static final Map<String, Scenario> ALL = new LinkedHashMap<>();
    private static final Map<String, CountDownLatch> TOLD = new java.util.concurrent.ConcurrentHashMap<>();

    static {
        Sending.register(ALL);
        Consuming.register(ALL);
        Pulling.register(ALL);
        Conversing.register(ALL);
        Refused.register(ALL);
    }

    /** Waits until run.js has written this line. */
    static void awaitTold(String line) throws InterruptedException {
        TOLD.computeIfAbsent(line, ignored -> new CountDownLatch(1)).await();
    }

    private static void listen() {
        try (BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                TOLD.computeIfAbsent(line, ignored -> new CountDownLatch(1)).countDown();
            }
        } catch (java.io.IOException closed) {
            // As good as its end.
        }
        // The parent has gone.
        Runtime.getRuntime().halt(0);
    }

    private static void run(String server, String name) {
        try (Lab lab = new Lab(server, name)) {
            try {
                ALL.get(name).run(lab);
            } catch (Throwable error) {
                StringWriter trace = new StringWriter();
                error.printStackTrace(new PrintWriter(trace));
                lab.check("runs to its end", false, trace);
            }
        }
        Lab.line("ENDED", name);
    }

    public static void main(String[] args) throws Exception {
        Thread listener = new Thread(Scenarios::listen, "told");
        listener.setDaemon(true);
        listener.start();
        java.util.List<Thread> threads = new java.util.ArrayList<>();
        for (String name : ALL.keySet()) {
            if (args.length > 1 && !java.util.Arrays.asList(args).subList(1, args.length).contains(name)) {
                continue;
            }
            Thread thread = new Thread(() -> run(args[0], name), name);
            thread.start();
            threads.add(thread);
            // All at once, their classes would be loaded while requests run out of time.
            Thread.sleep(100);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        Lab.line("DONE");
        // Threads of the client's library outlive its shutdown.
        Runtime.getRuntime().halt(0);
    }

    private Scenarios() {
    }
}
