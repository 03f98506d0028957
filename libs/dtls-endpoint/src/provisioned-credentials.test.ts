import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import type { Answer } from "@ferry/dtls";
import { lwm2m, provisioningKey } from "@ferry/proto";
import {
  Catalogue,
  CredentialsInForce,
  deviceIdentities,
  identitiesOf,
  parseProvisioningRecord,
  parseSealingKeys,
  SealingError,
  sealSecret,
} from "@ferry/provisioning";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { BasicConstraints } from "pkijs";
import { type DeviceCertificate, revocationKey } from "./certificate.ts";
import { alter, type Issued, issue, issueCa, NOW_MS, noName } from "./certificate-fixture.ts";
import { extension } from "./make-certificate.ts";
import { parsePrincipal } from "./principal.ts";
import { ProvisionedCredentials } from "./provisioned-credentials.ts";

type Credential = lwm2m.v1.Credential.$Properties;

const KEYS = parseSealingKeys(Buffer.alloc(32, 3).toString("base64"));
const KEY = Buffer.alloc(16, 1);
/** Of a CA, without a key usage that would keep it from signing a handshake. */
const BASIC_CONSTRAINTS = extension("2.5.29.19", new BasicConstraints({ cA: true }).toSchema().toBER(false), true);

let acmeCa: Issued;
let otherCa: Issued;
let store: MemoryProvisioningStore;
let catalogue: Catalogue;
let trusted: DeviceCertificate[];
let revoked: Set<string>;
let credentials: ProvisionedCredentials;
let offset: number;
let errors: unknown[];
let nowMs: number;

beforeAll(async () => {
  acmeCa = await issueCa("Acme CA");
  otherCa = await issueCa("Other CA");
});

beforeEach(async () => {
  store = new MemoryProvisioningStore();
  await store.setPosition(1_000);
  nowMs = NOW_MS;
  catalogue = new Catalogue(store);
  trusted = [];
  revoked = new Set();
  offset = 0;
  errors = [];
  credentials = new ProvisionedCredentials({
    inForce: new CredentialsInForce(store, catalogue),
    sealingKeys: KEYS,
    trust: {
      get trustAnchors() {
        return trusted;
      },
      isRevoked: (certificate, issuer) => revoked.has(revocationKey(certificate, issuer)),
      hasRevoked: (key) => revoked.has(key),
    },
    wallMs: () => nowMs,
    logger: { error: (...facts: unknown[]) => void errors.push(facts) },
  });
});

async function declare(endpoint: string, given: Credential[], tenant = "default"): Promise<void> {
  const device = { endpoint, profile: "meter", credentials: given };
  const value = lwm2m.v1.ProvisioningRecord.encode({ device }).finish();
  const parsed = parseProvisioningRecord(provisioningKey("device", tenant, endpoint), value);
  if (parsed.kind !== "device") throw new TypeError("not a device");
  if (endpoint.endsWith("*")) catalogue.put(parsed);
  const record = { kind: "device", tenant, id: endpoint, value, offset: offset++ } as const;
  await store.put(record, deviceIdentities(parsed.device, undefined));
}

async function generate(endpoint: string, credential: Credential): Promise<void> {
  const value = lwm2m.v1.ProvisioningRecord.encode({ credential }).finish();
  const parsed = parseProvisioningRecord(provisioningKey("credential", "default", endpoint), value);
  if (parsed.kind !== "credential") throw new TypeError("not a credential");
  const record = { kind: "credential", tenant: "default", id: endpoint, value, offset: offset++ } as const;
  await store.put(record, identitiesOf(parsed.credential, endpoint));
}

const psk = (identity: string, key: Uint8Array, endpoint = "meter-1"): Credential => ({
  psk: { identity, key: { sealed: sealSecret(KEYS, key, `default/${endpoint}`, randomBytes) } },
});
const ask = (identity: string | Uint8Array): Promise<Answer> => credentials.psk(Buffer.from(identity));
const show = (device: Issued, ...others: Issued[]): Promise<Answer> =>
  credentials.certificate([device, ...others].map(({ der }) => der));
