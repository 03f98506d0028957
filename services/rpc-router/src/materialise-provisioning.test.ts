import { randomBytes } from "node:crypto";
import { lwm2m, TOPICS } from "@ferry/proto";
import {
  Catalogue,
  deleteRecords,
  followProvisioning,
  type ProvisioningDocument,
  type PublishOutcome,
  parseSealingKeys,
  publishRecords,
  readDocuments,
  type SealingKeys,
  sealSecret,
  unsealSecret,
} from "@ferry/provisioning";
import { DTLS_KEYS } from "@ferry/testing";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Materialiser } from "./materialise-provisioning.ts";
import { RouterFixture } from "./router-fixture.ts";

type Credential = lwm2m.v1.Credential.$Properties;

const KEYS = parseSealingKeys(Buffer.alloc(32, 3).toString("base64"));
const PLAIN = Buffer.from("00112233445566778899aabbccddeeff", "hex");
const NO_SEC: Credential = { noSec: {} };
/** A self-signed P-256 certificate, "Fleet CA". */
const CA =
  "MIIBfDCCASOgAwIBAgIUSstEDUDUSp50qLIOFPyAe9b0sZ0wCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIRmxlZXQgQ0EwIBcNMjYxMTIzMTY0NzM4WhgPMjEyNjEwMzAxNjQ3MzhaMBMxETAPBgNVBAMMCEZsZWV0IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECs7e68sG33lXJBkmVxvpDGtterZmHp1UesRgVUVciEZWmc6Ple7CXoLNOP5oYGXWxi7K95OyCcIGMa4Z4UpNtaNTMFEwHQYDVR0OBBYEFEvjIEPvONxa65MLFNc+pAS7qXrFMB8GA1UdIwQYMBaAFEvjIEPvONxa65MLFNc+pAS7qXrFMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgPPf3XwVBkanHvBlXEhBaDPIZ4mBV2fPPeqnNyyVMl3QCIDpqotWsnwk9hWP5pxxK1nPNvz51TA9Cw9/qO/sATHlf";

let fixture: RouterFixture;
let stopped: AbortController;

beforeEach(async () => {
  fixture = new RouterFixture({ provisioned: false });
  stopped = new AbortController();
  await fixture.start();
});

afterEach(async () => {
  stopped.abort();
  await fixture.bus.stop();
});

function materialise(sealingKeys: SealingKeys | undefined = KEYS): Materialiser {
  const materialiser = new Materialiser(fixture.ports, sealingKeys, stopped.signal);
  fixture.bus.subscribe({
    type: "group",
    groupId: "materialiser",
    topics: [TOPICS.provisioning.name],
    handle: (record) => materialiser.handle(record),
  });
  return materialiser;
}

const PROFILE: ProvisioningDocument = {
  kind: "profile",
  tenant: "default",
  id: "meter",
  body: { profile: { json: '{"resources":{"/3/0/9":{"key":"battery","telemetry":true}}}' } },
};

function device(endpoint: string, credentials: Credential[] = [NO_SEC], tenant = "default"): ProvisioningDocument {
  const allowUnauthenticatedFleet = endpoint.endsWith("*") && credentials.includes(NO_SEC);
  return {
    kind: "device",
    tenant,
    id: endpoint,
    body: { device: { endpoint, profile: "meter", credentials, allowUnauthenticatedFleet } },
  };
}

const psk = (identity: string, key: lwm2m.v1.Secret.$Properties = { plain: PLAIN }): Credential => ({
  psk: { identity, key },
});

async function publish(...documents: ProvisioningDocument[]): Promise<string[]> {
  return (await publishRecords(fixture.bus, documents, { timeoutMs: 2000 })).map(formatOutcome);
}

async function remove(...documents: ProvisioningDocument[]): Promise<string[]> {
  return (await deleteRecords(fixture.bus, documents, { timeoutMs: 2000 })).map(formatOutcome);
}

function formatOutcome({ id, outcome, field, reason }: PublishOutcome): string {
  return outcome === "rejected" ? `${id} rejected: ${field}: ${reason}` : `${id} ${outcome}`;
}

async function ownerOf(endpoint: string) {
  return (await fixture.provisioning.deviceByIdentity({ type: "noSec", endpoint }))?.record;
}

