package nestmq.vectors;

import com.alibaba.fastjson.serializer.SerializerFeature;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.remoting.protocol.DataVersion;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.client.Validators;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExtBrokerInner;
import org.apache.rocketmq.common.message.MessageId;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.topic.TopicValidator;
import org.apache.rocketmq.remoting.protocol.body.ClusterInfo;
import org.apache.rocketmq.remoting.protocol.body.LockBatchRequestBody;
import org.apache.rocketmq.remoting.protocol.body.LockBatchResponseBody;
import org.apache.rocketmq.remoting.protocol.body.RegisterBrokerBody;
import org.apache.rocketmq.remoting.protocol.body.ResetOffsetBody;
import org.apache.rocketmq.remoting.protocol.body.TopicConfigAndMappingSerializeWrapper;
import org.apache.rocketmq.remoting.protocol.body.TopicList;
import org.apache.rocketmq.remoting.protocol.filter.FilterAPI;
import org.apache.rocketmq.remoting.protocol.header.GetConsumerListByGroupResponseBody;
import org.apache.rocketmq.remoting.protocol.heartbeat.ConsumeType;
import org.apache.rocketmq.remoting.protocol.heartbeat.ConsumerData;
import org.apache.rocketmq.remoting.protocol.heartbeat.HeartbeatData;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.remoting.protocol.heartbeat.ProducerData;
import org.apache.rocketmq.remoting.protocol.heartbeat.SubscriptionData;
import org.apache.rocketmq.remoting.protocol.route.BrokerData;
import org.apache.rocketmq.remoting.protocol.route.QueueData;
import org.apache.rocketmq.remoting.protocol.route.TopicRouteData;

/** Everything that is text: names, hash codes, properties, ids, filters and JSON bodies. */
final class TextVectors {
    private TextVectors() {
    }

