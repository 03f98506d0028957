import { setImmediate } from "node:timers/promises";
import { lwm2m, type ProvisioningKind, provisioningKey } from "@ferry/proto";
import { StateUnavailableError } from "@ferry/state";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { beforeEach, describe, expect, it, jest } from "@jest/globals";
import { Catalogue, type CatalogueChange, type ProvenDevice } from "./catalogue.ts";
import { deviceIdentities } from "./device-identities.ts";
import { parseProvisioningRecord } from "./parse-record.ts";

type Credential = lwm2m.v1.Credential.$Properties;

const NO_SEC: Credential = { noSec: {} };
const PSK: Credential = { psk: { identity: "psk-1", key: { plain: Buffer.alloc(16) } } };
/** A self-signed P-256 certificate, "Fleet CA". */
const CA: Credential = {
  x509: {
    ca: Buffer.from(
      "MIIBfTCCASOgAwIBAgIUH3Z+/JvayKNQSqEIyhHiRrmkPKswCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIRmxlZXQgQ0EwIBcNMjYxMTIzMTYzODMzWhgPMjEyNjEwMzAxNjM4MzNaMBMxETAPBgNVBAMMCEZsZWV0IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmAeEASrpmOhWD3QuieRG9VD3+7L9wHUpOEmOhl6BD41yJzci1zMc8C6XpgsWeNrRCiAoLx7KGx95WXaNsluYwqNTMFEwHQYDVR0OBBYEFCNotRFVMHPsJdRTEt/Xl2RTM4+XMB8GA1UdIwQYMBaAFCNotRFVMHPsJdRTEt/Xl2RTM4+XMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAKGmr/JnV+EvPCwKxY8zV6QaAbKNk4ANfVPqJ5liSSwYAiANoCy7AGTttlawQyUNLhF+d0kZl4olReT/dhwhmvAzmA==",
      "base64",
    ),
  },
};

let store: MemoryProvisioningStore;
let catalogue: Catalogue;
let offset: number;

beforeEach(async () => {
  store = new MemoryProvisioningStore();
  await store.setPosition(1_000);
  catalogue = new Catalogue(store);
  offset = 0;
  putProfile("default", "meter");
});

function putProfile(tenant: string, name: string): void {
  const profile = { json: '{"resources":{"/3/0/9":{"key":"battery","telemetry":true}}}' };
  catalogue.put(parse("profile", tenant, name, { profile }));
}

function parse(kind: ProvisioningKind, tenant: string, id: string, body: lwm2m.v1.ProvisioningRecord.$Properties) {
  return parseProvisioningRecord(provisioningKey(kind, tenant, id), lwm2m.v1.ProvisioningRecord.encode(body).finish());
}

/** Puts a device where the materialiser (the store) and the topic (the catalogue) put it. */
async function putDevice(
  endpoint: string,
  credentials: Credential[] = [NO_SEC],
  tenant = "default",
  profile = "meter",
  bootstrap?: lwm2m.v1.BootstrapKeys.$Properties,
) {
  const isPattern = endpoint.endsWith("*");
  const isOpen = credentials.includes(NO_SEC) || bootstrap?.bootstrapServer?.noSec !== undefined;
  const device = {
    endpoint,
    profile,
    credentials,
    allowUnauthenticatedFleet: isPattern && isOpen,
    ...(bootstrap ? { bootstrap } : {}),
  };
  const record = parse("device", tenant, endpoint, { device });
  if (record.kind !== "device") return;
  if (isPattern) catalogue.put(record);
  const value = lwm2m.v1.ProvisioningRecord.encode({ device }).finish();
  await store.put(
    { kind: "device", tenant, id: endpoint, value, offset: offset++ },
    deviceIdentities(record.device, undefined),
  );
}

/** The store has been filled by the time at which it first says so. */
function filledBeforePosition(fill: () => Promise<void>): void {
  jest.spyOn(store, "position").mockImplementationOnce(async () => {
    await Promise.resolve(); // What is asked at the same time, is asked before.
    await fill();
    return 1_000;
  });
}