describe("a record that is valid", () => {
  it("is APPLIED, and then in the store", async () => {
    materialise();
    expect(await publish(PROFILE, device("meter-1"))).toEqual(["meter applied", "meter-1 applied"]);
    expect(await ownerOf("meter-1")).toMatchObject({ tenant: "default", id: "meter-1", offset: 1 });
    expect(fixture.statuses.map(({ offset }) => Number(offset))).toEqual([0, 1]);
  });

  it("of the quickstart example makes its devices be admitted at a node", async () => {
    materialise();
    const documents = await readDocuments([`${import.meta.dirname}/../../../examples/quickstart`]);
    expect(await publish(...documents)).toEqual(["quickstart applied", "demo applied", "sim-* applied"]);
    const catalogue = new Catalogue(fixture.provisioning);
    await followProvisioning({ bus: fixture.bus, catalogue }).caughtUp;
    expect(await catalogue.admit("demo")).toMatchObject({ type: "admitted", profileName: "quickstart" });
    expect(await catalogue.admit("sim-42")).toMatchObject({ type: "admitted", declaration: { endpoint: "sim-*" } });
    expect(await catalogue.admit("stranger")).toMatchObject({ type: "refused" });
  });
});

describe("a record that is not valid", () => {
  it("is REJECTED with field and reason, and what was in force before still is", async () => {
    materialise();
    await publish(PROFILE, device("meter-1"));
    expect(await publish(device("meter-1", []))).toEqual([
      expect.stringMatching(/^meter-1 rejected: credentials: is empty/),
    ]);
    expect(await ownerOf("meter-1")).toMatchObject({ offset: 1 });
  });

  it("is one whose profile is not there", async () => {
    materialise();
    expect(await publish(device("meter-1"))).toEqual([
      'meter-1 rejected: profile: "meter" is not a profile of the tenant "default": publish it first',
    ]);
  });

  it("is one whose identity is another's: the first owns it", async () => {
    materialise();
    const other: ProvisioningDocument = { ...PROFILE, tenant: "acme" };
    await publish(PROFILE, other, device("meter-1", [psk("shared")]));
    expect(
      await publish(
        device("meter-2", [psk("shared")]),
        device("meter-1", [NO_SEC], "acme"),
        device("meter-3", [NO_SEC]),
      ),
    ).toEqual([
      'meter-2 rejected: credentials[0].psk: is the identity of the device "default/meter-1" already; an identity belongs to one device',
      "meter-1 applied",
      "meter-3 applied",
    ]);
    expect(await publish(device("meter-3", [NO_SEC], "acme"))).toEqual([
      'meter-3 rejected: credentials[0].noSec: is the identity of the device "default/meter-3" already; an identity belongs to one device',
    ]);
  });

  it("is a pattern of equal reach", async () => {
    materialise();
    await publish(PROFILE, { ...PROFILE, tenant: "acme" }, device("meter-*"));
    expect(await publish(device("meter-*", [NO_SEC], "acme"), device("meter-1*", [NO_SEC], "acme"))).toEqual([
      expect.stringMatching(/^meter-\* rejected: endpoint: is the identity of the device "default\/meter-\*" already/),
      "meter-1* applied",
    ]);
  });

  it("is one whose CA another tenant has declared", async () => {
    materialise();
    const fleetCa: Credential = { x509: { ca: Buffer.from(CA, "base64") } };
    await publish(PROFILE, { ...PROFILE, tenant: "acme" }, device("meter-*", [fleetCa]), device("pump-1", [fleetCa]));
    expect(await publish(device("meter-1*", [fleetCa], "acme"))).toEqual([
      'meter-1* rejected: credentials[0].x509: has a CA that the tenant "default" has declared already (with "meter-*"); a CA belongs to one tenant',
    ]);
  });

  it("is one over which the router itself stumbles, and the next is taken", async () => {
    const broken: SealingKeys = {
      current: "",
      get byId(): never {
        throw new TypeError("not foreseen");
      },
    };
    materialise(broken);
    expect(await publish(PROFILE, device("meter-1", [psk("one")]), device("meter-2"))).toEqual([
      "meter applied",
      "meter-1 rejected: : cannot be judged: a defect of Ferry, of which the rpc-router's log tells more",
      "meter-2 applied",
    ]);
  });

  it("is a dead letter when its key says nothing", async () => {
    materialise();
    await fixture.ports.sender.publish({ topic: TOPICS.provisioning.name, key: "nonsense", value: Uint8Array.of(1) });
    await fixture.until(() => fixture.deadLetters.length === 1);
    expect(await publish(PROFILE)).toEqual(["meter applied"]);
  });
});

