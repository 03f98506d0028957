import { type KafkaProcess, readKafkaRecords, startKafka } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Kafka, logLevel, Partitioners } from "kafkajs";

describe("Kafka's own Java client", () => {
  let kafka: KafkaProcess;
  const topic = `interop.${process.pid}.${Date.now()}`;

  beforeAll(async () => {
    kafka = await startKafka();
    const client = new Kafka({ brokers: [...kafka.bootstrapServers], logLevel: logLevel.ERROR });
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] });
    await admin.disconnect();
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const messages = Array.from({ length: 30 }, (_, i) => ({
      key: `default/dev-${i % 5}`,
      value: Buffer.from([i, 0xff]),
      headers: { "content-type": "application/protobuf" },
    }));
    await producer.send({ topic, messages });
    await producer.send({ topic, messages: [{ key: "default/gone", value: null }] });
    await producer.disconnect();
  }, 60_000);

  afterAll(() => kafka.stop());

  it("reads every record from the beginning, byte for byte, in order within a key", async () => {
    const records = await readKafkaRecords(kafka.bootstrapServers, [topic]);
    expect(records).toHaveLength(31);
    const ofKey = (key: string) => records.filter((record) => record.key === key);
    expect(ofKey("default/dev-3").map(({ value }) => value?.[0])).toEqual([3, 8, 13, 18, 23, 28]);
    expect(new Set(ofKey("default/dev-3").map(({ partition }) => partition)).size).toBe(1);
    expect(ofKey("default/dev-3")[0]).toMatchObject({ topic, headers: { "content-type": "application/protobuf" } });
    expect(ofKey("default/gone")).toMatchObject([{ value: null }]);
  }, 30_000);

  it("says what is wrong when there is no such topic", async () => {
    await expect(readKafkaRecords(kafka.bootstrapServers, [`${topic}.none`])).rejects.toThrow(/no topic/);
  }, 90_000);
});