describe("admission without security", () => {
  it("admits an exact device with its profile", async () => {
    await putDevice("meter-1");
    expect(await catalogue.admit("meter-1")).toMatchObject({
      type: "admitted",
      tenant: "default",
      endpoint: "meter-1",
      profileName: "meter",
      declaration: { endpoint: "meter-1" },
    });
  });

  it("admits a device of a fleet by its prefix", async () => {
    await putDevice("meter-*");
    expect(await catalogue.admit("meter-77")).toMatchObject({
      type: "admitted",
      endpoint: "meter-77",
      declaration: { endpoint: "meter-*" },
    });
  });

  it("refuses an endpoint that nothing names", async () => {
    await putDevice("meter-*");
    expect(await catalogue.admit("valve-1")).toEqual({
      type: "refused",
      reason: 'no device or pattern that serves "valve-1" without security is provisioned',
    });
  });

  it("prefers the exact device to a pattern, and the longest prefix among patterns", async () => {
    putProfile("default", "other");
    putProfile("default", "exact");
    await putDevice("*");
    await putDevice("meter-*", [NO_SEC], "default", "other");
    await putDevice("meter-1", [NO_SEC], "default", "exact");
    expect(await catalogue.admit("meter-1")).toMatchObject({ profileName: "exact" });
    expect(await catalogue.admit("meter-2")).toMatchObject({ profileName: "other" });
    expect(await catalogue.admit("valve-2")).toMatchObject({ profileName: "meter" });
  });

  it("finds the tenant by the device or the pattern", async () => {
    putProfile("acme", "meter");
    await putDevice("acme-*", [NO_SEC], "acme");
    expect(await catalogue.admit("acme-1")).toMatchObject({ tenant: "acme" });
  });

  it("never serves an endpoint that has a secure credential, also not by a pattern", async () => {
    await putDevice("meter-*");
    await putDevice("meter-1", [PSK]);
    expect(await catalogue.admit("meter-1")).toEqual({
      type: "refused",
      reason: '"meter-1" has a secure credential and is not served without security',
    });
  });

  it("never serves an endpoint that a credential was generated for", async () => {
    await putDevice("meter-*");
    const value = lwm2m.v1.ProvisioningRecord.encode({ credential: PSK }).finish();
    await store.put({ kind: "credential", tenant: "default", id: "meter-1", value, offset: offset++ }, []);
    expect(await catalogue.admit("meter-1")).toMatchObject({ type: "refused" });
  });

  it("refuses a device that calls itself by a pattern", async () => {
    await putDevice("meter-*");
    expect(await catalogue.admit("meter-*")).toMatchObject({ type: "refused" });
  });

  it("serves nobody by a pattern that the store does not hold: the materialiser rejected it", async () => {
    await putDevice("meter-*");
    await store.remove({ kind: "device", tenant: "default", id: "meter-*" });
    expect(await catalogue.admit("meter-1")).toMatchObject({ type: "refused" });
  });

  it("admits a device of a fleet by the longest pattern that the store holds, where a longer one was rejected", async () => {
    await putDevice("meter-*");
    await putDevice("meter-1*", [CA]);
    await store.remove({ kind: "device", tenant: "default", id: "meter-1*" });
    expect(await catalogue.admit("meter-1")).toMatchObject({ declaration: { endpoint: "meter-*" } });
  });

  it("serves nobody by a pattern when a longer one of the tenant asks for security", async () => {
    await putDevice("meter-*");
    await putDevice("meter-1*", [CA]);
    expect(await catalogue.admit("meter-17")).toEqual({
      type: "refused",
      reason: 'the pattern "meter-1*" serves "meter-17" only with security',
    });
    expect(await catalogue.admit("meter-2")).toMatchObject({ type: "admitted" });
  });

  it("does not tell whether a fleet is served while an emptied store is being filled: a longer pattern, or the device's own record, may ask for security", async () => {
    store = new MemoryProvisioningStore();
    catalogue = new Catalogue(store);
    putProfile("default", "meter");
    await putDevice("meter-*");
    await expect(catalogue.admit("meter-17")).rejects.toThrow(StateUnavailableError);
    await putDevice("meter-17", [PSK]);
    await store.setPosition(1_000);
    expect(await catalogue.admit("meter-17")).toMatchObject({ type: "refused" });
    expect(await catalogue.admit("meter-2")).toMatchObject({ type: "admitted" });
  });

  it("refuses a device whose credential comes into a store that is being filled while it is asked", async () => {
    await putDevice("meter-*");
    const value = lwm2m.v1.ProvisioningRecord.encode({ credential: PSK }).finish();
    filledBeforePosition(async () => {
      await store.put({ kind: "credential", tenant: "default", id: "meter-1", value, offset: offset++ }, []);
    });
    expect(await catalogue.admit("meter-1")).toMatchObject({ type: "refused" });
  });

  it("asks about a pattern, and for the store's position, once for all devices that come meanwhile", async () => {
    await putDevice("meter-*");
    const positions = jest.spyOn(store, "position");
    const patterns = jest.spyOn(store, "get");
    const owners = jest.spyOn(store, "deviceByIdentity");
    const endpoints = Array.from({ length: 50 }, (_, i) => `meter-${i}`);
    const admissions = await Promise.all(endpoints.map((endpoint) => catalogue.admit(endpoint)));
    expect(admissions.map((admission) => admission.type === "admitted" && admission.endpoint)).toEqual(endpoints);
    // The first asks for itself, the others share what follows.
    expect(positions).toHaveBeenCalledTimes(2);
    expect(owners.mock.calls.filter(([{ type }]) => type === "noSec")).toHaveLength(endpoints.length + 2);
    expect(patterns.mock.calls.length).toBeLessThanOrEqual(3);
  });

  it.each([
    { question: "get", change: () => putDevice("meter-1*", [CA]) },
    { question: "deviceByIdentity", change: () => store.remove({ kind: "device", tenant: "default", id: "meter-*" }) },
  ] as const)(
    "never decides by an answer that is older than the device's Register, though others wait for that: $question",
    async ({ question, change }) => {
      await putDevice("meter-1*", [CA]);
      await store.remove({ kind: "device", tenant: "default", id: "meter-1*" });
      await putDevice("meter-*");
      const ask = store[question].bind(store) as (...about: unknown[]) => Promise<undefined>;
      const released = Promise.withResolvers<void>();
      jest.spyOn(store, question).mockImplementation(async (...about: unknown[]) => {
        const answer = await ask(...about);
        await released.promise;
        return answer;
      });
      const before = catalogue.admit("meter-11");
      await setImmediate();
      await change();
      const after = catalogue.admit("meter-12");
      released.resolve();
      expect(await before).toMatchObject({ type: "admitted" });
      expect(await after).toMatchObject({ type: "refused" });
    },
  );

  it("follows a pattern that changes in the store after a device was admitted by it", async () => {
    putProfile("default", "other");
    await putDevice("meter-*");
    expect(await catalogue.admit("meter-1")).toMatchObject({ profileName: "meter" });
    await putDevice("meter-*", [NO_SEC], "default", "other");
    expect(await catalogue.admit("meter-1")).toMatchObject({ profileName: "other" });
    expect(await catalogue.admit("meter-2")).toMatchObject({ profileName: "other" });
    await putDevice("meter-*", [CA]);
    expect(await catalogue.admit("meter-1")).toMatchObject({ type: "refused" });
  });

  it("names the profile that is missing", async () => {
    await putDevice("meter-1", [NO_SEC], "default", "nowhere");
    expect(await catalogue.admit("meter-1")).toEqual({
      type: "refused",
      reason: 'the profile "nowhere" of "meter-1" is not provisioned',
    });
  });

  it("refuses a device whose stored record cannot be read", async () => {
    await store.put({ kind: "device", tenant: "default", id: "meter-1", value: Uint8Array.of(0xff), offset: 1 }, [
      { type: "noSec", endpoint: "meter-1" },
    ]);
    expect(await catalogue.admit("meter-1")).toEqual({
      type: "refused",
      reason: 'the record of "meter-1" in the store cannot be read',
    });
  });
});

