import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { lwm2m, provisioningKey } from "@ferry/proto";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { beforeEach, describe, expect, it, jest } from "@jest/globals";
import { Catalogue } from "./catalogue.ts";
import { CredentialsInForce } from "./credentials-in-force.ts";
import { deviceIdentities, identitiesOf, publicKeyIdentity } from "./device-identities.ts";
import { parseProvisioningRecord } from "./parse-record.ts";

type Credential = lwm2m.v1.Credential.$Properties;

const psk = (identity: string): Credential => ({ psk: { identity, key: { plain: Buffer.alloc(16, 1) } } });
/** A self-signed P-256 certificate, "Fleet CA". */
const CA = Buffer.from(
  "MIIBfDCCASOgAwIBAgIUSstEDUDUSp50qLIOFPyAe9b0sZ0wCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIRmxlZXQgQ0EwIBcNMjYxMTIzMTY0NzM4WhgPMjEyNjEwMzAxNjQ3MzhaMBMxETAPBgNVBAMMCEZsZWV0IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECs7e68sG33lXJBkmVxvpDGtterZmHp1UesRgVUVciEZWmc6Ple7CXoLNOP5oYGXWxi7K95OyCcIGMa4Z4UpNtaNTMFEwHQYDVR0OBBYEFEvjIEPvONxa65MLFNc+pAS7qXrFMB8GA1UdIwQYMBaAFEvjIEPvONxa65MLFNc+pAS7qXrFMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgPPf3XwVBkanHvBlXEhBaDPIZ4mBV2fPPeqnNyyVMl3QCIDpqotWsnwk9hWP5pxxK1nPNvz51TA9Cw9/qO/sATHlf",
  "base64",
);
/** Another one, "Other CA". */
const OTHER_CA = Buffer.from(
  "MIIBfTCCASOgAwIBAgIUCBV8zYlH98yIMFES5vkXEbCN9mwwCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIT3RoZXIgQ0EwIBcNMjYxMTIzMTgxMTAzWhgPMjEyNjEwMzAxODExMDNaMBMxETAPBgNVBAMMCE90aGVyIENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/MwEGTUnuZvUD3fcvpqU3zndxZ4NXCuBKB15SGzx0o1OecuUTaBUi2HH1YV9+TvPWfCfrb4ZW/bmU3ZWvoYPmaNTMFEwHQYDVR0OBBYEFHgDcvg8gJNryew6LpITDgRknnywMB8GA1UdIwQYMBaAFHgDcvg8gJNryew6LpITDgRknnywMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgXCeE+beec84NE3WdfNjlJFE8Y9Jo57a4gVgG5iyUKNQCIQC0dh6knkLObNaFzCkLfaDsdfgTQ4E+ikodVZDpvUqlVg==",
  "base64",
);
const ISSUER = new X509Certificate(CA).subject;
const X509: Credential = { x509: { ca: CA } };
const TRUSTED: Credential = { x509: {} };

let store: MemoryProvisioningStore;
let catalogue: Catalogue;
let credentials: CredentialsInForce;
let offset: number;

beforeEach(async () => {
  store = new MemoryProvisioningStore();
  await store.setPosition(1_000);
  catalogue = new Catalogue(store);
  credentials = new CredentialsInForce(store, catalogue);
  offset = 0;
});

interface Declared {
  readonly tenant?: string;
  readonly inForce?: boolean;
  readonly bootstrap?: lwm2m.v1.BootstrapKeys.$Properties;
}

/** As the materialiser and the reader of a node do it; `inForce: false` is what was REJECTED, which the topic has all the same. */
async function declare(
  endpoint: string,
  given: Credential[],
  { tenant = "default", inForce = true, bootstrap }: Declared = {},
) {
  const allowUnauthenticatedFleet = endpoint.endsWith("*") && given.some(({ noSec }) => noSec);
  const device = {
    endpoint,
    profile: "meter",
    credentials: given,
    allowUnauthenticatedFleet,
    ...(bootstrap ? { bootstrap } : {}),
  };
  const value = lwm2m.v1.ProvisioningRecord.encode({ device }).finish();
  const parsed = parseProvisioningRecord(provisioningKey("device", tenant, endpoint), value);
  if (parsed.kind !== "device") throw new TypeError("not a device");
  if (endpoint.endsWith("*")) catalogue.put(parsed);
  offset++;
  if (inForce)
    await store.put(
      { kind: "device", tenant, id: endpoint, value, offset },
      deviceIdentities(parsed.device, undefined),
    );
}