const spki = ({ privateKey }: { privateKey: KeyObject }): Buffer =>
  createPublicKey(privateKey.export({ format: "pem", type: "pkcs8" })).export({ format: "der", type: "spki" });

/** `mode tenant/endpoint`, or the reason. */
function outcome(answer: Answer): string {
  const principal = answer.type === "psk" || answer.type === "principal" ? parsePrincipal(answer.principal) : undefined;
  if (principal !== undefined)
    return `${principal.securityMode} ${principal.device.tenant}/${principal.device.endpoint}`;
  return answer.type === "refused" ? `${answer.alert}: ${answer.reason}` : answer.type;
}

const principalOf = (answer: Answer): string =>
  answer.type === "psk" || answer.type === "principal" ? answer.principal : "none";

describe("a pre-shared key", () => {
  it("is found by its identity and opened for its device", async () => {
    await declare("meter-1", [psk("one", KEY)]);
    const answer = await ask("one");
    expect(outcome(answer)).toBe("PSK default/meter-1");
    expect(answer).toMatchObject({ type: "psk", key: KEY });
    expect(inspect(answer)).toContain("key: [secret]");
    for (const stranger of ["two", "One", "one\0", "", Buffer.from([0xff, 0xfe]), "\ufeffone"])
      expect(await ask(stranger)).toEqual({ type: "none" });
  });

  it("that Ferry generated is the only one of its device", async () => {
    await declare("meter-1", [psk("declared", KEY)]);
    await generate("meter-1", psk("generated", Buffer.alloc(16, 2)));
    expect(await ask("declared")).toEqual({ type: "none" });
    expect(await ask("generated")).toMatchObject({ type: "psk", key: Buffer.alloc(16, 2) });
  });

  it("of another device's identity does not open here, which is nobody's fault but ours", async () => {
    await declare("meter-1", [psk("one", KEY, "meter-2")]);
    await expect(ask("one")).rejects.toThrow(SealingError);
  });

  it("counts as the same when it is declared again, and as another when it is changed", async () => {
    await declare("meter-1", [psk("one", KEY)]);
    const principal = principalOf(await ask("one"));
    await declare("meter-1", [psk("one", KEY)]);
    expect(await credentials.isCurrent(principal)).toBe(true);
    await declare("meter-1", [psk("one", Buffer.alloc(16, 2))]);
    expect(await credentials.isCurrent(principal)).toBe(false);
    await store.remove({ kind: "device", tenant: "default", id: "meter-1" });
    expect(await credentials.isCurrent(principal)).toBe(false);
  });

  it("shows nothing of itself in what it is called", async () => {
    await declare("meter-1", [psk("one", KEY)]);
    expect(principalOf(await ask("one"))).not.toContain(KEY.toString("hex").slice(0, 8));
  });
});

describe("a raw public key", () => {
  it("is found by its SubjectPublicKeyInfo", async () => {
    await declare("meter-1", [{ rawPublicKey: { publicKey: spki(acmeCa) } }]);
    const answer = await credentials.rawPublicKey(spki(acmeCa));
    expect(outcome(answer)).toBe("RPK default/meter-1");
    expect(await credentials.isCurrent(principalOf(answer))).toBe(true);
    expect(outcome(await credentials.rawPublicKey(spki(otherCa)))).toMatch(/^49: no device is provisioned with this/);
  });

  it("of a declared certificate is not enough: the certificate is to be shown", async () => {
    const device = await issue("meter-1");
    await declare("meter-1", [{ x509: { certificate: device.der } }]);
    expect(outcome(await credentials.rawPublicKey(spki(device)))).toMatch(/^49: /);
  });
});