describe("admission of a device that has proved who it is", () => {
  const proven = (endpoint: string, securityMode: ProvenDevice["securityMode"] = "PSK", tenant = "default") =>
    catalogue.admitProven({ tenant, endpoint, securityMode });

  it("admits it by its exact record, with its profile", async () => {
    await putDevice("meter-1", [PSK]);
    expect(await proven("meter-1")).toMatchObject({
      type: "admitted",
      tenant: "default",
      profileName: "meter",
      declaration: { endpoint: "meter-1" },
    });
  });

  it("admits it by its exact record also where that comes into a store that is being filled while it is asked", async () => {
    await putDevice("meter-*", [CA]);
    filledBeforePosition(() => putDevice("meter-1", [PSK]));
    expect(await proven("meter-1")).toMatchObject({ type: "admitted", declaration: { endpoint: "meter-1" } });
  });

  it("refuses it when its record has no credential of that kind any more", async () => {
    await putDevice("meter-1", [PSK]);
    expect(await proven("meter-1", "RPK")).toEqual({
      type: "refused",
      reason: '"meter-1" has no raw public key any more',
    });
  });

  it("admits it by the credential that Ferry wrote, with what its record declares", async () => {
    await putDevice("meter-1", [NO_SEC]);
    const value = lwm2m.v1.ProvisioningRecord.encode({ credential: PSK }).finish();
    await store.put({ kind: "credential", tenant: "default", id: "meter-1", value, offset: offset++ }, []);
    expect(await proven("meter-1")).toMatchObject({ type: "admitted", declaration: { endpoint: "meter-1" } });
  });

  it("admits a device of a fleet by the longest prefix", async () => {
    putProfile("default", "long");
    await putDevice("meter-*", [CA]);
    await putDevice("meter-7*", [CA], "default", "long");
    expect(await proven("meter-1", "X509")).toMatchObject({ profileName: "meter" });
    expect(await proven("meter-77", "X509")).toMatchObject({ profileName: "long" });
    expect(await proven("meter-77", "PSK")).toMatchObject({ type: "refused" });
  });

  it("admits no name both with security and without it: the longest prefix decides, whatever its credentials", async () => {
    await putDevice("meter-*", [CA]);
    await putDevice("meter-lab-*", [NO_SEC]);
    expect(await catalogue.admit("meter-lab-1")).toMatchObject({ type: "admitted" });
    expect(await proven("meter-lab-1", "X509")).toEqual({
      type: "refused",
      reason: '"meter-lab-1" has no certificate any more',
    });
  });

  it("admits a device of a fleet by the longest pattern that the store holds, where a longer one was rejected", async () => {
    await putDevice("meter-*", [CA]);
    await putDevice("meter-7*", [CA]);
    await store.remove({ kind: "device", tenant: "default", id: "meter-7*" });
    expect(await proven("meter-77", "X509")).toMatchObject({ declaration: { endpoint: "meter-*" } });
  });

  it("prefers the exact record to a fleet's", async () => {
    await putDevice("meter-*", [CA]);
    await putDevice("meter-1", [PSK]);
    expect(await proven("meter-1", "X509")).toEqual({
      type: "refused",
      reason: '"meter-1" has no certificate any more',
    });
  });

  it("refuses it in another tenant, and when nothing names it any more", async () => {
    await putDevice("meter-*", [CA]);
    await putDevice("meter-1", [PSK]);
    expect(await proven("meter-1", "PSK", "acme")).toMatchObject({ type: "refused" });
    expect(await proven("meter-2", "X509", "acme")).toEqual({
      type: "refused",
      reason: 'no device or pattern that serves "meter-2" is provisioned',
    });
  });
});

