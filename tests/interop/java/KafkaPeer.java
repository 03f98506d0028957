import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own Java client as a peer of ours, launched from source.
 *
 * produce SERVERS TOPIC KEY...   publishes one record for each key and prints "partition key"
 * consume SERVERS TOPIC COUNT    prints "partition key base64-of-value name=value,..." of that many records
 */
public final class KafkaPeer {
  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", arguments[1]);
    if (arguments[0].equals("produce")) produce(properties, arguments);
    else consume(properties, arguments[2], Integer.parseInt(arguments[3]));
  }

  private static void produce(Properties properties, String[] arguments) throws Exception {
    try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      for (int index = 3; index < arguments.length; index++) {
        var record = new ProducerRecord<>(arguments[2], arguments[index], "from Java");
        System.out.println(producer.send(record).get().partition() + " " + arguments[index]);
      }
    }
  }

  private static void consume(Properties properties, String topic, int count) {
    properties.put("group.id", "kafka-peer");
    properties.put("auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(Set.of(topic));
      for (int seen = 0; seen < count; ) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          System.out.println(record.partition() + " " + record.key() + " " + valueOf(record) + " " + headersOf(record));
          seen++;
        }
      }
    }
  }

  private static String valueOf(ConsumerRecord<String, byte[]> record) {
    return record.value() == null ? "null" : Base64.getEncoder().encodeToString(record.value());
  }

  private static String headersOf(ConsumerRecord<String, byte[]> record) {
    var text = new StringBuilder();
    for (Header header : record.headers()) {
      if (text.length() > 0) text.append(',');
      text.append(header.key()).append('=').append(new String(header.value(), StandardCharsets.UTF_8));
    }
    return text.toString();
  }
}
