package interop;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Runs programs of RocketMQ's own examples in this process, each by its main method. Arguments: address and class in turn.
 * What a program prints becomes lines with its name in front: threads that it starts inherit that name.
 */
public final class Examples {
    private static final InheritableThreadLocal<String> PROGRAM = new InheritableThreadLocal<>();
    private static final PrintStream OUT = System.out;
    private static final long SETTLED_MILLIS = 1_500;

    /** Cuts what is printed into lines, for each thread on its own. */
    private static final class Named extends OutputStream {
        private final ThreadLocal<ByteArrayOutputStream> begun = ThreadLocal.withInitial(ByteArrayOutputStream::new);

        @Override
        public void write(int value) {
            ByteArrayOutputStream line = begun.get();
            if (value != '\n') {
                line.write(value);
                return;
            }
            tell("OUT", line.toString(StandardCharsets.UTF_8));
            line.reset();
        }
    }

    private static void tell(String what, String text) {
        synchronized (OUT) {
            OUT.println(what + "\t" + PROGRAM.get() + "\t" + text.replace('\t', ' '));
        }
    }

    private static void run(String program) {
        PROGRAM.set(program);
        try {
            Class.forName("org.apache.rocketmq.example." + program).getMethod("main", String[].class)
                .invoke(null, (Object) new String[0]);
            // Some end in the middle of a line.
            System.out.println();
        } catch (Throwable error) {
            tell("FAILED", String.valueOf(error.getCause() == null ? error : error.getCause()));
        }
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new PrintStream(new Named(), true, StandardCharsets.UTF_8));
        for (int i = 0; i < args.length; i += 2) {
            String program = args[i + 1];
            // Read when a client is made: the next program must not change it before.
            System.setProperty("rocketmq.namesrv.addr", args[i]);
            Thread thread = new Thread(() -> run(program), program);
            thread.start();
            thread.join(SETTLED_MILLIS);
        }
        while (System.in.read() >= 0) {
            // Until nobody listens any more.
        }
        Runtime.getRuntime().halt(0);
    }

    private Examples() {
    }
}