describe("admission at the bootstrap server", () => {
  const FACTORY = { psk: { identity: "factory", key: { plain: Buffer.alloc(16) } } };
  const atBootstrap = (endpoint: string, bootstrapServer: lwm2m.v1.ClientKeys.$Properties, credentials = [PSK]) =>
    putDevice(endpoint, credentials, "default", "meter", { bootstrapServer, server: { generatePsk: {} } });
  const generate = (endpoint: string) => {
    const value = lwm2m.v1.ProvisioningRecord.encode({ credential: PSK }).finish();
    return store.put({ kind: "credential", tenant: "default", id: endpoint, value, offset: offset++ }, []);
  };

  it("without security is for devices and fleets whose credentials say noSec, as at LwM2M servers", async () => {
    await putDevice("meter-1");
    await putDevice("pump-*");
    await putDevice("valve-1", [PSK]);
    expect(await catalogue.admitBootstrap("meter-1")).toMatchObject({ type: "admitted", profileName: "meter" });
    expect(await catalogue.admitBootstrap("pump-7")).toMatchObject({ declaration: { endpoint: "pump-*" } });
    expect(await catalogue.admitBootstrap("valve-1")).toEqual({
      type: "refused",
      reason: 'no device or pattern that bootstraps "valve-1" without security is provisioned',
    });
  });

  it("without security is for a device whose bootstrapServer says noSec, which is served no other way than before", async () => {
    await atBootstrap("meter-1", NO_SEC);
    expect(await catalogue.admitBootstrap("meter-1")).toMatchObject({ declaration: { endpoint: "meter-1" } });
    expect(await catalogue.admit("meter-1")).toMatchObject({ type: "refused" });
    await generate("meter-1");
    expect(await catalogue.admitBootstrap("meter-1")).toMatchObject({ type: "admitted" });
    await putDevice("pump-1", [NO_SEC], "default", "meter", { bootstrapServer: NO_SEC });
    expect(await catalogue.admit("pump-1")).toMatchObject({ type: "admitted" });
    await generate("pump-1");
    expect(await catalogue.admit("pump-1")).toMatchObject({ type: "refused" });
  });

  it("without security is not for a device whose bootstrapServer has a key, though it is served in the clear", async () => {
    await putDevice("*");
    await putDevice("meter-1", [NO_SEC], "default", "meter", { bootstrapServer: FACTORY });
    expect(await catalogue.admit("meter-1")).toMatchObject({ declaration: { endpoint: "meter-1" } });
    expect(await catalogue.admitBootstrap("meter-1")).toEqual({
      type: "refused",
      reason: '"meter-1" has a secure credential and is not bootstrapped without security',
    });
  });

  it("without security is for a fleet that says so, also when a key was made for the device, and never opens LwM2M servers", async () => {
    await atBootstrap("meter-*", NO_SEC, [CA]);
    expect(await catalogue.admitBootstrap("meter-1")).toMatchObject({ declaration: { endpoint: "meter-*" } });
    expect(await catalogue.admit("meter-1")).toMatchObject({ type: "refused" });
    await generate("meter-1");
    expect(await catalogue.admitBootstrap("meter-1")).toMatchObject({ declaration: { endpoint: "meter-*" } });
    expect(await catalogue.admit("meter-1")).toMatchObject({ type: "refused" });
    await putDevice("meter-2", [PSK]);
    expect(await catalogue.admitBootstrap("meter-2")).toMatchObject({ type: "refused" });
  });

  it("of a device that has proved who it is asks for the kind of key that it has there", async () => {
    await atBootstrap("meter-1", FACTORY, [CA]);
    const device = { tenant: "default", endpoint: "meter-1" } as const;
    expect(await catalogue.admitProven({ ...device, securityMode: "PSK" }, "bootstrap")).toMatchObject({
      type: "admitted",
      declaration: { bootstrap: { bootstrapServer: { identity: "factory" } } },
    });
    expect(await catalogue.admitProven({ ...device, securityMode: "X509" }, "bootstrap")).toMatchObject({
      type: "refused",
    });
    expect(await catalogue.admitProven({ ...device, securityMode: "PSK" })).toMatchObject({ type: "refused" });
    expect(await catalogue.admitProven({ ...device, securityMode: "X509" })).toMatchObject({ type: "admitted" });
  });
});

