package nestmq.vectors;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageBatch;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExtBatch;
import org.apache.rocketmq.common.message.MessageExtBrokerInner;
import org.apache.rocketmq.common.message.MessageVersion;
import org.apache.rocketmq.store.RecordLab;

/** Stored message records, and batch bodies. */
final class RecordVectors {
    private static final String V4 = "10.1.2.3:10911";
    private static final String V6 = "[2001:db8::7]:10911";

    private final List<Object> records = new ArrayList<>();
    private final RecordLab plain;
    private final RecordLab withCrc;

    RecordVectors(Path directory) throws Exception {
        plain = new RecordLab(directory.resolve("plain"), false);
        withCrc = new RecordLab(directory.resolve("crc"), true);
    }

    List<Object> make() throws Exception {
        add("small", 0, 0, 0, 0, "hello", "orders", "TAGS\u0001created\u0002", V4, V4);
        add("no-body-no-properties", 0, 0, 0, 0, "", "t", "", V4, V4);
        add("one-byte", 1, -1, 5, 7, "x", "t", "", "0.0.0.0:0", "255.255.255.255:65535");
        add("open-properties", 3, 0, 1L << 33, 1L << 40, "body", "orders", "TAGS\u0001a\u0002KEYS\u0001k1 k2", V4, V4);
        add("closed-properties", 3, 0, 1L << 33, 1L << 40, "body", "orders", "TAGS\u0001a\u0002KEYS\u0001k1 k2\u0002", V4, V4);
        add("unicode", 0, 0, 1, 2, "Grüße 世界 😀", "orders", "name\u0001Grüße 世界 😀\u0002TAGS\u0001ä\u0002", V4, V4);
        add("born-v6", 0, 0, 1, 2, "body", "orders", "TAGS\u0001a\u0002", "[::1]:54321", V4);
        add("store-v6", 0, 0, 1, 2, "body", "orders", "TAGS\u0001a\u0002", V4, V6);
        add("both-v6", 0, 0, 1, 2, "body", "orders", "", "[fe80::1:0:0:2]:1", V6);
        add("compressed-committed", 0, 0x301 | 0x8, 1, 2, "zzz", "orders", "", V4, V4);
        add("topic-127", 0, 0, 1, 2, "body", "t".repeat(127), "TAGS\u0001a\u0002", V4, V4);
        add("topic-128", 0, 0, 1, 2, "body", "%RETRY%" + "g".repeat(121), "TAGS\u0001a\u0002", V4, V4);
        add("topic-255", 0, 0, 1, 2, "body", "%RETRY%" + "g".repeat(248), "", V4, V6);
        add("long-body", 0, 0, 1, 2, "0123456789".repeat(300), "orders", "", V4, V4);
        add("long-properties", 0, 0, 1, 2, "b", "orders", "a\u0001" + "v".repeat(2000) + "\u0002", V4, V4);
        return records;
    }

    /** `flags` is the user's flag and, unless negative, the sysFlag as well. */
    private void add(String name, int queueId, int flags, long queueOffset, long physicalOffset, String body, String topic,
        String properties, String bornHost, String storeHost) throws Exception {
        for (boolean crc : new boolean[] {false, true}) {
            MessageExtBrokerInner message = message(queueId, flags, queueOffset, body, topic, properties, bornHost, storeHost);
            byte[] bytes = (crc ? withCrc : plain).store(message, physicalOffset);
            records.add(Hex.map(
                "name", name + (crc ? "-crc" : ""),
                "crc", crc,
                "size", bytes.length,
                "bodyCrc", message.getBodyCRC(),
                "queueId", queueId,
                "flag", message.getFlag(),
                "queueOffset", queueOffset,
                "physicalOffset", physicalOffset,
                "sysFlag", message.getSysFlag(),
                "bornTimestamp", message.getBornTimestamp(),
                "bornHost", bornHost,
                "storeTimestamp", message.getStoreTimestamp(),
                "storeHost", storeHost,
                "reconsumeTimes", message.getReconsumeTimes(),
                "preparedTransactionOffset", message.getPreparedTransactionOffset(),
                "body", Hex.of(message.getBody()),
                "topic", topic,
                "properties", properties,
                "offsetMessageId", MessageDecoder.decode(ByteBuffer.wrap(bytes), true, false).getMsgId(),
                "hex", Hex.of(bytes)));
        }
    }