describe("a pinned certificate", () => {
  it("is its device's, whatever it names and whoever has signed it; another one of the same key is not", async () => {
    const device = await issue("some name");
    await declare("meter-1", [{ x509: { certificate: device.der } }]);
    const answer = await show(device);
    expect(outcome(answer)).toBe("X509 default/meter-1");
    expect(await credentials.isCurrent(principalOf(answer))).toBe(true);
    const renewed = await issue("some name", { privateKey: device.privateKey });
    expect(outcome(await show(renewed))).toMatch(/^48: no device or pattern for "some name"/);
  });

  it("proves nothing any more when it has expired since", async () => {
    const notAfterMs = NOW_MS + 60_000;
    const device = await issue("meter-1", { notAfterMs });
    await declare("meter-1", [{ x509: { certificate: device.der } }]);
    const principal = principalOf(await show(device));
    nowMs = notAfterMs;
    expect(await credentials.isCurrent(principal)).toBe(true);
    nowMs = notAfterMs + 1;
    expect(await credentials.isCurrent(principal)).toBe(false);
  });

  it("is refused when it has expired, and it is known whose it was", async () => {
    const device = await issue("meter-1", { notAfterMs: NOW_MS - 1000 });
    await declare("meter-1", [{ x509: { certificate: device.der } }]);
    const answer = await show(device);
    expect(outcome(answer)).toMatch(/^45: the device's certificate expired at .*: renew it/);
    expect(answer).toMatchObject({ principal: expect.stringContaining("meter-1") });
  });
});

describe("a certificate of a CA", () => {
  it("is the device's that its name says, among those that declare the CA: exactly, or by pattern", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }], "acme");
    await declare("pump-*", [{ x509: { ca: acmeCa.der } }], "acme");
    expect(outcome(await show(await issue("meter-1", { by: acmeCa })))).toBe("X509 acme/meter-1");
    expect(outcome(await show(await issue("pump-7", { by: acmeCa })))).toBe("X509 acme/pump-7");
    const named = await issue("serial 12345", { by: acmeCa, uris: ["urn:dev:x"], dnsNames: ["pump-8"] });
    expect(outcome(await show(named))).toBe("X509 acme/pump-8");
  });

  it("is nobody's when no declaration has that name, or the name has no such CA", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }]);
    expect(outcome(await show(await issue("meter-2", { by: acmeCa })))).toMatch(
      /^48: no device or pattern for "meter-2" is provisioned with the CA CN=Acme CA, .*: declare x509 with that ca/,
    );
    expect(outcome(await show(await issue("meter-1", { by: otherCa })))).toMatch(/^48: /);
    expect(outcome(await show(await issue("", { by: acmeCa })))).toMatch(
      /^49: the device's certificate names no endpoint/,
    );
  });

  it("that calls itself as a declared CA and is not is refused, and no device is told of", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }]);
    const impostor = await issueCa("Acme CA");
    const answer = await show(await issue("meter-1", { by: impostor }), impostor);
    expect(outcome(answer)).toMatch(/^48: no CA that is declared for it has signed it/);
    expect(answer).not.toHaveProperty("principal");
  });

  it("that has expired is known to be its device's only when its CA has signed it", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }]);
    const impostor = await issueCa("Acme CA");
    const expired = { notAfterMs: NOW_MS - 1000 };
    const own = await show(await issue("meter-1", { by: acmeCa, ...expired }));
    const forged = await show(await issue("meter-1", { by: impostor, ...expired }), impostor);
    expect([outcome(own), outcome(forged)].map((text) => text.slice(0, 3))).toEqual(["45:", "45:"]);
    expect(own).toMatchObject({ principal: expect.stringContaining("meter-1") });
    expect(forged).not.toHaveProperty("principal");
  });

  it("is never another tenant's by its name alone: the CA picks the tenant", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }], "acme");
    await declare("meter-1", [{ x509: { ca: otherCa.der } }], "other");
    expect(outcome(await show(await issue("meter-1", { by: acmeCa })))).toBe("X509 acme/meter-1");
    expect(outcome(await show(await issue("meter-1", { by: otherCa })))).toBe("X509 other/meter-1");
  });

  it("for which declarations of several tenants hold is refused: one of them is a mistake", async () => {
    const line = await issueCa("Line CA", { by: acmeCa });
    await declare("meter-*", [{ x509: { ca: acmeCa.der } }], "acme");
    await declare("meter-*", [{ x509: { ca: line.der } }], "other");
    expect(outcome(await show(await issue("meter-1", { by: line }), line))).toMatch(
      /^49: "meter-1" is declared with CAs that have signed this certificate by the tenants "(acme|other)", "(acme|other)"/,
    );
  });

  it("comes by CAs in between, and is refused with the reason when the path does not hold", async () => {
    await declare("meter-*", [{ x509: { ca: acmeCa.der } }]);
    const line = await issueCa("Line CA", { by: acmeCa });
    const device = await issue("meter-1", { by: line });
    expect(outcome(await show(device, line))).toBe("X509 default/meter-1");
    expect(outcome(await show(device))).toMatch(/^48: /);
    revoked.add(revocationKey(device.parsed, line.parsed));
    const answer = await show(device, line);
    expect(outcome(answer)).toMatch(/^44: the certificate CN=meter-1 \(serial [0-9A-F]+\) is revoked by CN=Line CA/);
    expect(answer).toMatchObject({ principal: expect.stringContaining("meter-1") });
  });

  it("whose exact device is declared otherwise, or has a generated credential, is not taken for the fleet's", async () => {
    await declare("meter-*", [{ x509: { ca: acmeCa.der } }]);
    await declare("meter-1", [psk("one", KEY)]);
    expect(outcome(await show(await issue("meter-1", { by: acmeCa })))).toMatch(/^48: /);
    const principal = principalOf(await show(await issue("meter-2", { by: acmeCa })));
    expect(await credentials.isCurrent(principal)).toBe(true);
    await generate("meter-2", psk("two", KEY, "meter-2"));
    expect(outcome(await show(await issue("meter-2", { by: acmeCa })))).toMatch(/^48: /);
    expect(await credentials.isCurrent(principal)).toBe(false);
  });

  it("of the trust files serves devices of the default tenant that name no CA", async () => {
    await declare("valve-*", [{ x509: {} }]);
    const device = await issue("valve-1", { by: otherCa });
    expect(outcome(await show(device))).toMatch(/^48: /);
    trusted = [otherCa.parsed];
    const principal = principalOf(await show(device));
    expect(parsePrincipal(principal)).toMatchObject({ device: { tenant: "default", endpoint: "valve-1" } });
    expect(await credentials.isCurrent(principal)).toBe(true);
    trusted = [acmeCa.parsed];
    expect(await credentials.isCurrent(principal)).toBe(false);
  });

  it("holds until the first certificate of its path expires", async () => {
    const notAfterMs = NOW_MS + 60_000;
    const line = await issueCa("Line CA", { by: acmeCa, notAfterMs });
    await declare("meter-*", [{ x509: { ca: acmeCa.der } }]);
    const principal = principalOf(await show(await issue("meter-1", { by: line }), line));
    nowMs = notAfterMs;
    expect(await credentials.isCurrent(principal)).toBe(true);
    nowMs = notAfterMs + 1;
    expect(await credentials.isCurrent(principal)).toBe(false);
  });

  it("holds until its CA is declared no more, or it is revoked", async () => {
    await declare("meter-*", [{ x509: { ca: acmeCa.der } }]);
    const device = await issue("meter-1", { by: acmeCa });
    const principal = principalOf(await show(device));
    expect(await credentials.isCurrent(principal)).toBe(true);
    revoked.add(revocationKey(device.parsed, acmeCa.parsed));
    expect(await credentials.isCurrent(principal)).toBe(false);
    revoked.clear();
    await declare("meter-*", [{ x509: { ca: otherCa.der } }]);
    expect(await credentials.isCurrent(principal)).toBe(false);
  });
});