describe("the catalogue", () => {
  it("tells its listeners of every change until they leave", () => {
    const changes: CatalogueChange[] = [];
    const leave = catalogue.onChange((change) => changes.push(change));
    putProfile("default", "valve");
    catalogue.remove("profile", "default", "valve");
    leave();
    putProfile("default", "valve");
    expect(changes).toEqual([
      { type: "put", kind: "profile", tenant: "default", id: "valve" },
      { type: "removed", kind: "profile", tenant: "default", id: "valve", replaced: expect.anything() },
    ]);
  });

  it("knows the models that ship with Ferry, and has them back when a record that stood in for one goes", () => {
    const shipped = catalogue.models.resolve("default", 3, "1.1")?.model;
    expect(shipped).toMatchObject({ id: 3, version: "1.1", name: "Device" });
    const xml = `<LWM2M><Object ObjectType="MODefinition"><Name>Other</Name><ObjectID>3</ObjectID><ObjectURN>urn:oma:lwm2m:oma:3:1.1</ObjectURN><ObjectVersion>1.1</ObjectVersion>
      <MultipleInstances>Single</MultipleInstances><Mandatory>Mandatory</Mandatory><Resources></Resources></Object></LWM2M>`;
    for (const tenant of ["system", "acme"]) catalogue.put(parse("model", tenant, "3_1.1", { model: { xml } }));
    expect(catalogue.models.resolve("default", 3, "1.1")?.model.name).toBe("Other");
    catalogue.remove("model", "system", "3_1.1");
    expect(catalogue.models.resolve("default", 3, "1.1")?.model).toBe(shipped);
    expect(catalogue.models.resolve("acme", 3, "1.1")?.model.name).toBe("Other");
    catalogue.remove("model", "acme", "3_1.1");
    expect(catalogue.models.resolve("acme", 3, "1.1")?.model).toBe(shipped);
  });

  const putModel = (tenant: string, version: string, name: string, objectId = 40_000): void => {
    const xml = `<LWM2M><Object ObjectType="MODefinition"><Name>${name}</Name><ObjectID>${objectId}</ObjectID><ObjectURN>urn:oma:lwm2m:x:${objectId}:${version}</ObjectURN><ObjectVersion>${version}</ObjectVersion>
      <MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Resources></Resources></Object></LWM2M>`;
    catalogue.put(parse("model", tenant, `${objectId}_${version}`, { model: { xml } }));
  };
  /** The name of the model by which a device of the tenant is served that registered this version of object 40000. */
  const servedBy = (tenant: string, version: string) =>
    catalogue.models.view(tenant, { objects: new Map([[40_000, { version, instances: [0] }]]) }).object(40_000)?.name;

  it("serves a device without the exact version by the highest of the same major, of its tenant's and the system's", () => {
    putModel("system", "1.0", "system 1.0");
    putModel("system", "1.2", "system 1.2");
    putModel("system", "2.0", "system 2.0");
    putModel("acme", "1.1", "acme 1.1");
    expect(servedBy("acme", "1.1")).toBe("acme 1.1");
    expect(servedBy("default", "1.1")).toBe("system 1.2");
    putModel("acme", "1.9", "acme 1.9");
    expect([servedBy("acme", "1.3"), servedBy("acme", "2.4"), servedBy("default", "1.3")]).toEqual([
      "acme 1.9",
      "system 2.0",
      "system 1.2",
    ]);
    putModel("acme", "1.2", "acme 1.2");
    expect([servedBy("acme", "1.2"), servedBy("default", "1.2")]).toEqual(["acme 1.2", "system 1.2"]);
  });

  it.each(["system", "acme"])(
    "finds a model of %s that came after it was asked for in vain (no negative look-up sticks)",
    (tenant) => {
      expect(servedBy("acme", "1.0")).toBeUndefined();
      putModel(tenant, "1.1", "close");
      expect(servedBy("acme", "1.0")).toBe("close");
      putModel(tenant, "1.0", "exact");
      expect(servedBy("acme", "1.0")).toBe("exact");
      catalogue.remove("model", tenant, "40000_1.0");
      expect(servedBy("acme", "1.0")).toBe("close");
    },
  );

  it("keeps profiles of tenants apart", () => {
    putProfile("acme", "meter");
    catalogue.remove("profile", "default", "meter");
    expect(catalogue.profile("default", "meter")).toBeUndefined();
    expect(catalogue.profile("acme", "meter")).toBeDefined();
  });
});
