package nestmq.vectors;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.serializer.SerializerFeature;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes every set of vectors into the directory named by the only argument. */
public final class MakeVectors {
    private MakeVectors() {
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("rocketmq.remoting.version", "479");
        Path directory = Path.of(args[0]);
        write(directory, "frames", FrameVectors.make());
        RecordVectors records = new RecordVectors(directory);
        write(directory, "records", Hex.map("records", records.make(), "batch", records.batch(), "blank", records.blank()));
        write(directory, "texts", Hex.map("names", TextVectors.names(), "properties", TextVectors.properties(), "ids", TextVectors.ids(),
            "filters", TextVectors.filters(), "bodies", TextVectors.bodies()));
        System.exit(0); // the store behind the records has threads that would keep the process alive
    }

    private static void write(Path directory, String name, Object vectors) throws Exception {
        Files.writeString(directory.resolve(name + ".json"),
            JSON.toJSONString(vectors, SerializerFeature.WriteMapNullValue, SerializerFeature.DisableCircularReferenceDetect));
    }
}
