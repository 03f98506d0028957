package ferry.interop;

import java.io.BufferedWriter;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Reads topics from the beginning with Kafka's own client and writes every record as a JSON line:
 * {@code {"topic","partition","offset","timestampMs","key","headers":{},"valueBase64"}} (a tombstone's value is null).
 *
 * <pre>
 * --bootstrap-servers HOST:PORT   --topics A,B
 * --follow true                   goes on until it is ended; else it ends at the end offsets it found at the start
 * </pre>
 */
public final class KafkaRecords {
    private KafkaRecords() {
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2)
            options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        for (String required : List.of("bootstrap-servers", "topics"))
            if (!options.containsKey(required))
                throw new IllegalArgumentException("--" + required + " is missing");
        boolean follow = Boolean.parseBoolean(options.getOrDefault("follow", "false"));

        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("bootstrap-servers"));
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
                BufferedWriter out = new BufferedWriter(
                        new OutputStreamWriter(new FileOutputStream(FileDescriptor.out), StandardCharsets.UTF_8))) {
            List<TopicPartition> partitions = partitions(consumer, options.get("topics"));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            Set<TopicPartition> unread = new HashSet<>(partitions);
            while (follow || !unread.isEmpty()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    out.write(line(record));
                    out.newLine();
                }
                out.flush();
                unread.removeIf(partition -> consumer.position(partition) >= ends.get(partition));
            }
        }
    }

    private static List<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, String topics) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (String topic : topics.split(",")) {
            List<PartitionInfo> found = consumer.partitionsFor(topic);
            if (found == null || found.isEmpty())
                throw new IllegalArgumentException("no topic " + topic);
            found.forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
        }
        return partitions;
    }

    private static final ObjectMapper JSON = new ObjectMapper();

    private static String line(ConsumerRecord<byte[], byte[]> record) throws Exception {
        ObjectNode json = JSON.createObjectNode();
        json.put("topic", record.topic()).put("partition", record.partition()).put("offset", record.offset())
                .put("timestampMs", record.timestamp()).put("key", text(record.key()));
        ObjectNode headers = json.putObject("headers");
        for (Header header : record.headers())
            headers.put(header.key(), text(header.value()));
        json.put("valueBase64", record.value() == null ? null : Base64.getEncoder().encodeToString(record.value()));
        return JSON.writeValueAsString(json);
    }

    private static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }
}
