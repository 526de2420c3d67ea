package nestmq.vectors;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.remoting.CommandCustomHeader;
import org.apache.rocketmq.remoting.protocol.LanguageCode;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.SerializeType;
import org.apache.rocketmq.remoting.protocol.header.ConsumerSendMsgBackRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.CreateTopicRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.GetConsumerListByGroupRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.GetMaxOffsetRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PullMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PullMessageResponseHeader;
import org.apache.rocketmq.remoting.protocol.header.QueryConsumerOffsetRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.QueryConsumerOffsetResponseHeader;
import org.apache.rocketmq.remoting.protocol.header.SearchOffsetRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.SendMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.SendMessageRequestHeaderV2;
import org.apache.rocketmq.remoting.protocol.header.SendMessageResponseHeader;
import org.apache.rocketmq.remoting.protocol.header.UnregisterClientRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.UpdateConsumerOffsetRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ViewMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.namesrv.GetRouteInfoRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.namesrv.RegisterBrokerRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.namesrv.UnRegisterBrokerRequestHeader;

/** Whole frames, lengths included, in both header encodings. */
final class FrameVectors {
    private final List<Object> frames = new ArrayList<>();

    static List<Object> make() throws Exception {
        FrameVectors vectors = new FrameVectors();
        vectors.sends();
        vectors.pulls();
        vectors.offsets();
        vectors.others();
        return vectors.frames;
    }

    private void sends() throws Exception {
        String properties = MessageDecoder.messageProperties2String(new TreeMap<>(Map.of(
            "KEYS", "order-1", "TAGS", "created", "UNIQ_KEY", "7F0000010A2B18B4AAC212345678002A", "WAIT", "true")));
        byte[] body = "{\"id\":1}".getBytes(StandardCharsets.UTF_8);
        request("send-v1", RequestCode.SEND_MESSAGE, send(properties, false), body);
        request("send-v2", RequestCode.SEND_MESSAGE_V2, v2(send(properties, false)), body);
        request("send-v2-unicode", RequestCode.SEND_MESSAGE_V2, v2(send("name\u0001Grüße 世界 😀\u0002", false)), body);
        request("send-batch", RequestCode.SEND_BATCH_MESSAGE, v2(send("", true)), Hex.bytes("0000001800000000000000000000000000000002abcd0000"));
        SendMessageRequestHeader least = new SendMessageRequestHeader();
        least.setProducerGroup("p");
        least.setTopic("t");
        least.setDefaultTopic("TBW102");
        least.setDefaultTopicQueueNums(4);
        least.setQueueId(-1);
        least.setSysFlag(0);
        least.setBornTimestamp(0L);
        least.setFlag(-7);
        request("send-v2-least", RequestCode.SEND_MESSAGE_V2, v2(least), new byte[] {0});
        SendMessageResponseHeader sent = new SendMessageResponseHeader();
        sent.setMsgId("7F00000100002A9F000000000000BEEF");
        sent.setQueueId(3);
        sent.setQueueOffset(9007199254740991L);
        sent.setTransactionId("7F0000010A2B18B4AAC212345678002A");
        RemotingCommand answer = response("send-ok", RequestCode.SEND_MESSAGE_V2, ResponseCode.SUCCESS, null, sent, null, false);
        answer.addExtField("MSG_REGION", "DefaultRegion");
        answer.addExtField("TRACE_ON", "true");
        add("send-ok", RequestCode.SEND_MESSAGE_V2, answer);
        response("send-no-topic", RequestCode.SEND_MESSAGE_V2, ResponseCode.TOPIC_NOT_EXIST, "topic[t] not exist, apply first please!", null, null, true);
    }

