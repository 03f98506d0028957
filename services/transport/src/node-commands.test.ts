import { setTimeout as sleep } from "node:timers/promises";
import { CODE } from "@ferry/coap";
import { encodeMessage, lwm2m, TOPICS } from "@ferry/proto";
import { lifecycleRecord, shardOf } from "@ferry/state";
import { afterEach, describe, expect, it } from "@jest/globals";
import {
  collect,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  startNode,
  stopAll,
  until,
} from "./transport-fixture.ts";

afterEach(stopAll);

const DEVICE = { tenant: "default", endpoint: "ep-1" };

describe("a command to drop a device", () => {
  it("has its end told at once and once, and its state go, though the router cannot publish them", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const device = await openDevice(node);
    device.answer = () => ({ code: CODE.NOT_FOUND });
    const lifecycle = collect(system.bus, TOPICS.lifecycle) as lwm2m.v1.LifecycleRecord[];
    const query = ["ep=ep-1", "lt=300", "lwm2m=1.1", "b=U"];
    const location = locationOf(await device.request(CODE.POST, "/rd", query, "</>;ct=110,</3/0>"));
    await until(() => lifecycle.length === 1, "the registration to be told");

    const [reason, nowMs] = ["the device was deleted", Date.now()];
    const removed = await system.state.devices.remove({ device: DEVICE, reason, nowMs });
    if (removed.type === "notFound") throw new TypeError("the device is not registered");
    const { registration, owner, outboxId } = removed;
    const ended = lifecycleRecord({ event: "deregistered", registration, owner, atMs: nowMs, reason });
    const command = {
      bootId: node.node.bootId,
      deadlineMs: nowMs + 60_000,
      dropDevice: { ...DEVICE, reason, ended, outboxId },
    };
    await system.bus.sender({ name: "router", lingerMs: 0 }).publish({
      topic: TOPICS.nodeCommand.name,
      key: null,
      partition: node.node.slot,
      value: encodeMessage(TOPICS.nodeCommand.type, command, "application/x-protobuf"),
    });

    await until(() => lifecycle.length === 2, "the end to be told");
    expect(lifecycle[1]).toMatchObject({
      event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_DEREGISTERED,
      reason,
      context: DEVICE,
    });
    expect((await device.request(CODE.POST, location, [])).code).toBe(CODE.NOT_FOUND);
    while ((await outbox()).length > 0) await sleep(20); // Else the sweeper tells of the end once more.
    expect(lifecycle).toHaveLength(2);

    async function outbox(): Promise<readonly unknown[]> {
      const shard = shardOf(DEVICE.tenant, DEVICE.endpoint);
      const swept = { shard, node: node.node, outboxAgeMs: -60_000, graceMs: 0, limit: 10, nowMs: Date.now() };
      const outcome = await system.state.devices.sweep(swept);
      return outcome.type === "swept" ? outcome.outbox : ["leased"];
    }
  });
});
