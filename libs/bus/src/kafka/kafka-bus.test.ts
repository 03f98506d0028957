import { startKafka } from "@ferry/testing";
import { describeBusContract } from "../contract/index.ts";
import { KafkaBus } from "./kafka-bus.ts";

describeBusContract("Kafka", async () => {
  const kafka = await startKafka();
  return {
    connect: ({ maxBufferedRecords, stopTimeoutMs } = {}) =>
      new KafkaBus({
        bootstrapServers: kafka.bootstrapServers,
        clientId: "contract",
        ...(maxBufferedRecords !== undefined && { sender: { maxBufferedRecords } }),
        ...(stopTimeoutMs !== undefined && { stopTimeoutMs }),
      }),
    stop: () => kafka.stop(),
  };
});
