import { HttpClient } from "@ferry/client";
import { describeFerryClient } from "@ferry/client/contract";
import { startTestConsole } from "./api-fixture.ts";

describeFerryClient("the HTTP API", {
  connect: async (bus, topicPrefix, bootstraps) => {
    const { url, shutdown } = await startTestConsole(
      bus,
      topicPrefix === "" ? {} : { KAFKA_TOPIC_PREFIX: topicPrefix },
      bootstraps,
    );
    const client = new HttpClient(url);
    return Object.assign(client, { stop: async () => void (await shutdown.stop()) });
  },
});
