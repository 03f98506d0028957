import { randomBytes } from "node:crypto";
import { MemoryBus } from "@ferry/bus/memory";
import { parseSealingKeys, sealSecret } from "@ferry/provisioning";
import { expect, it } from "@jest/globals";
import { BusClient } from "./bus-client.ts";
import { describeFerryClient, Responder, TOPIC_PREFIX } from "./contract/index.ts";

describeFerryClient("the bus", { connect: async (bus, topicPrefix) => new BusClient(bus, topicPrefix) });

it("A client on the bus that has the sealing keys sees that a secret sealed anew is the same", async () => {
  const bus = new MemoryBus();
  await new Responder(bus).start();
  const sealingKeys = parseSealingKeys(Buffer.alloc(32, 1).toString("base64"));
  const device = (secret: number) => {
    const sealed = sealSecret(sealingKeys, Buffer.alloc(16, secret), "default/a", randomBytes);
    const body = { device: { endpoint: "a", credentials: [{ psk: { identity: "i", key: { sealed } } }] } };
    return [{ kind: "device" as const, tenant: "default", id: "a", body }];
  };
  const client = new BusClient(bus, TOPIC_PREFIX, { sealingKeys });
  await client.apply(device(1), () => {});
  expect(await client.diff(device(1))).toMatchObject([{ change: "unchanged" }]);
  expect(await client.diff(device(2))).toMatchObject([{ change: "update" }]);
  expect(await new BusClient(bus, TOPIC_PREFIX).diff(device(1))).toMatchObject([{ change: "update" }]);
  await client.stop();
  await bus.stop();
});

it("A client on the bus says so where there is no topic of bootstraps", async () => {
  const bus = new MemoryBus();
  const client = new BusClient(bus);
  await expect(client.bootstrap("demo")).rejects.toThrow("topic lwm2m.bootstrap.v1 does not exist");
  await client.stop();
  await bus.stop();
});