    private void pulls() throws Exception {
        PullMessageRequestHeader pull = new PullMessageRequestHeader();
        pull.setConsumerGroup("billing");
        pull.setTopic("orders");
        pull.setQueueId(2);
        pull.setQueueOffset(1234567890123L);
        pull.setMaxMsgNums(32);
        pull.setSysFlag(3);
        pull.setCommitOffset(1234567890100L);
        pull.setSuspendTimeoutMillis(15000L);
        pull.setSubVersion(1700000000000L);
        pull.setSubscription("created || paid");
        pull.setExpressionType("TAG");
        pull.setMaxMsgBytes(262144);
        request("pull", RequestCode.PULL_MESSAGE, pull, null);
        PullMessageResponseHeader pulled = new PullMessageResponseHeader();
        pulled.setSuggestWhichBrokerId(0L);
        pulled.setNextBeginOffset(17L);
        pulled.setMinOffset(0L);
        pulled.setMaxOffset(17L);
        response("pull-found", RequestCode.PULL_MESSAGE, ResponseCode.SUCCESS, "FOUND", pulled, new byte[] {1, 2, 3}, true);
        response("pull-not-found", RequestCode.PULL_MESSAGE, ResponseCode.PULL_NOT_FOUND, "OFFSET_OVERFLOW_ONE", pulled, null, true);
    }

    private void offsets() throws Exception {
        QueryConsumerOffsetRequestHeader query = new QueryConsumerOffsetRequestHeader();
        query.setConsumerGroup("billing");
        query.setTopic("orders");
        query.setQueueId(1);
        request("query-offset", RequestCode.QUERY_CONSUMER_OFFSET, query, null);
        QueryConsumerOffsetResponseHeader offset = new QueryConsumerOffsetResponseHeader();
        offset.setOffset(77L);
        response("query-offset-ok", RequestCode.QUERY_CONSUMER_OFFSET, ResponseCode.SUCCESS, null, offset, null, true);
        response("query-offset-none", RequestCode.QUERY_CONSUMER_OFFSET, ResponseCode.QUERY_NOT_FOUND, "Not found, maybe this group consumer boot first", null, null, true);
        UpdateConsumerOffsetRequestHeader update = new UpdateConsumerOffsetRequestHeader();
        update.setConsumerGroup("billing");
        update.setTopic("orders");
        update.setQueueId(1);
        update.setCommitOffset(78L);
        RemotingCommand oneway = RemotingCommand.createRequestCommand(RequestCode.UPDATE_CONSUMER_OFFSET, update);
        oneway.markOnewayRPC();
        oneway.setOpaque(frames.size());
        add("update-offset-oneway", RequestCode.UPDATE_CONSUMER_OFFSET, oneway);
        GetMaxOffsetRequestHeader max = new GetMaxOffsetRequestHeader();
        max.setTopic("orders");
        max.setQueueId(0);
        request("max-offset", RequestCode.GET_MAX_OFFSET, max, null);
        SearchOffsetRequestHeader search = new SearchOffsetRequestHeader();
        search.setTopic("orders");
        search.setQueueId(0);
        search.setTimestamp(1700000000000L);
        request("search-offset", RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, search, null);
    }

    private void others() throws Exception {
        request("heartbeat", RequestCode.HEART_BEAT, null, "{\"clientID\":\"c\"}".getBytes(StandardCharsets.UTF_8));
        response("heartbeat-ok", RequestCode.HEART_BEAT, ResponseCode.SUCCESS, null, null, null, true);
        UnregisterClientRequestHeader unregister = new UnregisterClientRequestHeader();
        unregister.setClientID("10.0.0.9@1234#567");
        unregister.setConsumerGroup("billing");
        request("unregister", RequestCode.UNREGISTER_CLIENT, unregister, null);
        GetConsumerListByGroupRequestHeader list = new GetConsumerListByGroupRequestHeader();
        list.setConsumerGroup("billing");
        request("consumer-list", RequestCode.GET_CONSUMER_LIST_BY_GROUP, list, null);
        ConsumerSendMsgBackRequestHeader back = new ConsumerSendMsgBackRequestHeader();
        back.setOffset(4096L);
        back.setGroup("billing");
        back.setDelayLevel(3);
        back.setOriginMsgId("7F00000100002A9F0000000000001000");
        back.setOriginTopic("orders");
        back.setMaxReconsumeTimes(16);
        request("send-back", RequestCode.CONSUMER_SEND_MSG_BACK, back, null);
        CreateTopicRequestHeader create = new CreateTopicRequestHeader();
        create.setTopic("orders");
        create.setDefaultTopic("TBW102");
        create.setReadQueueNums(8);
        create.setWriteQueueNums(8);
        create.setPerm(6);
        create.setTopicFilterType("SINGLE_TAG");
        create.setTopicSysFlag(0);
        create.setOrder(true);
        request("create-topic", RequestCode.UPDATE_AND_CREATE_TOPIC, create, null);
        GetRouteInfoRequestHeader route = new GetRouteInfoRequestHeader();
        route.setTopic("orders");
        route.setAcceptStandardJsonOnly(true);
        request("route", RequestCode.GET_ROUTEINFO_BY_TOPIC, route, null);
        ViewMessageRequestHeader view = new ViewMessageRequestHeader();
        view.setOffset(4096L);
        request("view", RequestCode.VIEW_MESSAGE_BY_ID, view, null);
        RegisterBrokerRequestHeader register = new RegisterBrokerRequestHeader();
        register.setBrokerName("a");
        register.setBrokerAddr("10.0.0.1:10911");
        register.setClusterName("c");
        register.setHaServerAddr("10.0.0.1:10912");
        register.setBrokerId(0L);
        register.setBodyCrc32(12345);
        request("register", RequestCode.REGISTER_BROKER, register, new byte[] {'{', '}'});
        UnRegisterBrokerRequestHeader leave = new UnRegisterBrokerRequestHeader();
        leave.setBrokerName("a");
        leave.setBrokerAddr("10.0.0.1:10911");
        leave.setClusterName("c");
        leave.setBrokerId(0L);
        request("unregister-broker", RequestCode.UNREGISTER_BROKER, leave, null);
        response("not-supported", 9999, ResponseCode.SUCCESS + 3, " request type 9999 not supported", null, null, true);
    }

