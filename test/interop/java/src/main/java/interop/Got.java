package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.common.message.MessageExt;

/** What a consumer has been given, in the order in which it came. */
final class Got {
    private final List<MessageExt> messages = new ArrayList<>();
    private final List<Long> times = new ArrayList<>();

    synchronized void add(MessageExt message) {
        messages.add(message);
        times.add(System.currentTimeMillis());
    }

    synchronized List<MessageExt> all() {
        return new ArrayList<>(messages);
    }

    synchronized int size() {
        return messages.size();
    }

    synchronized long timeOf(String body) {
        for (int i = 0; i < messages.size(); i++) {
            if (text(messages.get(i)).equals(body)) {
                return times.get(i);
            }
        }
        return -1;
    }

    List<String> bodies() {
        return all().stream().map(Got::text).toList();
    }

    boolean has(String body) {
        return bodies().contains(body);
    }

    static String text(MessageExt message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }
}