    static Map<String, Object> names() {
        Map<String, Object> hashes = new LinkedHashMap<>();
        for (String text : List.of("", "a", "created", "polygenelubricants", "Grüße", "世界", "😀", "x".repeat(200))) {
            hashes.put(text, text.hashCode());
        }
        Map<String, Object> topics = new LinkedHashMap<>();
        for (String topic : List.of("orders", "a_b-C|9%", "", " ", "a b", "a.b", "ä", "a/b", "t".repeat(127), "t".repeat(128),
            "%RETRY%" + "g".repeat(120), "%RETRY%" + "g".repeat(121))) {
            topics.put(topic, TopicValidator.validateTopic(topic).isValid());
        }
        Map<String, Object> groups = new LinkedHashMap<>();
        for (String group : List.of("billing", "", "a b", "g".repeat(120), "g".repeat(121))) {
            groups.put(group, isGroup(group));
        }
        Map<String, Object> system = new LinkedHashMap<>();
        Set<String> known = new TreeSet<>(TopicValidator.getSystemTopicSet());
        known.addAll(List.of("orders", "rmq_sys_wheel_timer", "%RETRY%g"));
        for (String topic : known) {
            system.put(topic, Hex.map("system", TopicValidator.isSystemTopic(topic), "sendable", !TopicValidator.isNotAllowedSendTopic(topic)));
        }
        Map<String, Object> crcs = new LinkedHashMap<>();
        for (String text : List.of("", "hello", "Grüße 世界 😀")) {
            crcs.put(text, UtilAll.crc32(text.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        }
        return Hex.map("hashCodes", hashes, "topics", topics, "groups", groups, "systemTopics", system, "crcs", crcs,
            "retryTopic", MixAll.getRetryTopic("billing"),
            "deadLetterTopic", MixAll.getDLQTopic("billing"));
    }

    private static boolean isGroup(String name) {
        try {
            Validators.checkGroup(name);
            return true;
        } catch (MQClientException e) {
            return false;
        }
    }

    static List<Object> properties() {
        List<Object> vectors = new ArrayList<>();
        for (String text : List.of(
            "",
            "a\u0001b\u0002",
            "a\u0001b",
            "a\u0001b\u0002c\u0001d",
            "a\u0001\u0002c\u0001d\u0002",
            "\u0001b\u0002c\u0001d\u0002",
            "abc\u0002c\u0001d\u0002",
            "abc",
            "\u0002\u0002\u0002a\u0001b\u0002\u0002",
            "a\u0001b\u0001c\u0002",
            "a\u0001b\u0002a\u0001c\u0002",
            "a\u0001b\u0002a\u0001\u0002",
            "aa\u0001b\u0002a\u0001c\u0002ba\u0001d\u0002",
            "x\u0002\u0001y\u0002z\u0001w",
            "__proto__\u0001x\u0002constructor\u0001y\u0002",
            "Grüße\u0001世界 😀\u0002",
            "TAGS\u0001created\u0002KEYS\u0001k1 k2\u0002UNIQ_KEY\u00017F00\u0002WAIT\u0001true\u0002",
            "\u0001",
            "\u0002",
            "\u0001\u0002",
            "\u0001\u0001\u0001\u0002",
            "ab\u0001\u0001\u0002")) {
            Map<String, String> parsed = new TreeMap<>(MessageDecoder.string2messageProperties(text));
            vectors.add(Hex.map("text", text, "entries", parsed, "encoded", MessageDecoder.messageProperties2String(parsed),
                "tagsCode", MessageExtBrokerInner.tagsString2tagsCode(null, parsed.get("TAGS"))));
        }
        return vectors;
    }

    static List<Object> ids() throws Exception {
        List<Object> vectors = new ArrayList<>();
        for (String host : List.of("127.0.0.1:10911", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:10911", "[2001:db8::7]:1")) {
            for (long offset : new long[] {0, 1, 4294967296L, 9007199254740991L}) {
                InetSocketAddress address = RecordVectors.host(host);
                String id = MessageDecoder.createMessageId(address, offset);
                MessageId decoded = MessageDecoder.decodeMessageId(id);
                if (decoded.getOffset() != offset || !decoded.getAddress().equals(address)) {
                    throw new IllegalStateException(id);
                }
                vectors.add(Hex.map("host", host, "physicalOffset", offset, "id", id));
            }
        }
        return vectors;
    }

    static List<Object> filters() throws Exception {
        List<Object> vectors = new ArrayList<>();
        for (String expression : Arrays.asList(null, "", "*", "a", "a || b", " a||b ", "a||a", "a||", "Grüße || 世界", "a|b")) {
            SubscriptionData data = FilterAPI.buildSubscriptionData("orders", expression);
            vectors.add(Hex.map("expression", expression, "tags", new TreeSet<>(data.getTagsSet()), "codes", new TreeSet<>(data.getCodeSet())));
        }
        return vectors;
    }

    static Map<String, Object> bodies() throws Exception {
        Map<String, Object> vectors = new LinkedHashMap<>();
        vectors.put("heartbeat", Hex.of(heartbeat().encode()));
        TopicRouteData route = route();
        vectors.put("routeUnquoted", Hex.of(route.encode()));
        vectors.put("routeStandard", Hex.of(route.encode(SerializerFeature.BrowserCompatible, SerializerFeature.QuoteFieldNames,
            SerializerFeature.SkipTransientField, SerializerFeature.MapSortField)));
        ClusterInfo cluster = new ClusterInfo();
        cluster.setBrokerAddrTable(new TreeMap<>(Map.of("a", route.getBrokerDatas().get(0))));
        cluster.setClusterAddrTable(new TreeMap<>(Map.of("c", new TreeSet<>(Set.of("a")))));
        vectors.put("clusterInfo", Hex.of(cluster.encode()));
        LockBatchRequestBody lock = new LockBatchRequestBody();
        lock.setConsumerGroup("billing");
        lock.setClientId("10.0.0.9@1234#567");
        lock.setMqSet(new LinkedHashSet<>(List.of(new MessageQueue("orders", "a", 0), new MessageQueue("orders", "a", 1))));
        vectors.put("lockRequest", Hex.of(lock.encode()));
        LockBatchResponseBody locked = new LockBatchResponseBody();
        locked.setLockOKMQSet(new LinkedHashSet<>(List.of(new MessageQueue("orders", "a", 1))));
        vectors.put("lockResponse", Hex.of(locked.encode()));
        TopicList topics = new TopicList();
        topics.setTopicList(new LinkedHashSet<>(List.of("orders", "bills")));
        vectors.put("topicList", Hex.of(topics.encode()));
        GetConsumerListByGroupResponseBody consumers = new GetConsumerListByGroupResponseBody();
        consumers.setConsumerIdList(List.of("10.0.0.9@1#2", "10.0.0.9@3#4"));
        vectors.put("consumerList", Hex.of(consumers.encode()));
        vectors.put("registerBroker", Hex.of(registration().encode(false)));
        ResetOffsetBody reset = new ResetOffsetBody();
        reset.setOffsetTable(new HashMap<>(Map.of(new MessageQueue("orders", "a", 3), 77L)));
        vectors.put("offsetsByQueue", Hex.of(reset.encode()));
        return vectors;
    }

    private static HeartbeatData heartbeat() throws Exception {
        SubscriptionData subscription = FilterAPI.buildSubscriptionData("orders", "created || paid");
        subscription.setSubVersion(1700000000000L);
        SubscriptionData retry = FilterAPI.buildSubscriptionData("%RETRY%billing", "*");
        retry.setSubVersion(1700000000001L);
        ConsumerData consumer = new ConsumerData();
        consumer.setGroupName("billing");
        consumer.setConsumeType(ConsumeType.CONSUME_PASSIVELY);
        consumer.setMessageModel(MessageModel.CLUSTERING);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        consumer.setSubscriptionDataSet(new LinkedHashSet<>(List.of(subscription, retry)));
        ProducerData producer = new ProducerData();
        producer.setGroupName("CLIENT_INNER_PRODUCER");
        HeartbeatData heartbeat = new HeartbeatData();
        heartbeat.setClientID("10.0.0.9@1234#567");
        heartbeat.setProducerDataSet(Set.of(producer));
        heartbeat.setConsumerDataSet(Set.of(consumer));
        return heartbeat;
    }

    static TopicRouteData route() {
        HashMap<Long, String> addresses = new HashMap<>();
        addresses.put(0L, "10.0.0.1:10911");
        addresses.put(1L, "10.0.0.2:10911");
        QueueData queue = new QueueData();
        queue.setBrokerName("a");
        queue.setReadQueueNums(8);
        queue.setWriteQueueNums(4);
        queue.setPerm(6);
        TopicRouteData route = new TopicRouteData();
        route.setBrokerDatas(new ArrayList<>(List.of(new BrokerData("c", "a", addresses))));
        route.setQueueDatas(new ArrayList<>(List.of(queue)));
        route.setFilterServerTable(new HashMap<>());
        return route;
    }

    private static RegisterBrokerBody registration() {
        DataVersion version = new DataVersion();
        version.setTimestamp(1700000000000L);
        version.setStateVersion(0);
        version.setCounter(new java.util.concurrent.atomic.AtomicLong(3));
        ConcurrentHashMap<String, TopicConfig> topics = new ConcurrentHashMap<>();
        topics.put("orders", new TopicConfig("orders", 8, 4, 6));
        topics.put("bills", new TopicConfig("bills", 1, 1, 4));
        TopicConfigAndMappingSerializeWrapper wrapper = new TopicConfigAndMappingSerializeWrapper();
        wrapper.setDataVersion(version);
        wrapper.setMappingDataVersion(version);
        wrapper.setTopicConfigTable(topics);
        RegisterBrokerBody body = new RegisterBrokerBody();
        body.setTopicConfigSerializeWrapper(wrapper);
        return body;
    }
}
