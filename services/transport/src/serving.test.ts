import { lwm2m, provisioningKey } from "@ferry/proto";
import { Catalogue, parseProvisioningRecord } from "@ferry/provisioning";
import type { DeviceState } from "@ferry/state";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { afterEach, expect, it } from "@jest/globals";
import { OwnedDevice } from "./owned-device.ts";
import { ServingCache } from "./serving.ts";
import { memorySystem, openDevice, provision, register, startNode, stopAll } from "./transport-fixture.ts";

afterEach(stopAll);

it("a device is served by the power mode of its own declaration, the others of its kind by the profile's", () => {
  const catalogue = new Catalogue(new MemoryProvisioningStore());
  const profile = { json: '{"power":{"mode":"psm","activityTimerMs":20000}}' };
  const value = lwm2m.v1.ProvisioningRecord.encode({ profile }).finish();
  catalogue.put(parseProvisioningRecord(provisioningKey("profile", "default", "meter"), value));
  const servings = new ServingCache(catalogue);
  const registration = { tenant: "default", profile: "meter", lwm2mVersion: "1.1", objectLinks: "</3/0>" };
  const { power } = servings.of({ ...registration, power: { mode: "E_DRX", edrxCycleMs: 81_000 } });
  expect(power).toMatchObject({ mode: "E_DRX", edrxCycleMs: 81_000, psmActivityTimerMs: undefined });
  expect(servings.of(registration).power).toMatchObject({ mode: "PSM", psmActivityTimerMs: 20_000 });
});

it("a device whose stored links cannot be read is asked for nothing until it registers anew, and its log says so", () => {
  const servings = new ServingCache(new Catalogue(new MemoryProvisioningStore()));
  const { supported, observations, reads, fallbacks } = servings.of({
    tenant: "default",
    profile: "meter",
    lwm2mVersion: "1.1",
    objectLinks: '</lwm2m>;rt="oma.lwm2m",</3/0>',
  });
  expect({ supported, observations, reads }).toEqual({
    supported: { lwm2mVersion: "1.1", rootPath: [], contentFormats: [], objects: new Map() },
    observations: new Map(),
    reads: [],
  });
  expect(fallbacks).toEqual([
    { kind: "links", line: expect.stringMatching(/^warn: The device's list of objects.*cannot be read.*: .+/) },
  ]);
});

it("devices of one kind hold one copy of what their profile observes, and what else is observed is each one's own", () => {
  const catalogue = new Catalogue(new MemoryProvisioningStore());
  const profile = {
    json: '{"resources":{"/3/0/9":{"key":"battery","telemetry":true}},"objects":{"/3/0":{"observe":true}}}',
  };
  const value = lwm2m.v1.ProvisioningRecord.encode({ profile }).finish();
  catalogue.put(parseProvisioningRecord(provisioningKey("profile", "default", "meter"), value));
  const registration = { tenant: "default", profile: "meter", lwm2mVersion: "1.1", objectLinks: "</3/0>" };
  const serving = new ServingCache(catalogue).of(registration);
  const [one, other] = ["a", "b"].map((endpoint, index) => {
    const observed = [{ paths: ["/3/0"] }, { paths: ["/3/0/11", "/3/0/9"] }];
    const observations = observed.map((each, at) => ({
      ...each,
      token: Uint8Array.of(0x10, 0, 255, 0, 0, 0, at, index),
      source: "profile",
    }));
    const state = { registration: { ...registration, endpoint }, observations, waiting: { requests: 0, values: 0 } };
    const device = new OwnedDevice(state as unknown as DeviceState, serving, { peer: "p", address: "p" }, 0); // No more of it is read.
    return [...device.observations.values()];
  });
  expect(one?.[0]?.paths).toBe(other?.[0]?.paths);
  expect(one?.[0]).toMatchObject({ name: "/3/0", paths: [[3, 0]], base: [3, 0], observation: { paths: ["/3/0"] } });
  expect(one?.[1]).toMatchObject({
    name: "/3/0/11 /3/0/9",
    paths: [
      [3, 0, 11],
      [3, 0, 9],
    ],
    base: [],
    observation: { paths: ["/3/0/11", "/3/0/9"] },
  });
});

it("the power mode of its declaration is stored with a device's registration, for whatever node serves it next", async () => {
  const system = memorySystem();
  await provision(system);
  const power = { mode: "PSM", psmActivityTimerMs: 20_000 };
  const device = { endpoint: "ep-1", profile: "meter", credentials: [{ noSec: {} }], power };
  const value = lwm2m.v1.ProvisioningRecord.encode({ tenant: "default", id: "ep-1", device }).finish();
  const identity = { type: "noSec", endpoint: "ep-1" } as const;
  await system.state.provisioning.put({ kind: "device", tenant: "default", id: "ep-1", value, offset: 2 }, [identity]);
  await register(await openDevice(await startNode(system)));
  const stored = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
  expect(stored?.registration.power).toEqual(power);
});
