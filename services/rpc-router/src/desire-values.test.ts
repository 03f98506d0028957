import type { IncomingRecord } from "@ferry/bus";
import { StateUnavailableError } from "@ferry/state";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { desireValue } from "./desire-values.ts";
import { RouterFixture } from "./router-fixture.ts";

let fixture: RouterFixture;
beforeEach(async () => {
  fixture = new RouterFixture();
  await fixture.start();
  const declared = { kind: "device", tenant: "default", id: "meter-*", value: new Uint8Array(), offset: 0 } as const;
  await fixture.provisioning.put(declared, []);
});
afterEach(() => fixture.stop());

const DEVICE = { tenant: "default", endpoint: "meter-1" };

function record(
  key: string,
  value: object | null,
  offset: number,
  timestampMs = 0,
  endpoint = DEVICE.endpoint,
): IncomingRecord {
  return {
    topic: "lwm2m.attribute.update.v1",
    partition: 0,
    offset: BigInt(offset),
    key: `default/${endpoint}/${key}`,
    value: value === null ? null : Buffer.from(JSON.stringify(value)),
    headers: {},
    timestampMs,
  } as unknown as IncomingRecord;
}

async function desired(): Promise<Record<string, string>> {
  const values = await fixture.devices.desiredValues(DEVICE);
  return Object.fromEntries(values.map(({ key, value }) => [key, value]));
}

describe("a record of the attribute update topic", () => {
  it("is stored for its device, the newest of a key; a tombstone withdraws", async () => {
    await desireValue(record("utcOffset", { value: "+02" }, 1), fixture.ports);
    await desireValue(record("utcOffset", { value: "+03" }, 3), fixture.ports);
    await desireValue(record("utcOffset", { value: "+02" }, 1), fixture.ports); // Delivered once more.
    await desireValue(record("limit", { value: 5 }, 4), fixture.ports);
    expect(await desired()).toEqual({ utcOffset: '"+03"', limit: "5" });
    await desireValue(record("limit", null, 5), fixture.ports);
    expect(await desired()).toEqual({ utcOffset: '"+03"' });
  });

  it("of a topic that was made anew is newer than what the old one had, whatever its offset", async () => {
    await desireValue(record("limit", { value: 5 }, 900, 1_700_000_000_000), fixture.ports);
    await desireValue(record("limit", { value: 6 }, 0, 1_700_000_060_000), fixture.ports);
    expect(await desired()).toEqual({ limit: "6" });
  });

  it("is told to the node that has the device, and to nobody where nothing waits", async () => {
    const node = await fixture.node(2, "00000000000000b2");
    await fixture.register("meter-1", node);
    await desireValue(record("utcOffset", { value: "+02" }, 1), fixture.ports);
    await desireValue(record("utcOffset", null, 2), fixture.ports);
    await new Promise((resolve) => setImmediate(resolve));
    expect(fixture.commands).toHaveLength(1);
    expect(fixture.commands[0]).toMatchObject({ slot: 2, command: { bootId: node.bootId, workWaits: DEVICE } });
  });

  it("of a device that nobody declared and that is not registered is a dead letter", async () => {
    await desireValue(record("utcOffset", { value: "+02" }, 1, 0, "mteer-1"), fixture.ports);
    await new Promise((resolve) => setImmediate(resolve));
    expect(fixture.deadLetters[0]?.reason).toBe(
      "endpoint mteer-1 is neither registered nor provisioned: declare the device first",
    );
    expect(await fixture.devices.desiredValues({ tenant: "default", endpoint: "mteer-1" })).toEqual([]);
    await fixture.register("mteer-1", await fixture.node(2, "00000000000000b2"));
    await desireValue(record("utcOffset", { value: "+02" }, 2, 0, "mteer-1"), fixture.ports);
    expect(await fixture.devices.desiredValues({ tenant: "default", endpoint: "mteer-1" })).toHaveLength(1);
  });

  it("waits for a lost store to be restored, which may not know its device yet", async () => {
    const lost = new RouterFixture({ lost: true });
    await lost.start();
    await expect(desireValue(record("utcOffset", { value: "+02" }, 1), lost.ports)).rejects.toThrow(
      StateUnavailableError,
    );
    await lost.stop();
  });

  it("that cannot be used is a dead letter which names the field", async () => {
    await desireValue(record("utcOffset", { value: "+02", ttl: 3 }, 1), fixture.ports);
    await new Promise((resolve) => setImmediate(resolve));
    expect(fixture.deadLetters[0]?.reason).toContain("ttl is not a member of a desired value");
  });
});