describe("a secret", () => {
  it("lies in the store only sealed", async () => {
    materialise();
    await publish(PROFILE, device("meter-1", [psk("meter-1-psk")]));
    const stored = await fixture.provisioning.get("device", "default", "meter-1");
    expect(Buffer.from(stored?.value ?? []).includes(PLAIN)).toBe(false);
    const { device: sealed } = lwm2m.v1.ProvisioningRecord.decode(stored?.value ?? new Uint8Array());
    const key = sealed?.credentials?.[0]?.psk?.key?.sealed;
    expect(Buffer.from(unsealSecret(KEYS, key ?? {}, "default/meter-1"))).toEqual(PLAIN);
  });

  it("is refused when there is no key to seal it with, and the setting is named", async () => {
    const materialiser = new Materialiser(fixture.ports, undefined, stopped.signal);
    fixture.bus.subscribe({
      type: "group",
      groupId: "g",
      topics: [TOPICS.provisioning.name],
      handle: (record) => materialiser.handle(record),
    });
    expect(await publish(PROFILE, device("meter-1", [psk("a")]))).toEqual([
      "meter applied",
      "meter-1 rejected: credentials[0].psk.key: cannot be stored: the rpc-router has no key to seal it with; set PROVISIONING_SEALING_KEY_FILE",
    ]);
  });

  it("that is sealed must open, for this device and with a key that is ours", async () => {
    materialise();
    const sealed = { keyId: "00000000", nonce: Buffer.alloc(12), ciphertext: Buffer.alloc(32) };
    const [, outcome] = await publish(PROFILE, device("meter-1", [psk("a", { sealed })]));
    expect(outcome).toMatch(
      /^meter-1 rejected: credentials\[0\]\.psk\.key: sealed under key "00000000", which is not among ours/,
    );
  });
});

