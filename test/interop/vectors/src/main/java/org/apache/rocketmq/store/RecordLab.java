package org.apache.rocketmq.store;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.message.MessageExtBatch;
import org.apache.rocketmq.common.message.MessageExtBrokerInner;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/** RocketMQ's encoder, append step and recovery check. In this package because the append step is not public. */
public final class RecordLab {
    private static final int SEGMENT = 1 << 20;

    private final MessageStoreConfig config = new MessageStoreConfig();
    private final CommitLog log;
    private final CommitLog.DefaultAppendMessageCallback append;

    public RecordLab(Path directory, boolean wholeRecordCrc) throws Exception {
        config.setStorePathRootDir(directory.toString());
        config.setStorePathCommitLog(directory.resolve("commitlog").toString());
        config.setMappedFileSizeCommitLog(SEGMENT);
        config.setEnabledAppendPropCRC(wholeRecordCrc);
        config.setForceVerifyPropCRC(wholeRecordCrc);
        BrokerConfig broker = new BrokerConfig();
        DefaultMessageStore store = new DefaultMessageStore(config, new BrokerStatsManager(broker), null, broker, new ConcurrentHashMap<>());
        log = new CommitLog(store);
        append = log.new DefaultAppendMessageCallback(config);
    }

    /** The bytes that the log would hold for the message at this place. */
    public byte[] store(MessageExtBrokerInner message, long physicalOffset) {
        MessageExtEncoder encoder = new MessageExtEncoder(config);
        if (encoder.encode(message) != null) {
            throw new IllegalStateException("the encoder refused " + message);
        }
        message.setEncodedBuff(encoder.getEncoderBuffer());
        ByteBuffer segment = ByteBuffer.allocate(SEGMENT);
        int size = append.doAppend(physicalOffset, segment, SEGMENT, message, new PutMessageContext("t-0")).getWroteBytes();
        byte[] bytes = new byte[size];
        segment.flip().get(bytes);
        return bytes;
    }

    /** The same for a batch body: one record for each item. */
    public byte[] store(MessageExtBatch batch, long physicalOffset) {
        PutMessageContext context = new PutMessageContext("t-0");
        batch.setEncodedBuff(new MessageExtEncoder(config).encode(batch, context));
        ByteBuffer segment = ByteBuffer.allocate(SEGMENT);
        int size = append.doAppend(physicalOffset, segment, SEGMENT, batch, context).getWroteBytes();
        byte[] bytes = new byte[size];
        segment.flip().get(bytes);
        return bytes;
    }

    /** What the log writes when a record does not fit into the rest of a segment. */
    public byte[] blank(MessageExtBrokerInner message, int rest) {
        MessageExtEncoder encoder = new MessageExtEncoder(config);
        encoder.encode(message);
        message.setEncodedBuff(encoder.getEncoderBuffer());
        ByteBuffer segment = ByteBuffer.allocate(rest);
        append.doAppend(0, segment, rest, message, new PutMessageContext("t-0"));
        byte[] bytes = new byte[segment.position()];
        segment.flip().get(bytes);
        return bytes;
    }

    /** What recovery makes of the bytes, CRC checked. */
    public DispatchRequest check(byte[] record) {
        return log.checkMessageAndReturnSize(ByteBuffer.wrap(record), true, false);
    }
}