    private static MessageExtBrokerInner message(int queueId, int flags, long queueOffset, String body, String topic,
        String properties, String bornHost, String storeHost) throws Exception {
        MessageExtBrokerInner message = new MessageExtBrokerInner();
        message.setTopic(topic);
        message.setBody(body.getBytes(StandardCharsets.UTF_8));
        message.setBodyCRC(UtilAll.crc32(message.getBody()));
        message.setQueueId(queueId);
        message.setFlag(flags);
        message.setSysFlag(Math.max(flags, 0));
        message.setQueueOffset(queueOffset);
        message.setBornTimestamp(1700000000123L);
        message.setStoreTimestamp(1700000000456L + queueOffset);
        message.setReconsumeTimes(queueId);
        message.setPreparedTransactionOffset(queueOffset * 3);
        message.setPropertiesString(properties);
        message.setBornHost(host(bornHost));
        message.setStoreHost(host(storeHost));
        if (host(bornHost).getAddress() instanceof Inet6Address) {
            message.setBornHostV6Flag();
        }
        if (host(storeHost).getAddress() instanceof Inet6Address) {
            message.setStoreHostAddressV6Flag();
        }
        message.setVersion(topic.length() > Byte.MAX_VALUE ? MessageVersion.MESSAGE_VERSION_V2 : MessageVersion.MESSAGE_VERSION_V1);
        return message;
    }

    static InetSocketAddress host(String text) throws Exception {
        int colon = text.lastIndexOf(':');
        String address = text.substring(0, colon).replace("[", "").replace("]", "");
        return new InetSocketAddress(InetAddress.getByName(address), Integer.parseInt(text.substring(colon + 1)));
    }

    /** A batch as the producer encodes it, and the records that the broker makes of it. */
    Map<String, Object> batch() throws Exception {
        List<Message> messages = new ArrayList<>();
        messages.add(new Message("orders", "created", "k1", 3, "first".getBytes(StandardCharsets.UTF_8), true));
        messages.add(new Message("orders", "", "", 0, "Grüße".getBytes(StandardCharsets.UTF_8), true));
        messages.add(new Message("orders", new byte[] {0}));
        messages.get(2).putUserProperty("name", "世界");
        byte[] body = MessageBatch.generateFromList(messages).encode();
        List<Object> items = new ArrayList<>();
        for (Message message : messages) {
            items.add(Hex.map("flag", message.getFlag(), "body", Hex.of(message.getBody()),
                "properties", MessageDecoder.messageProperties2String(message.getProperties())));
        }
        MessageExtBatch batch = new MessageExtBatch();
        batch.setTopic("orders");
        batch.setQueueId(1);
        batch.setQueueOffset(40L);
        batch.setBornTimestamp(1700000000123L);
        batch.setStoreTimestamp(1700000000456L);
        batch.setBornHost(host(V4));
        batch.setStoreHost(host(V4));
        batch.setBody(body);
        batch.setVersion(MessageVersion.MESSAGE_VERSION_V1);
        return Hex.map("items", items, "hex", Hex.of(body), "queueId", 1, "queueOffset", 40, "physicalOffset", 8192,
            "bornTimestamp", 1700000000123L, "storeTimestamp", 1700000000456L, "host", V4, "topic", "orders",
            "records", Hex.of(withCrc.store(batch, 8192L)));
    }

    Map<String, Object> blank() throws Exception {
        MessageExtBrokerInner message = message(0, 0, 0, "too long", "t", "", V4, V4);
        return Hex.map("remaining", 100, "hex", Hex.of(withCrc.blank(message, 100)));
    }
}
