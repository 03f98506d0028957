import { CODE } from "@ferry/coap";
import { lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, describe, expect, it } from "@jest/globals";
import { TRANSPORT_CONFIG, type TransportSettings } from "../config.ts";
import { ask, collectAnswers, store } from "../rpc-fixture.ts";
import type { TransportNode } from "../service.ts";
import {
  collect,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  type System,
  slow,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { lineOf, linesOf } from "../values-fixture.ts";

afterEach(stopAll);

const COAP = TRANSPORT_CONFIG.load({ env: { LWM2M_COAP_PORT: "0" } }).coap;
const SLEEPY: Partial<TransportSettings> = {
  reachability: { mode: "vip", singleExchangeWindowMs: 25_000, flowWindowMs: 110_000 },
  awake: { queueModeMs: 5_000, psmMs: 5_000, edrxMs: 5_000 },
  // Unanswered, it sleeps after half a second.
  coap: { ...COAP, ackTimeoutMs: 400, maxRetransmit: 0 },
  reconcile: { devicesPerSecond: 250, retryAfterMs: 3_600_000, retryAtMostMs: 3_600_000 },
};
const { LIFECYCLE_EVENT_ASLEEP } = lwm2m.v1.LifecycleEvent;

interface Started {
  readonly system: System;
  readonly node: TransportNode;
  readonly device: TestDevice;
  readonly location: string;
  /** Waits until the device has fallen asleep so often. */
  readonly slept: (times: number) => Promise<void>;
}

/** A device in queue mode that never answers the Read of its profile, and sleeps over it. */
async function start(): Promise<Started> {
  const system = slow(memorySystem());
  await provision(system);
  const node = await startNode(system, SLEEPY);
  const device = await openDevice(node);
  const { answer } = device;
  device.answer = (request) => (lineOf(request) === "GET /3/0/0" ? "silent" : answer(request));
  const lifecycle = collect(system.bus, TOPICS.lifecycle) as lwm2m.v1.LifecycleRecord[];
  const location = locationOf(
    await device.request(CODE.POST, "/rd", ["ep=ep-1", "lt=300", "lwm2m=1.1", "b=U", "Q"], "</1/0>,</3/0>"),
  );
  const slept = (times: number): Promise<void> =>
    until(
      () => lifecycle.filter(({ event }) => event === LIFECYCLE_EVENT_ASLEEP).length >= times,
      "the device to sleep",
    );
  await slept(1);
  return { system, node, device, location, slept };
}

describe("what a profile wants of a device that sleeps over it", () => {
  it("is asked after the requests that wait", async () => {
    const { system, device, location } = await start();
    const answers = collectAnswers(system);
    await store(system, { requestId: "r-1", method: "Discover", params: { id: "/1/0" } });
    device.requests.length = 0;
    await device.request(CODE.POST, location, []);
    await until(() => answers.length > 0, "the answer");
    await until(() => linesOf(device).length > 1, "the Read of the profile");
    expect(linesOf(device)).toEqual(["GET /1/0", "GET /3/0/0"]);
  });

  it("is asked again at its next wake, and then less and less", async () => {
    const { system, node, device, location, slept } = await start();
    const answers = collectAnswers(system);
    await device.request(CODE.POST, location, []);
    await slept(2);
    expect(linesOf(device).filter((line) => line === "GET /3/0/0")).toHaveLength(2);
    await device.request(CODE.POST, location, []);
    // The second is asked after all that the first left.
    for (const requestId of ["r-1", "r-2"]) {
      await ask(system, node, { requestId, method: "Discover", params: { id: "/1/0" } });
      await until(() => answers.some((answer) => answer.requestId === requestId), "the answer");
    }
    expect(linesOf(device).filter((line) => line === "GET /3/0/0")).toHaveLength(2);
  });
});