    private static SendMessageRequestHeader send(String properties, boolean batch) {
        SendMessageRequestHeader header = new SendMessageRequestHeader();
        header.setProducerGroup("shop");
        header.setTopic("orders");
        header.setDefaultTopic("TBW102");
        header.setDefaultTopicQueueNums(4);
        header.setQueueId(3);
        header.setSysFlag(0x301);
        header.setBornTimestamp(1700000000123L);
        header.setFlag(5);
        header.setProperties(properties);
        header.setReconsumeTimes(0);
        header.setUnitMode(false);
        header.setMaxReconsumeTimes(16);
        header.setBatch(batch);
        header.setBrokerName("broker-a");
        return header;
    }

    private static SendMessageRequestHeaderV2 v2(SendMessageRequestHeader header) {
        return SendMessageRequestHeaderV2.createSendMessageRequestHeaderV2(header);
    }

    private void request(String name, int code, CommandCustomHeader header, byte[] body) throws Exception {
        RemotingCommand command = RemotingCommand.createRequestCommand(code, header);
        command.setOpaque(1000 + frames.size());
        command.setBody(body);
        add(name, code, command);
    }

    private RemotingCommand response(String name, int requestCode, int code, String remark, CommandCustomHeader header, byte[] body,
        boolean add) throws Exception {
        RemotingCommand command = RemotingCommand.createResponseCommandWithHeader(code, header);
        command.setRemark(remark);
        command.setOpaque(1000 + frames.size());
        command.setBody(body);
        if (add) {
            add(name, requestCode, command);
        }
        return command;
    }

    private void add(String name, int requestCode, RemotingCommand command) throws Exception {
        command.setLanguage(LanguageCode.JAVA);
        for (SerializeType type : SerializeType.values()) {
            command.setSerializeTypeCurrentRPC(type);
            ByteBuffer frame = command.encode();
            ByteBuffer withoutLength = frame.duplicate();
            withoutLength.getInt();
            RemotingCommand again = RemotingCommand.decode(withoutLength);
            frames.add(Hex.map(
                "name", name + (type == SerializeType.JSON ? "-json" : "-binary"),
                "requestCode", requestCode,
                "code", again.getCode(),
                "language", (int) again.getLanguage().getCode(),
                "version", again.getVersion(),
                "opaque", again.getOpaque(),
                "flag", again.getFlag(),
                "remark", again.getRemark(),
                "serializeType", (int) type.getCode(),
                "extFields", again.getExtFields() == null ? Map.of() : new TreeMap<>(again.getExtFields()),
                "body", again.getBody() == null ? "" : Hex.of(again.getBody()),
                "hex", Hex.of(frame)));
        }
    }
}