async function generate(endpoint: string, credential: Credential, previous: Credential[] = []) {
  const value = lwm2m.v1.ProvisioningRecord.encode({ credential, previous }).finish();
  const parsed = parseProvisioningRecord(provisioningKey("credential", "default", endpoint), value);
  if (parsed.kind !== "credential") throw new TypeError("not a credential");
  offset++;
  const record = { kind: "credential" as const, tenant: "default", id: endpoint, value, offset };
  const identities = [parsed.credential, ...parsed.previous].flatMap((one) => identitiesOf(one, endpoint));
  await store.put(record, identities);
}

/** The store has been filled by the time at which it first says so. */
function filledBeforePosition(fill: () => Promise<void>): void {
  jest.spyOn(store, "position").mockImplementationOnce(async () => {
    await Promise.resolve(); // What is asked at the same time, is asked before.
    await fill();
    return 1_000;
  });
}

const tenantsOf = async (name: string, issuers: readonly string[] = [ISSUER]): Promise<string[]> =>
  (await credentials.byCertificateName(name, issuers)).map(({ device }) => device.tenant).sort();

describe("a device", () => {
  it("is found by each of its identities, with all its credentials", async () => {
    const publicKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
      format: "der",
      type: "spki",
    });
    await declare("meter-1", [psk("one"), { rawPublicKey: { publicKey } }]);
    for (const identity of [{ type: "psk", identity: "one" } as const, publicKeyIdentity(publicKey)]) {
      expect(await credentials.byIdentity(identity)).toMatchObject({
        device: { tenant: "default", endpoint: "meter-1" },
        credentials: [{ type: "psk" }, { type: "rawPublicKey" }],
      });
    }
    expect(await credentials.byIdentity({ type: "psk", identity: "One" })).toBeUndefined();
  });

  it("with a credential that Ferry generated has no other", async () => {
    await declare("meter-1", [psk("declared")]);
    await generate("meter-1", psk("generated"));
    for (const identity of ["declared", "generated"]) {
      expect(await credentials.byIdentity({ type: "psk", identity })).toMatchObject({
        credentials: [{ type: "psk", identity: "generated" }],
      });
    }
  });

  it("has both the generated credential and the one that it replaces, until a record without that comes", async () => {
    const device = { tenant: "default", endpoint: "meter-1" };
    await declare("meter-1", [psk("declared")]);
    await generate("meter-1", psk("second"), [psk("first")]);
    for (const identity of ["first", "second", "declared"]) {
      expect(await credentials.byIdentity({ type: "psk", identity })).toMatchObject({
        device,
        credentials: [{ identity: "second" }, { identity: "first" }],
      });
    }
    await generate("meter-1", psk("second"));
    expect(await credentials.byIdentity({ type: "psk", identity: "first" })).toBeUndefined();
    expect(await credentials.of(device)).toMatchObject([{ identity: "second" }]);
  });

  it("of a fleet is found by the credential that was generated for it", async () => {
    await declare("meter-*", [X509]);
    await generate("meter-17", psk("generated"));
    expect(await credentials.byIdentity({ type: "psk", identity: "generated" })).toMatchObject({
      device: { tenant: "default", endpoint: "meter-17" },
      credentials: [{ identity: "generated" }],
    });
  });

  it("without a record has the certificates of the longest pattern of its tenant that is in force", async () => {
    const device = { tenant: "default", endpoint: "meter-17" };
    const fleet = [{ type: "x509", ca: CA, certificate: undefined }];
    await declare("meter-*", [X509]);
    expect(await credentials.of(device)).toEqual(fleet);
    await declare("meter-17*", [TRUSTED], { inForce: false });
    expect(await credentials.of(device)).toEqual(fleet);
    await declare("meter-1*", [TRUSTED]);
    expect(await credentials.of(device)).toEqual([{ type: "x509", ca: undefined, certificate: undefined }]);
    expect(await credentials.of({ ...device, tenant: "acme" })).toEqual([]);
  });

  it("whose record comes into a store that is being filled while it is asked has that, not its fleet's", async () => {
    const device = { tenant: "default", endpoint: "meter-17" };
    await declare("meter-*", [X509]);
    filledBeforePosition(() => declare("meter-17", [psk("declared")]));
    expect(await credentials.of(device)).toMatchObject([{ identity: "declared" }]);
    await store.remove({ kind: "device", tenant: "default", id: "meter-17" });
    filledBeforePosition(() => generate("meter-17", psk("generated")));
    expect(await credentials.of(device)).toMatchObject([{ identity: "generated" }]);
  });

  it("without a record has no certificate when the longest pattern is of devices without security", async () => {
    await declare("meter-*", [X509]);
    await declare("meter-lab-*", [{ noSec: {} }]);
    expect(await tenantsOf("meter-lab-1")).toEqual([]);
    expect(await credentials.of({ tenant: "default", endpoint: "meter-lab-1" })).toEqual([{ type: "noSec" }]);
  });
});

