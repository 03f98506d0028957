import { setTimeout as sleep } from "node:timers/promises";
import { CODE, uriPath } from "@ferry/coap";
import type { ProvisioningDocument } from "@ferry/provisioning";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { Device } from "./device.ts";
import { type Recording, type ServiceProcess, type Stops, System, stopAll } from "./system.ts";

/** How long sleepers listen after they last sent something, as their profile says; they listen a little longer. */
const AWAKE_MS = 1_500;
/** The sweeper leaves an entry of the outbox alone for so long. */
const SWEEPER_MS = 15_000;
const UTC_OFFSET = "/3/0/14";

interface Resource {
  readonly key: string;
  readonly [member: string]: unknown;
}

function profile(name: string, resources: Readonly<Record<string, Resource>>, more: object = {}): ProvisioningDocument {
  const body = { profile: { json: JSON.stringify({ resources, ...more }) } };
  return { kind: "profile", tenant: "default", id: name, body };
}

function fleet(pattern: string, profileName: string): ProvisioningDocument {
  const body = {
    device: { endpoint: pattern, profile: profileName, credentials: [{ noSec: {} }], allowUnauthenticatedFleet: true },
  };
  return { kind: "device", tenant: "default", id: pattern, body };
}

const SLEEPY = profile(
  "sleepy",
  { [UTC_OFFSET]: { key: "utcOffset", attribute: true }, "/3/0/9": { key: "batteryLevel", telemetry: true } },
  { power: { mode: "psm", activityTimerMs: AWAKE_MS } },
);
const BEFORE = profile("meter", {
  "/3303/0/5700": { key: "before", telemetry: true, observe: true, attributes: { pmin: 0, pmax: 50 } },
});
const AFTER = profile("meter", {
  "/3303/0/5700": { key: "after", telemetry: true, observe: true, attributes: { pmax: 40 } },
  "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true },
});