describe("keys on the bootstrap interface", () => {
  const bootstrapped = (
    endpoint: string,
    credentials: Credential[],
    bootstrap: lwm2m.v1.BootstrapKeys.$Properties,
  ): ProvisioningDocument => {
    const document = device(endpoint, credentials);
    return { ...document, body: { device: { ...document.body.device, bootstrap } } };
  };
  const sealed = (plain: Uint8Array): lwm2m.v1.Secret.$Properties => ({
    sealed: sealSecret(KEYS, plain, "default/device-1", randomBytes),
  });
  const privateKey = DTLS_KEYS.device.export({ format: "der", type: "pkcs8" });
  const otherKey = DTLS_KEYS.server.export({ format: "der", type: "pkcs8" });
  const rpk = (key: lwm2m.v1.Secret.$Properties): lwm2m.v1.ClientKeys.$Properties => ({
    rawPublicKey: { publicKey: DTLS_KEYS.devicePublicKey, privateKey: key },
  });

  /** The profile with a server to give, for which any keys will do. */
  const giving = { servers: [{ shortServerId: 101, security: "noSec", host: "lwm2m.example.org", port: 5685 }] };
  const GIVING = { ...PROFILE, body: { profile: { json: JSON.stringify({ bootstrap: giving }) } } };

  it("need a profile that has a server to give", async () => {
    materialise();
    const keys = bootstrapped("device-1", [psk("own")], { bootstrapServer: psk("factory") });
    expect(await publish(PROFILE, keys)).toEqual([
      "meter applied",
      'device-1 rejected: bootstrap: has keys, and the profile "meter" has nothing to give: add bootstrap.servers to it, or take the keys out',
    ]);
    expect(await publish(GIVING, keys)).toEqual(["meter applied", "device-1 applied"]);
  });

  it("lie in the store only sealed", async () => {
    materialise();
    await publish(
      GIVING,
      bootstrapped("device-1", [psk("own")], { bootstrapServer: rpk({ plain: privateKey }), server: psk("own") }),
    );
    const value = Buffer.from((await fixture.provisioning.get("device", "default", "device-1"))?.value ?? []);
    expect(value.length).toBeGreaterThan(0);
    for (const secret of [PLAIN, privateKey]) expect(value.includes(secret)).toBe(false);
    const { device: stored } = lwm2m.v1.ProvisioningRecord.decode(value);
    const key = stored?.bootstrap?.bootstrapServer?.rawPublicKey?.privateKey?.sealed;
    expect(Buffer.from(unsealSecret(KEYS, key ?? {}, "default/device-1"))).toEqual(privateKey);
  });

  it("are judged also where they are sealed: what a device is given must be what it is known by", async () => {
    materialise();
    const outcomes = await publish(
      GIVING,
      bootstrapped("device-1", [psk("own")], { bootstrapServer: rpk(sealed(otherKey)) }),
      bootstrapped("device-1", [psk("own")], { server: psk("own", sealed(Buffer.alloc(16, 9))) }),
      bootstrapped("device-1", [psk("own")], { server: psk("own", sealed(Buffer.alloc(20, 9))) }),
      bootstrapped("device-1", [psk("own", sealed(PLAIN))], {
        bootstrapServer: rpk(sealed(privateKey)),
        server: psk("own", sealed(PLAIN)),
      }),
    );
    expect(outcomes).toEqual([
      "meter applied",
      expect.stringMatching(/^device-1 rejected: bootstrap.bootstrapServer.rawPublicKey.privateKey: does not belong/),
      expect.stringMatching(/^device-1 rejected: bootstrap.server.psk.key: is not credentials\[0\].psk.key/),
      expect.stringMatching(/^device-1 rejected: bootstrap.server.psk.key: has 20 bytes/),
      "device-1 applied",
    ]);
  });

  it("give an identity that belongs to one device, at whichever server", async () => {
    materialise();
    await publish(GIVING, bootstrapped("device-1", [psk("own")], { bootstrapServer: psk("factory") }));
    expect(
      await publish(
        device("device-2", [psk("factory")]),
        bootstrapped("device-3", [psk("third")], { bootstrapServer: psk("own") }),
      ),
    ).toEqual([
      expect.stringMatching(
        /^device-2 rejected: credentials\[0\].psk: is the identity of the device "default\/device-1"/,
      ),
      expect.stringMatching(/^device-3 rejected: bootstrap.bootstrapServer.psk: is the identity of the device/),
    ]);
  });

  it("must fit the accounts that the profile has the device given, where it declares any", async () => {
    materialise();
    const bootstrap = {
      servers: [
        { shortServerId: 123, security: "psk", host: "lwm2m.example.org", port: 5686 },
        { shortServerId: 124, security: "noSec", host: "backup.example.org", port: 5685 },
      ],
      bootstrapServer: {
        security: "rawPublicKey",
        host: "lwm2m.example.org",
        port: 5688,
        serverPublicKey: Buffer.from(DTLS_KEYS.serverPublicKey).toString("base64"),
      },
    };
    await publish({ ...PROFILE, body: { profile: { json: JSON.stringify({ bootstrap }) } } });
    expect(
      await publish(
        bootstrapped("device-1", [psk("own")], { bootstrapServer: rpk({ plain: privateKey }) }),
        bootstrapped("device-2", [NO_SEC], { bootstrapServer: rpk({ plain: privateKey }) }),
        bootstrapped("device-3", [psk("third")], { server: { generatePsk: {} } }),
        device("device-4"),
      ),
    ).toEqual([
      "device-1 applied",
      "device-2 rejected: bootstrap.server: is noSec, and the profile's bootstrap.servers has for server 123 psk: make them agree",
      "device-3 rejected: bootstrap.bootstrapServer: is psk, and the profile's bootstrap.bootstrapServer has rawPublicKey: make them agree",
      "device-4 applied",
    ]);
  });

  it("may change without the registration: it was not made with them", async () => {
    materialise();
    await publish(GIVING, bootstrapped("device-1", [NO_SEC], { bootstrapServer: psk("factory") }));
    await fixture.register("device-1", await fixture.node(4, "boot-4"));
    await publish(bootstrapped("device-1", [NO_SEC], { bootstrapServer: psk("factory-2") }));
    expect(await fixture.devices.get({ tenant: "default", endpoint: "device-1" })).toBeDefined();
    expect(await publish(device("device-2", [psk("factory")]))).toEqual(["device-2 applied"]);
  });

  it("in the clear do not keep a registration in the clear", async () => {
    materialise();
    await publish(GIVING, bootstrapped("device-1", [NO_SEC], { bootstrapServer: NO_SEC }));
    await fixture.register("device-1", await fixture.node(4, "boot-4"));
    await publish(bootstrapped("device-1", [psk("own")], { bootstrapServer: NO_SEC }));
    expect(await fixture.devices.get({ tenant: "default", endpoint: "device-1" })).toBeUndefined();
    expect(await ownerOf("device-1")).toMatchObject({ id: "device-1" });
  });
});