describe("a certificate that is declared as a CA instead of as the device's own, or the other way round", () => {
  it("is another credential, though it is the same bytes", async () => {
    const own = await issueCa("meter-1", { replace: [BASIC_CONSTRAINTS] });
    const below = await issue("meter-1", { by: own });
    await declare("meter-1", [{ x509: { certificate: own.der } }]);
    const pinned = principalOf(await show(own));
    await declare("meter-1", [{ x509: { ca: own.der } }]);
    const issued = principalOf(await show(below));
    expect(await Promise.all([pinned, issued].map((one) => credentials.isCurrent(one)))).toEqual([false, true]);
    await declare("meter-1", [{ x509: { certificate: own.der } }]);
    expect(await Promise.all([pinned, issued].map((one) => credentials.isCurrent(one)))).toEqual([true, false]);
  });
});

describe("a CA in between that is revoked", () => {
  it("ends what was made with a certificate below it", async () => {
    await declare("meter-*", [{ x509: { ca: acmeCa.der } }]);
    const plant = await issueCa("Plant CA", { by: acmeCa });
    const line = await issueCa("Line CA", { by: plant });
    const principal = principalOf(await show(await issue("meter-1", { by: line }), line, plant));
    expect(await credentials.isCurrent(principal)).toBe(true);
    revoked.add(revocationKey(plant.parsed, acmeCa.parsed));
    expect(await credentials.isCurrent(principal)).toBe(false);
  });
});