/** Devices follow what is declared and desired, on a real Kafka and Redis, whichever of the processes dies in between. */
describe("two transport nodes and an rpc-router", () => {
  const stops: Stops = [];
  const deviceStops: Stops = [];
  let system: System;
  let nodes: [ServiceProcess, ServiceProcess];
  let router: ServiceProcess;
  let lifecycle: Recording;
  let attributes: Recording;
  let telemetry: Recording;

  beforeAll(async () => {
    system = await System.start({ name: "follow" });
    stops.push(() => system.stop());
    nodes = [await system.run("transport", "transport-0"), await system.run("transport", "transport-1")];
    router = await system.run("rpc-router", "rpc-router");
    await Promise.all([...nodes, router].map(({ started }) => started));
    await system.client.apply([SLEEPY, BEFORE, fleet("sleepy-*", "sleepy"), fleet("meter-*", "meter")], () => {});
    lifecycle = await system.follow("lifecycle");
    attributes = await system.follow("attributes");
    telemetry = await system.follow("telemetry");
  }, 90_000);

  afterEach(() => stopAll(deviceStops));
  afterAll(() => stopAll(stops), 60_000);

  function specify(name: string, body: () => Promise<void>): void {
    it(name, () => system.explain(body), 90_000);
  }

  async function start(
    endpoint: string,
    node: ServiceProcess,
    settings: Parameters<typeof Device.start>[2],
  ): Promise<Device> {
    const device = await Device.start(endpoint, node, settings);
    deviceStops.push(() => device.stop());
    return device;
  }

  /** A device that sleeps and whose node knows it. */
  async function sleeper(endpoint: string, node: ServiceProcess, more: object = {}): Promise<Device> {
    const device = await start(endpoint, node, { power: { awakeMs: 3 * AWAKE_MS }, ...more });
    await lifecycleEvent(endpoint, "ASLEEP");
    return device;
  }

  function lifecycleEvent(endpoint: string, event: string): ReturnType<Recording["waitFor"]> {
    return lifecycle.waitFor(
      ({ key, value }) => key === `default/${endpoint}` && value.event === `LIFECYCLE_EVENT_${event}`,
      30_000,
    );
  }

  /** Values that the router has taken in so far. */
  function routed(): Promise<number> {
    return router.metric("lwm2m_desired_values_total");
  }

  function written(device: Device): unknown[] {
    return device.of("written").map(({ path, node }) => {
      return [`/${path.join("/")}`, node.type === "singleResource" ? node.value.value : node];
    });
  }

  /** Ends a node as a crash does, and puts a new process in its place. */
  async function replace(index: 0 | 1): Promise<void> {
    const { name, coapPort } = nodes[index];
    await nodes[index].kill9();
    nodes[index] = await system.run("transport", name, { coapPort });
    await nodes[index].started;
  }

  specify("write what is desired of a sleeping device when it wakes: the newest, once, and publish it", async () => {
    const device = await sleeper("sleepy-newest", nodes[0]);
    const before = await routed();
    for (const value of ["+01", "+02", "+03"]) {
      await system.client.desire({ endpoint: "sleepy-newest", key: "utcOffset", value });
    }
    await system.client.desire({ endpoint: "sleepy-newest", key: "batteryLevel", value: 5 });
    await system.client.desire({ endpoint: "sleepy-newest", key: "batteryLevel", value: null });
    while ((await routed()) < before + 5) await sleep(20); // Else it wakes to an older one.
    device.handle({ type: "update" });
    await attributes.waitFor(
      ({ key, value }) => key === "default/sleepy-newest" && JSON.stringify(value).includes('"+03"'),
    );
    expect(written(device)).toEqual([[UTC_OFFSET, "+03"]]);
    expect(device.of("missed")).toEqual([]);
  });

  specify("also where the router was away when it was desired, and the device's node was killed after", async () => {
    const device = await sleeper("sleepy-crash", nodes[0]);
    await router.kill9();
    await system.client.desire({ endpoint: "sleepy-crash", key: "utcOffset", value: "+04" });
    router = await system.run("rpc-router", "rpc-router");
    await router.started;
    await replace(0);
    device.moveTo(nodes[1]);
    for (let after = 0; written(device).length === 0; after++) {
      device.handle({ type: "update" });
      await device.waitFor("updated", { after });
    }
    await attributes.waitFor(
      ({ key, value }) => key === "default/sleepy-crash" && JSON.stringify(value).includes('"+04"'),
    );
    expect(new Set(written(device).map(String))).toEqual(new Set([`${UTC_OFFSET},+04`]));
    expect(device.of("registered")).toHaveLength(1);
  });

  specify("tell of a refusal with key and path, and try again when the device wakes", async () => {
    let refusals = 1;
    const device = await sleeper("sleepy-refuses", nodes[1], {
      override: ({ code, options }: { code: number; options: Parameters<typeof uriPath>[0] }) =>
        code === CODE.PUT && `/${uriPath(options).join("/")}` === UTC_OFFSET && refusals-- > 0
          ? CODE.FORBIDDEN
          : undefined,
    });
    const before = await routed();
    await system.client.desire({ endpoint: "sleepy-refuses", key: "utcOffset", value: "+05" });
    while ((await routed()) === before) await sleep(20);
    device.handle({ type: "update" });
    const { value } = await lifecycleEvent("sleepy-refuses", "WRITE_FAILED");
    expect(value).toMatchObject({ key: "utcOffset", path: UTC_OFFSET, reason: "FORBIDDEN" });
    expect(written(device)).toEqual([]);
    await lifecycle.waitFor(() => {
      return lifecycle.of("sleepy-refuses").filter(({ value }) => value.event === "LIFECYCLE_EVENT_ASLEEP").length > 1;
    });
    device.handle({ type: "update" });
    await device.waitFor("written");
    expect(written(device)).toEqual([[UTC_OFFSET, "+05"]]);
  });

  specify("end the access of a deleted device, and say so before a sweeper would", async () => {
    const body = { device: { endpoint: "deleted", profile: "meter", credentials: [{ noSec: {} }] } };
    const own: ProvisioningDocument = { kind: "device", tenant: "default", id: "deleted", body };
    await system.client.apply([own], () => {});
    const device = await start("deleted", nodes[1], { numberEveryMs: 500 });
    await device.waitFor("delivered");
    await system.client.remove([own], () => {});
    const deregistered = await lifecycle.waitFor(({ key, value }) => {
      return key === "default/deleted" && value.event === "LIFECYCLE_EVENT_DEREGISTERED";
    }, SWEEPER_MS);
    expect(deregistered.value).toMatchObject({ reason: "the device was deleted" });
    device.handle({ type: "update" });
    await lifecycleEvent("deleted", "REFUSED");
    await device.waitFor("refused", { after: 1 }); // The Update, and the Register that it leads to.
    expect(device.of("refused").at(-1)).toMatchObject({ uplink: "register", code: CODE.FORBIDDEN });
  });

  specify("follow a profile that changes with observations, attributes and names, without a new Register", async () => {
    const devices = [
      await start("meter-0", nodes[0], { numberEveryMs: 500 }),
      await start("meter-1", nodes[1], { numberEveryMs: 500 }),
      await start("meter-moves", nodes[0], { numberEveryMs: 500 }),
    ];
    for (const device of devices) await device.waitFor("delivered");
    const [, , moves] = devices as [Device, Device, Device];
    moves.moveTo(undefined);
    await replace(0);
    await system.client.apply([AFTER], () => {});
    moves.moveTo(nodes[1]);
    for (const device of devices) {
      const { endpoint } = device;
      await telemetry.waitFor(({ key, value }) => {
        return key === `default/${endpoint}` && JSON.stringify(value).includes('"key":"after"');
      }, 30_000);
      while (!device.of("observed").some(({ observation: { paths } }) => paths[0]?.join("/") === "3/0/9")) {
        await device.waitFor("observed", { after: device.of("observed").length });
      }
      await device.waitFor("attributesWritten", { after: 1 });
      expect(device.of("attributesWritten").at(-1)).toMatchObject({ path: [3303, 0, 5700], attributes: { pmax: 40 } });
      expect(device.of("registered")).toHaveLength(1);
    }
  });
});