describe("a credential that is rotated", () => {
  const credential = (identity: string, ...previous: string[]): ProvisioningDocument => ({
    kind: "credential",
    tenant: "default",
    id: "meter-1",
    body: { credential: psk(identity), previous: previous.map((one) => psk(one)) },
  });
  const holderOf = async (identity: string): Promise<string | undefined> =>
    (await fixture.provisioning.deviceByIdentity({ type: "psk", identity }))?.record?.id;
  const isRegistered = async (): Promise<boolean> =>
    (await fixture.devices.get({ tenant: "default", endpoint: "meter-1" })) !== undefined;

  it("leaves the old one valid until a record without it comes, and the registration all the time", async () => {
    materialise();
    await publish(PROFILE, device("meter-1", [psk("declared")]), credential("first"));
    await fixture.register("meter-1", await fixture.node(4, "boot-4"));
    expect(await publish(credential("second", "first"))).toEqual(["meter-1 applied"]);
    expect([await holderOf("first"), await holderOf("second")]).toEqual(["meter-1", "meter-1"]);
    expect(await isRegistered()).toBe(true);
    expect(await publish(credential("second"))).toEqual(["meter-1 applied"]);
    expect([await holderOf("first"), await holderOf("second")]).toEqual([undefined, "meter-1"]);
    expect(await isRegistered()).toBe(true);
    await publish(credential("third"));
    expect(await isRegistered()).toBe(false);
  });

  it("is sealed with the one that it replaces, and cannot have another device's", async () => {
    materialise();
    await publish(PROFILE, device("meter-1", [psk("declared")]), device("meter-2", [psk("other")]));
    await publish(credential("second", "first"));
    const stored = await fixture.provisioning.get("credential", "default", "meter-1");
    expect(Buffer.from(stored?.value ?? PLAIN).includes(PLAIN)).toBe(false);
    expect(await publish(credential("third", "other"))).toEqual([
      'meter-1 rejected: previous[0]: is the identity of the device "default/meter-2" already; an identity belongs to one device',
    ]);
  });
});

describe("a deletion", () => {
  it("ends the registration, tells the owner, and frees the identity", async () => {
    materialise();
    await publish(PROFILE, { ...PROFILE, tenant: "acme" }, device("meter-1"));
    const { owner } = await fixture.register("meter-1", await fixture.node(4, "boot-4"));
    expect(await remove(device("meter-1"))).toEqual(["meter-1 deleted"]);
    expect(await fixture.devices.get({ tenant: "default", endpoint: "meter-1" })).toBeUndefined();
    await fixture.until(() => fixture.commands.length === 2);
    expect(fixture.commands[0]).toMatchObject({
      slot: 4,
      command: {
        bootId: "boot-4",
        dropDevice: { tenant: "default", endpoint: "meter-1", reason: "the device was deleted" },
      },
    });
    expect(Number(fixture.commands[0]?.command.ownerEpoch)).toBe(owner.epoch);
    expect(await publish(device("meter-1", [NO_SEC], "acme"))).toEqual(["meter-1 applied"]);
  });

  it("of a pattern ends the registrations that only it admitted", async () => {
    materialise();
    await publish(PROFILE, device("meter-*"), device("meter-1"));
    const node = await fixture.node(4, "boot-4");
    await fixture.register("meter-1", node);
    await fixture.register("meter-2", node);
    await fixture.register("valve-1", node);
    await remove(device("meter-*"));
    const { devices } = await fixture.devices.list({ limit: 10 });
    expect(devices.map(({ registration }) => registration.endpoint)).toEqual(["meter-1", "valve-1"]);
  });

  it("of what is not there is DELETED too: it is safe to repeat", async () => {
    materialise();
    expect(await remove(device("nobody"))).toEqual(["nobody deleted"]);
  });
});

