package nestmq.vectors;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientIDSetter;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageId;
import org.apache.rocketmq.remoting.CommandCustomHeader;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.apache.rocketmq.remoting.protocol.body.ClusterInfo;
import org.apache.rocketmq.remoting.protocol.body.LockBatchRequestBody;
import org.apache.rocketmq.remoting.protocol.body.LockBatchResponseBody;
import org.apache.rocketmq.remoting.protocol.body.RegisterBrokerBody;
import org.apache.rocketmq.remoting.protocol.body.TopicList;
import org.apache.rocketmq.remoting.protocol.header.GetConsumerListByGroupResponseBody;
import org.apache.rocketmq.remoting.protocol.heartbeat.HeartbeatData;
import org.apache.rocketmq.remoting.protocol.route.TopicRouteData;
import org.apache.rocketmq.store.DispatchRequest;
import org.apache.rocketmq.store.RecordLab;

/** Reads what our encoders made, by RocketMQ's decoders, and compares every field. The file names what was meant. */
public final class CheckBytes {
    private static int checks;

    private CheckBytes() {
    }

    public static void main(String[] args) throws Exception {
        JSONObject made = JSON.parseObject(Files.readString(Path.of(args[0])));
        records(made.getJSONArray("records"), Path.of(args[1]));
        batch(made.getJSONObject("batch"));
        ids(made);
        bodies(made.getJSONObject("bodies"));
        frames(made.getJSONArray("frames"));
        System.out.println("reverse: RocketMQ read what we encoded, " + checks + " comparisons");
        System.exit(0);
    }

    private static void records(JSONArray records, Path directory) throws Exception {
        RecordLab byWholeCrc = new RecordLab(directory.resolve("check-crc"), true);
        RecordLab byBodyCrc = new RecordLab(directory.resolve("check-body"), false);
        for (Object entry : records) {
            JSONObject want = (JSONObject) entry;
            byte[] bytes = Hex.bytes(want.getString("hex"));
            String name = want.getString("name");
            for (RecordLab lab : List.of(byWholeCrc, byBodyCrc)) {
                DispatchRequest request = lab.check(bytes);
                same(name + " success", true, request.isSuccess());
                same(name + " size", bytes.length, request.getMsgSize());
                same(name + " offset", want.getLong("physicalOffset"), request.getCommitLogOffset());
                same(name + " tagsCode", want.getLong("tagsCode"), request.getTagsCode());
            }
            byte[] damaged = bytes.clone();
            damaged[13] ^= 1;
            same(name + " damaged", false, byWholeCrc.check(damaged).isSuccess());
            MessageExt message = MessageDecoder.decode(ByteBuffer.wrap(bytes), true, false, false, false, true);
            same(name + " topic", want.getString("topic"), message.getTopic());
            same(name + " body", want.getString("body"), message.getBody() == null ? "" : Hex.of(message.getBody()));
            same(name + " queueId", want.getIntValue("queueId"), message.getQueueId());
            same(name + " flag", want.getIntValue("flag"), message.getFlag());
            same(name + " sysFlag", want.getIntValue("sysFlag"), message.getSysFlag());
            same(name + " queueOffset", want.getLongValue("queueOffset"), message.getQueueOffset());
            same(name + " born", want.getLongValue("bornTimestamp"), message.getBornTimestamp());
            same(name + " stored", want.getLongValue("storeTimestamp"), message.getStoreTimestamp());
            same(name + " bornHost", RecordVectors.host(want.getString("bornHost")), message.getBornHost());
            same(name + " storeHost", RecordVectors.host(want.getString("storeHost")), message.getStoreHost());
            same(name + " reconsumed", want.getIntValue("reconsumeTimes"), message.getReconsumeTimes());
            same(name + " prepared", want.getLongValue("preparedTransactionOffset"), message.getPreparedTransactionOffset());
            Map<String, String> properties = new TreeMap<>(message.getProperties());
            properties.remove("__CRC32#");
            same(name + " properties", new TreeMap<>(want.getJSONObject("entries")), properties);
        }
    }

    private static void batch(JSONObject batch) throws Exception {
        List<Message> messages = MessageDecoder.decodeMessages(ByteBuffer.wrap(Hex.bytes(batch.getString("hex"))));
        JSONArray items = batch.getJSONArray("items");
        same("batch", items.size(), messages.size());
        for (int i = 0; i < items.size(); i++) {
            JSONObject want = items.getJSONObject(i);
            same("batch body", want.getString("body"), Hex.of(messages.get(i).getBody()));
            same("batch flag", want.getIntValue("flag"), messages.get(i).getFlag());
            same("batch properties", new TreeMap<>(want.getJSONObject("entries")), new TreeMap<>(messages.get(i).getProperties()));
        }
    }