describe("what a device shows", () => {
  it.each<[string, () => Promise<Uint8Array[]>, RegExp]>([
    ["nothing", async () => [], /^42: what the device sent is not an X\.509 certificate/],
    ["bytes", async () => [randomBytes(200)], /^42: /],
    [
      "a certificate whose issuer has no name",
      async () => {
        const device = await issue("meter-1");
        return [await alter(device, { issuer: noName() }, device)];
      },
      /^42: what the device sent is not an X\.509 certificate/,
    ],
    ["a certificate with bytes behind it", async () => [Buffer.concat([acmeCa.der, Buffer.alloc(1)])], /^42: /],
  ])("that is %s is refused", async (_, chain, expected) => {
    expect(outcome(await credentials.certificate(await chain()))).toMatch(expected);
  });

  it("has its name in the alternatives alone, as RFC 5280 allows, and is told of without a name when it is revoked", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }]);
    const named = await issue("x", { by: acmeCa, dnsNames: ["meter-1"] });
    const der = await alter(named, { subject: noName() }, acmeCa);
    expect(outcome(await credentials.certificate([der]))).toBe("X509 default/meter-1");
    revoked.add(revocationKey(named.parsed, acmeCa.parsed));
    expect(outcome(await credentials.certificate([der]))).toMatch(/^44: the certificate \(no name\) \(serial /);
  });

  it("may have a CA without a name beside it, which stands for nobody", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }]);
    const device = await issue("meter-1", { by: acmeCa });
    const nameless = await alter(acmeCa, { subject: noName() }, acmeCa);
    expect(outcome(await credentials.certificate([device.der, nameless]))).toBe("X509 default/meter-1");
    expect(outcome(await credentials.certificate([nameless, nameless]))).toMatch(/^49: /);
    expect(errors).toEqual([]);
  });

  it("and makes us stumble ends its handshake, and no more: the log tells of it once a minute", async () => {
    const stumbling = new ProvisionedCredentials({
      inForce: {
        byIdentity: async () => {
          throw new TypeError("not foreseen");
        },
      } as unknown as CredentialsInForce, // What nobody foresees has no fixture.
      sealingKeys: undefined,
      trust: { trustAnchors: [], isRevoked: () => false, hasRevoked: () => false },
      wallMs: () => NOW_MS,
      logger: { error: (...facts: unknown[]) => void errors.push(facts) },
    });
    expect(outcome(await stumbling.rawPublicKey(spki(acmeCa)))).toMatch(/^42: .* cannot be judged/);
    expect(outcome(await stumbling.certificate([acmeCa.der]))).toMatch(/^42: .* cannot be judged/);
    expect(errors).toHaveLength(1);
  });

  it("beside its own certificate and cannot be read is passed over", async () => {
    await declare("meter-1", [{ x509: { ca: acmeCa.der } }]);
    const { der } = await issue("meter-1", { by: acmeCa });
    expect(outcome(await credentials.certificate([der, randomBytes(50)]))).toBe("X509 default/meter-1");
  });
});