describe("a credential that is withdrawn", () => {
  it("ends the registration that was made with it", async () => {
    materialise();
    await publish(PROFILE, device("meter-1"));
    await fixture.register("meter-1", await fixture.node(4, "boot-4"));
    await publish(device("meter-1", [psk("meter-1-psk")]));
    expect(await fixture.devices.get({ tenant: "default", endpoint: "meter-1" })).toBeUndefined();
    expect(await ownerOf("meter-1")).toBeUndefined();
  });

  it("is also the name alone, once a credential was generated for the device, until that is deleted", async () => {
    materialise();
    const generated: ProvisioningDocument = {
      kind: "credential",
      tenant: "default",
      id: "meter-1",
      body: { credential: psk("generated") },
    };
    await publish(PROFILE, device("meter-1"));
    await fixture.register("meter-1", await fixture.node(4, "boot-4"));
    expect(await publish(generated)).toEqual(["meter-1 applied"]);
    expect(await ownerOf("meter-1")).toBeUndefined();
    expect(await fixture.devices.get({ tenant: "default", endpoint: "meter-1" })).toBeUndefined();
    await remove(generated);
    expect(await ownerOf("meter-1")).toMatchObject({ id: "meter-1" });
  });

  it("does not touch a registration when the record is published again as it was", async () => {
    materialise();
    await publish(PROFILE, device("meter-1"));
    await fixture.register("meter-1", await fixture.node(4, "boot-4"));
    await publish(device("meter-1"));
    expect(await fixture.devices.get({ tenant: "default", endpoint: "meter-1" })).toBeDefined();
  });
});

describe("a store that was lost, or whose position proves nothing", () => {
  /** Puts a device into the store that the topic does not declare. */
  async function ghost(endpoint: string, offset: number): Promise<void> {
    await fixture.provisioning.put(
      { kind: "device", tenant: "default", id: endpoint, value: new Uint8Array(), offset },
      [{ type: "noSec", endpoint }],
    );
  }

  it("is rebuilt from the beginning of the topic", async () => {
    const materialiser = materialise();
    await publish(PROFILE, device("meter-1"), device("meter-2"));
    await remove(device("meter-2"));
    await fixture.provisioning.remove({ kind: "device", tenant: "default", id: "meter-1" });
    await fixture.provisioning.setPosition(1);
    expect(await publish(device("meter-3"))).toEqual(["meter-3 applied"]);
    expect(await ownerOf("meter-1")).toMatchObject({ id: "meter-1" });
    expect(await ownerOf("meter-2")).toBeUndefined();
    await materialiser.check();
    expect(await fixture.provisioning.position()).toBe(4);
  });

  it("loses what the topic does not declare: a revocation survives compaction", async () => {
    await ghost("ghost", 0);
    materialise();
    await publish(PROFILE, device("meter-1"));
    expect(await ownerOf("ghost")).toBeUndefined();
    expect(await fixture.provisioning.list("device")).toHaveLength(1);
  });

  it("loses what belonged to another topic with more offsets", async () => {
    await ghost("meter-1", 900);
    await fixture.provisioning.setPosition(1000);
    materialise();
    expect(await publish(PROFILE, device("meter-1"))).toEqual(["meter applied", "meter-1 applied"]);
    expect(await ownerOf("meter-1")).toMatchObject({ offset: 1 });
  });

  it("is rebuilt without waiting for a record", async () => {
    materialise();
    await publish(PROFILE, device("meter-1"));
    const fresh = new RouterFixture();
    const other = new Materialiser({ ...fixture.ports, provisioning: fresh.provisioning }, KEYS, stopped.signal);
    await other.check();
    expect(await fresh.provisioning.deviceByIdentity({ type: "noSec", endpoint: "meter-1" })).toMatchObject({
      record: { id: "meter-1" },
    });
    expect(await fresh.provisioning.position()).toBe(1);
    expect(fixture.statuses).toHaveLength(2);
  });

  it("is rebuilt when it fell back to an older copy, once it stays there", async () => {
    const materialiser = materialise();
    await publish(PROFILE, device("meter-1"), device("meter-2"));
    await fixture.provisioning.remove({ kind: "device", tenant: "default", id: "meter-2" });
    await fixture.provisioning.setPosition(1);
    await materialiser.check();
    expect(await ownerOf("meter-2")).toBeUndefined();
    await materialiser.check();
    expect(await ownerOf("meter-2")).toMatchObject({ id: "meter-2" });
    expect(await fixture.provisioning.position()).toBe(2);
  });

  it("takes a profile that comes behind its devices in the compacted topic", async () => {
    materialise();
    await publish(PROFILE, device("meter-1"), PROFILE);
    const fresh = new RouterFixture();
    await new Materialiser({ ...fixture.ports, provisioning: fresh.provisioning }, KEYS, stopped.signal).check();
    expect(await fresh.provisioning.get("device", "default", "meter-1")).toBeDefined();
  });
});