    private static void ids(JSONObject made) throws Exception {
        for (Object entry : made.getJSONArray("offsetIds")) {
            JSONObject want = (JSONObject) entry;
            MessageId id = MessageDecoder.decodeMessageId(want.getString("id"));
            same("offset id", want.getLongValue("physicalOffset"), id.getOffset());
            same("offset id host", RecordVectors.host(want.getString("host")), id.getAddress());
        }
        for (Object entry : made.getJSONArray("uniqueIds")) {
            JSONObject want = (JSONObject) entry;
            String id = want.getString("id");
            same("unique id ip", want.getString("ip"), MessageClientIDSetter.getIPStrFromID(id));
            same("unique id pid", want.getIntValue("pid"), MessageClientIDSetter.getPidFromID(id));
            same("unique id time", want.getLongValue("time"), MessageClientIDSetter.getNearlyTimeFromID(id).getTime());
        }
    }

    private static void bodies(JSONObject bodies) throws Exception {
        HeartbeatData heartbeat = decode(bodies, "heartbeat", HeartbeatData.class);
        same("heartbeat", "10.0.0.9@1234#567", heartbeat.getClientID());
        same("heartbeat group", "billing", heartbeat.getConsumerDataSet().iterator().next().getGroupName());
        same("heartbeat subscriptions", 2, heartbeat.getConsumerDataSet().iterator().next().getSubscriptionDataSet().size());
        same("heartbeat producer", "CLIENT_INNER_PRODUCER", heartbeat.getProducerDataSet().iterator().next().getGroupName());
        same("route", TextVectors.route(), decode(bodies, "route", TopicRouteData.class));
        ClusterInfo cluster = decode(bodies, "clusterInfo", ClusterInfo.class);
        same("cluster", TextVectors.route().getBrokerDatas().get(0), cluster.getBrokerAddrTable().get("a"));
        same("cluster names", true, cluster.getClusterAddrTable().get("c").contains("a"));
        same("lock", 2, decode(bodies, "lockRequest", LockBatchRequestBody.class).getMqSet().size());
        same("locked", 1, decode(bodies, "lockResponse", LockBatchResponseBody.class).getLockOKMQSet().size());
        same("topics", true, decode(bodies, "topicList", TopicList.class).getTopicList().contains("orders"));
        same("consumers", 2, decode(bodies, "consumerList", GetConsumerListByGroupResponseBody.class).getConsumerIdList().size());
        RegisterBrokerBody body = RegisterBrokerBody.decode(Hex.bytes(bodies.getString("registerBroker")), false, MQVersion.Version.V5_3_3);
        TopicConfig topic = body.getTopicConfigSerializeWrapper().getTopicConfigTable().get("orders");
        same("registered topic", new TopicConfig("orders", 8, 4, 6), topic);
        same("registered version", 3L, body.getTopicConfigSerializeWrapper().getDataVersion().getCounter().get());
    }

    /** Every field by the transport's decoder, and once more by that of its header's class. */
    private static void frames(JSONArray frames) throws Exception {
        for (Object entry : frames) {
            JSONObject want = (JSONObject) entry;
            String name = want.getString("name");
            ByteBuffer frame = ByteBuffer.wrap(Hex.bytes(want.getString("hex")));
            same(name + " length", frame.remaining() - 4, frame.getInt());
            RemotingCommand command = RemotingCommand.decode(frame);
            same(name + " code", want.getIntValue("code"), command.getCode());
            same(name + " language", want.getIntValue("language"), (int) command.getLanguage().getCode());
            same(name + " version", want.getIntValue("version"), command.getVersion());
            same(name + " opaque", want.getIntValue("opaque"), command.getOpaque());
            same(name + " flag", want.getIntValue("flag"), command.getFlag());
            same(name + " remark", want.getString("remark"), command.getRemark());
            same(name + " body", want.getString("body"), command.getBody() == null ? "" : Hex.of(command.getBody()));
            Map<String, Object> fields = new TreeMap<>(want.getJSONObject("extFields"));
            Map<String, String> read = command.getExtFields() == null ? Map.of() : command.getExtFields();
            same(name + " fields", fields, new TreeMap<>(read));
            if (want.getString("headerClass") != null) {
                header(name, command, want.getString("headerClass"), fields);
            }
        }
    }

    private static void header(String name, RemotingCommand command, String className, Map<String, Object> fields) throws Exception {
        Class<? extends CommandCustomHeader> type = Class
            .forName("org.apache.rocketmq.remoting.protocol.header." + className).asSubclass(CommandCustomHeader.class);
        CommandCustomHeader header = command.decodeCommandCustomHeader(type);
        int found = 0;
        for (Field field : type.getDeclaredFields()) {
            Object text = fields.get(field.getName());
            if (text == null || Modifier.isStatic(field.getModifiers())) {
                continue;
            }
            field.setAccessible(true);
            same(name + " " + field.getName(), text, String.valueOf(field.get(header)));
            found++;
        }
        same(name + " has fields that are known", true, found > 0);
    }

    private static <T> T decode(JSONObject bodies, String name, Class<T> type) {
        String text = new String(Hex.bytes(bodies.getString(name)), StandardCharsets.UTF_8);
        return RemotingSerializable.fromJson(text, type);
    }

    private static void same(String what, Object want, Object got) {
        checks++;
        if (!Objects.equals(want, got)) {
            throw new IllegalStateException(what + ": meant " + want + ", RocketMQ read " + got);
        }
    }
}