describe("a name in a certificate", () => {
  it("is looked for where one of its issuers is declared, exactly or by pattern, and among those of the trust files", async () => {
    await declare("meter-1", [X509], { tenant: "acme" });
    await declare("pump-*", [X509], { tenant: "acme" });
    await declare("valve-*", [TRUSTED]);
    expect(await tenantsOf("meter-1")).toEqual(["acme"]);
    expect(await tenantsOf("pump-7")).toEqual(["acme"]);
    expect(await tenantsOf("valve-7")).toEqual(["default"]);
    expect(await tenantsOf("meter-2")).toEqual([]);
    expect(await tenantsOf("meter-1", ["CN=Another CA"])).toEqual([]);
    expect(await tenantsOf("pump-7", ["CN=fleet  ca"])).toEqual(["acme"]);
  });

  it("is found by the CA that is in force for its fleet, where a declaration with another one was rejected", async () => {
    await declare("pump-*", [X509], { tenant: "acme" });
    await declare("pump-*", [{ x509: { ca: OTHER_CA } }], { tenant: "acme", inForce: false });
    expect(await tenantsOf("pump-7")).toEqual(["acme"]);
    expect(await tenantsOf("pump-7", [new X509Certificate(OTHER_CA).subject])).toEqual([]);
  });

  it("whose exact device says otherwise is not its fleet's", async () => {
    await declare("meter-*", [X509]);
    await declare("meter-1", [psk("one")]);
    expect(await tenantsOf("meter-1")).toEqual([]);
    expect(await tenantsOf("meter-2")).toEqual(["default"]);
  });

  it("never is the name of a pattern", async () => {
    await declare("meter-*", [X509]);
    expect(await tenantsOf("meter-*")).toEqual([]);
    expect(await tenantsOf("*")).toEqual([]);
    expect(await tenantsOf("")).toEqual([]);
  });
});

describe("at the bootstrap server", () => {
  const device = { tenant: "default", endpoint: "meter-1" };
  const factory = { type: "psk", identity: "factory" } as const;
  let atBootstrap: CredentialsInForce;

  beforeEach(() => {
    atBootstrap = new CredentialsInForce(store, catalogue, "bootstrap");
  });

  it("a device has the key that is declared for that, and no other, and at LwM2M servers never that one", async () => {
    await declare("meter-1", [psk("own")], { bootstrap: { bootstrapServer: psk("factory") } });
    await generate("meter-1", psk("generated"));
    for (const identity of ["factory", "own", "generated"]) {
      expect(await atBootstrap.byIdentity({ type: "psk", identity })).toMatchObject({
        device,
        credentials: [{ identity: "factory" }],
      });
      expect(await credentials.byIdentity({ type: "psk", identity })).toMatchObject({
        device,
        credentials: [{ identity: "generated" }],
      });
    }
    expect(await atBootstrap.of(device)).toMatchObject([{ identity: "factory" }]);
    expect(await credentials.of(device)).toMatchObject([{ identity: "generated" }]);
  });

  it("a device without one has its credentials, also when another was generated: its bootstrap account stays", async () => {
    await declare("meter-1", [psk("own")]);
    expect(await atBootstrap.of(device)).toMatchObject([{ identity: "own" }]);
    await generate("meter-1", psk("generated"), [psk("own")]);
    expect(await atBootstrap.byIdentity({ type: "psk", identity: "own" })).toMatchObject({
      credentials: [{ identity: "own" }, { identity: "generated" }, { identity: "own" }],
    });
  });

  it("a device of a fleet has what the fleet has, also when a credential was generated for it", async () => {
    await declare("meter-*", [X509], { bootstrap: { server: { generatePsk: {} } } });
    await generate("meter-1", psk("generated"));
    expect(await atBootstrap.of(device)).toMatchObject([{ type: "x509" }, { identity: "generated" }]);
    expect(await credentials.of(device)).toMatchObject([{ identity: "generated" }]);
    expect((await atBootstrap.byCertificateName("meter-1", [ISSUER])).map((one) => one.device)).toEqual([device]);
    expect(await tenantsOf("meter-1")).toEqual([]);
  });

  it("nobody has the key of another device's bootstrap account", async () => {
    await declare("meter-1", [psk("own")], { bootstrap: { bootstrapServer: psk("factory") } });
    const value = lwm2m.v1.ProvisioningRecord.encode({
      device: { endpoint: "meter-2", profile: "meter", credentials: [psk("factory")] },
    }).finish();
    const parsed = parseProvisioningRecord("device/default/meter-2", value);
    if (parsed.kind !== "device") throw new TypeError("not a device");
    const record = { kind: "device", tenant: "default", id: "meter-2", value, offset: 99 } as const;
    expect(await store.put(record, deviceIdentities(parsed.device, undefined))).toMatchObject({
      type: "identityTaken",
      identity: factory,
      by: { id: "meter-1" },
    });
  });
});
