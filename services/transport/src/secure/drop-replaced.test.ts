import { BusUnavailableError } from "@ferry/bus";
import { CODE, formatCode } from "@ferry/coap";
import { pskGeneration } from "@ferry/dtls-endpoint";
import { lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  collect,
  GatedBus,
  locationOf,
  memorySystem,
  provision,
  provisionPskDevice,
  register,
  type System,
  stopAll,
  until,
} from "../transport-fixture.ts";
import { SecureDevice, type SecureNode, startSecureNode } from "./dtls-fixture.ts";

afterEach(stopAll);

const OLD = Buffer.alloc(16, 7);
const NEW = Buffer.alloc(16, 8);
const MADE = { psk: { identity: "made", key: { plain: NEW } } };

let bus: GatedBus;
let system: System;
let node: SecureNode;
let published: readonly lwm2m.v1.ProvisioningRecord.$Properties[];

beforeEach(async () => {
  bus = new GatedBus();
  system = memorySystem(bus);
  await provision(system);
  await provisionPskDevice(system, "ep-2", 2, OLD);
  await generated([{ psk: { identity: "ep-2", key: { plain: OLD } } }]);
  published = collect(system.bus, TOPICS.provisioning);
  node = await startSecureNode(system);
});

/** What Ferry made for the device, beside what that replaces. */
async function generated(previous: lwm2m.v1.Credential.$Properties[]): Promise<void> {
  const value = lwm2m.v1.ProvisioningRecord.encode({ credential: MADE, previous }).finish();
  const identities = [{ type: "psk", identity: "made" }] as const;
  await system.state.provisioning.put(
    { kind: "credential", tenant: "default", id: "ep-2", value, offset: 3 },
    identities,
  );
}

const connect = (key: Uint8Array): Promise<SecureDevice> =>
  SecureDevice.connect(node, "ep-2", { generation: pskGeneration(key) });
const credentials = () => published.filter(({ credential }) => credential);
/** What was published before is seen before this. */
const marked = async (): Promise<void> => {
  const { length } = published;
  await system.bus.sender({ name: "test", lingerMs: 0 }).publish({
    topic: TOPICS.provisioning.name,
    key: "model/default/none",
    value: lwm2m.v1.ProvisioningRecord.encode({ tenant: "default", id: "none" }).finish(),
  });
  await until(() => published.length > length && published.at(-1)?.id === "none", "the mark");
};

describe("a credential that another one replaces", () => {
  it("goes when the device registers with the new one", async () => {
    await register(await connect(NEW), "ep-2");
    await until(() => credentials().length > 0, "the record");
    expect(credentials()).toEqual([
      expect.objectContaining({
        tenant: "default",
        id: "ep-2",
        credential: expect.objectContaining(MADE),
        previous: [],
      }),
    ]);
  });

  it("stays when the device registers with it", async () => {
    await register(await connect(OLD), "ep-2");
    await marked();
    expect(credentials()).toEqual([]);
  });

  it("stays at an Update, whatever that comes by", async () => {
    const device = await connect(OLD);
    const location = locationOf(await register(device, "ep-2"));
    device.handshake(node, "ep-2", { generation: pskGeneration(NEW) });
    expect(formatCode((await device.request(CODE.POST, location, [])).code)).toBe("2.04");
    await marked();
    expect(credentials()).toEqual([]);
  });

  it("is not spoken of where there is none", async () => {
    await generated([]);
    await register(await connect(NEW), "ep-2");
    await marked();
    expect(credentials()).toEqual([]);
  });

  it("goes at the next Register where Kafka did not take the record", async () => {
    const { promise: refused, resolve } = Promise.withResolvers<void>();
    bus.gate = async ({ topic }) => {
      if (topic !== TOPICS.provisioning.name) return;
      resolve();
      throw new BusUnavailableError("away");
    };
    await register(await connect(NEW), "ep-2");
    await refused;
    bus.gate = async () => {};
    await register(await connect(NEW), "ep-2");
    await until(() => credentials().length > 0, "the record");
    expect(credentials()).toHaveLength(1);
  });
});
