import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { lwm2m } from "@ferry/proto";
import { DTLS_KEYS } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { DeviceDeclaration } from "./device-declaration.ts";
import { ProvisioningError } from "./errors.ts";
import { parseBody, parseProvisioningRecord } from "./parse-record.ts";

type Device = lwm2m.v1.Device.$Properties;
type Credential = lwm2m.v1.Credential.$Properties;
type Keys = lwm2m.v1.ClientKeys.$Properties;

const pkcs8 = (key: KeyObject): Buffer => key.export({ format: "der", type: "pkcs8" });
const DEVICE_KEY = pkcs8(DTLS_KEYS.device);
const OTHER_KEY = pkcs8(DTLS_KEYS.server);
const { deviceCertificate: CERTIFICATE, devicePublicKey: PUBLIC_KEY, root: ROOT, otherRoot: OTHER_ROOT } = DTLS_KEYS;

const psk = (identity: string, fill = 1): { psk: lwm2m.v1.Psk.$Properties } => ({
  psk: { identity, key: { plain: Buffer.alloc(16, fill) } },
});
const rpk = (privateKey: Uint8Array = DEVICE_KEY): Keys => ({
  rawPublicKey: { publicKey: PUBLIC_KEY, privateKey: { plain: privateKey } },
});
const x509 = (privateKey: Uint8Array = DEVICE_KEY): Keys => ({
  x509: { certificate: CERTIFICATE, privateKey: { plain: privateKey } },
});
const NO_SEC = { noSec: {} };
const GENERATE: Keys = { generatePsk: {} };

function parse(device: Device): DeviceDeclaration {
  const ref = { kind: "device", tenant: "default", id: device.endpoint ?? "" } as const;
  const parsed = parseBody(ref, { device: { profile: "meter", ...device } });
  if (parsed.kind !== "device") throw new TypeError("not a device");
  return parsed.device;
}

/** "device-1" is the name that the certificate bears. */
const device = (credentials: Credential[], bootstrap: lwm2m.v1.BootstrapKeys.$Properties): Device => ({
  endpoint: "device-1",
  credentials,
  bootstrap,
});

function problemOf(given: Device): string {
  try {
    parse(given);
  } catch (error) {
    if (error instanceof ProvisioningError) return error.message;
    throw error;
  }
  return "none";
}

describe("bootstrap keys of a device", () => {
  it("are for the bootstrap server and for LwM2M servers, in any combination of security", () => {
    const forBootstrap: Keys[] = [NO_SEC, psk("factory"), rpk(), x509()];
    const forServer: [Credential, Keys][] = [
      [NO_SEC, NO_SEC],
      [psk("one"), psk("one")],
      [{ rawPublicKey: { publicKey: PUBLIC_KEY } }, rpk()],
      [{ x509: { certificate: CERTIFICATE } }, x509()],
      [{ x509: { ca: ROOT } }, x509()],
      [{ x509: {} }, x509()],
      [psk("one"), GENERATE],
    ];
    const typeOf = (keys: Keys): string => Object.keys(keys)[0] ?? "";
    for (const bootstrapServer of forBootstrap) {
      for (const [credential, server] of forServer) {
        expect(parse(device([credential], { bootstrapServer, server })).bootstrap).toMatchObject({
          bootstrapServer: { type: typeOf(bootstrapServer) },
          server: { type: typeOf(server) },
        });
      }
    }
  });

  it("may be those of the bootstrap server alone: for others the device is given the key of its credentials", () => {
    expect(parse(device([psk("one")], { bootstrapServer: psk("factory") })).bootstrap).toMatchObject({
      bootstrapServer: { type: "psk", identity: "factory" },
      server: undefined,
    });
  });

  it("stand for credentials where the first one is generated", () => {
    const { credentials } = parse(device([], { bootstrapServer: psk("factory"), server: GENERATE }));
    expect(credentials).toEqual([]);
  });

  it.each<[string, Device, string]>([
    [
      "two kinds at once",
      device([NO_SEC], { server: { ...NO_SEC, ...psk("one") } }),
      "bootstrap.server: names 2 of noSec, psk, rawPublicKey, x509, generate: exactly one is possible",
    ],
    ["nothing", device([NO_SEC], { bootstrapServer: {} }), "bootstrap.bootstrapServer: names 0 of noSec, psk"],
    [
      "a key that is made for the bootstrap server",
      device([psk("one")], { bootstrapServer: GENERATE }),
      "bootstrap.bootstrapServer.generate: is for `server` only",
    ],
    [
      "a PSK of another size",
      device([NO_SEC], { bootstrapServer: { psk: { identity: "a", key: { plain: Buffer.alloc(20) } } } }),
      "bootstrap.bootstrapServer.psk.key: has 20 bytes: 16, 32 or 64",
    ],
    [
      "a private key of another public key",
      device([NO_SEC], { bootstrapServer: rpk(OTHER_KEY) }),
      "bootstrap.bootstrapServer.rawPublicKey.privateKey: does not belong to publicKey: give the two of one pair",
    ],
    [
      "a private key of another certificate",
      device([NO_SEC], { bootstrapServer: x509(OTHER_KEY) }),
      "bootstrap.bootstrapServer.x509.privateKey: does not belong to certificate",
    ],
    [
      "a private key of another curve",
      device([NO_SEC], { bootstrapServer: rpk(pkcs8(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)) }),
      "bootstrap.bootstrapServer.rawPublicKey.privateKey: is not a private key of P-256",
    ],
    [
      "bytes behind a private key",
      device([NO_SEC], { bootstrapServer: rpk(Buffer.concat([DEVICE_KEY, Buffer.alloc(1)])) }),
      "bootstrap.bootstrapServer.rawPublicKey.privateKey: is not a private key of P-256",
    ],
    [
      "a private key that is larger than any",
      device([NO_SEC], { bootstrapServer: rpk(Buffer.alloc(241, 0x30)) }),
      "bootstrap.bootstrapServer.rawPublicKey.privateKey: has 241 bytes, at most 240 are possible",
    ],
    [
      "no private key",
      device([NO_SEC], { bootstrapServer: { rawPublicKey: { publicKey: PUBLIC_KEY } } }),
      "bootstrap.bootstrapServer.rawPublicKey.privateKey: is missing",
    ],
    [
      "no certificate",
      device([NO_SEC], { bootstrapServer: { x509: { privateKey: { plain: DEVICE_KEY } } } }),
      "bootstrap.bootstrapServer.x509.certificate: is missing",
    ],
  ])("are refused for %s", (_, given, expected) => {
    expect(problemOf(given)).toContain(expected);
  });
});

describe("a device that would be bootstrapped and then refused is refused beforehand", () => {
  it.each<[string, Device, string]>([
    [
      "NoSec, where its credentials are secure",
      device([psk("one")], { server: NO_SEC }),
      "bootstrap.server.noSec: would have the device come in the clear, and `credentials` do not let it",
    ],
    [
      "an identity that is not among its credentials",
      device([psk("one")], { server: psk("two") }),
      'bootstrap.server.psk.identity: would be given, and `credentials` have no psk with the identity "two"',
    ],
    [
      "another key with the identity of its credentials",
      device([psk("zero"), psk("one", 1)], { server: psk("one", 2) }),
      "bootstrap.server.psk.key: is not credentials[1].psk.key",
    ],
    [
      "a public key that is not among its credentials",
      device([psk("one")], { server: rpk() }),
      "bootstrap.server.rawPublicKey.publicKey: would be given, and `credentials` have no rawPublicKey",
    ],
    [
      "a certificate that is not among its credentials",
      device([{ x509: { certificate: DTLS_KEYS.serverCertificate } }], { server: x509() }),
      "bootstrap.server.x509.certificate: would be given, and `credentials` have no x509 with this certificate",
    ],
    [
      "a certificate of another CA",
      device([{ x509: { ca: OTHER_ROOT } }], { server: x509() }),
      "bootstrap.server.x509.certificate: would be given, and `credentials` have no x509 with this certificate, or with the CA that signed it",
    ],
    [
      "a certificate of its CA with another name",
      { ...device([{ x509: { ca: ROOT } }], { server: x509() }), endpoint: "device-2" },
      'bootstrap.server.x509.certificate: does not bear the name "device-2"',
    ],
    [
      "nothing, where of its credentials no private key is known",
      device([{ rawPublicKey: { publicKey: PUBLIC_KEY } }], { bootstrapServer: psk("factory") }),
      "bootstrap.server: is missing: of `credentials` the private key is not known here",
    ],
    [
      "a key that anybody would be given who knows its name",
      device([NO_SEC], { server: GENERATE }),
      "bootstrap.bootstrapServer: is missing: a key would be given to whoever knows the name",
    ],
    [
      "a key that is made, where its credentials say noSec: that ends before it has the key",
      device([NO_SEC], { bootstrapServer: NO_SEC, server: GENERATE }),
      "bootstrap.server.generate: would end noSec of `credentials` as soon as a key is made, before the device has it: leave noSec out there",
    ],
    [
      "a key that is made in place of one of several credentials: it may be using another",
      device([psk("one"), { rawPublicKey: { publicKey: PUBLIC_KEY } }], {
        bootstrapServer: psk("factory"),
        server: GENERATE,
      }),
      "bootstrap.server.generate: replaces one credential, and `credentials` have 2",
    ],
    ["no credential, and none to come", device([], { bootstrapServer: psk("factory") }), "credentials: is empty"],
  ])("with %s", (_, given, expected) => {
    expect(problemOf(given)).toContain(expected);
  });

  it("as far as that can be seen: a sealed secret counts as what it should be", () => {
    const sealed = { keyId: "a", nonce: Buffer.alloc(12), ciphertext: Buffer.alloc(154) };
    const server: Keys = { psk: { identity: "one", key: { sealed } } };
    expect(problemOf(device([psk("one")], { server }))).toBe("none");
    const bootstrapServer: Keys = { rawPublicKey: { publicKey: PUBLIC_KEY, privateKey: { sealed } } };
    expect(problemOf(device([psk("one")], { bootstrapServer }))).toBe("none");
  });
});

describe("bootstrap keys of a fleet", () => {
  const fleet = (credentials: Credential[], bootstrap: lwm2m.v1.BootstrapKeys.$Properties, isOpen = false): Device => ({
    endpoint: "meter-*",
    credentials,
    bootstrap,
    allowUnauthenticatedFleet: isOpen,
  });
  const CA: Credential = { x509: { ca: ROOT } };

  it("are none, NoSec where that is said to be meant, or made for each device", () => {
    for (const given of [
      fleet([CA], { server: GENERATE }),
      fleet([CA], { bootstrapServer: NO_SEC, server: GENERATE }, true),
      fleet([NO_SEC], { server: NO_SEC }, true),
      fleet([NO_SEC], {}, true),
      fleet([], { bootstrapServer: NO_SEC, server: GENERATE }, true),
    ])
      expect(problemOf(given)).toBe("none");
  });

  it.each<[string, Device, string]>([
    [
      "a key for LwM2M servers",
      fleet([CA], { server: psk("one") }),
      "bootstrap.server.psk: belongs to one device: a pattern takes noSec or generate: psk",
    ],
    [
      "a key for the bootstrap server",
      fleet([NO_SEC], { bootstrapServer: rpk() }, true),
      "bootstrap.bootstrapServer.rawPublicKey: belongs to one device",
    ],
    [
      "NoSec that nobody said to be meant",
      fleet([CA], { bootstrapServer: NO_SEC, server: GENERATE }),
      "bootstrap.bootstrapServer.noSec: any device that knows a matching name would be given keys: say allowUnauthenticatedFleet: true",
    ],
    ["nothing for LwM2M servers, where no private key is known", fleet([CA], {}), "bootstrap.server: is missing"],
  ])("are refused for %s", (_, given, expected) => {
    expect(problemOf(given)).toContain(expected);
  });
});

describe("a record with bootstrap keys", () => {
  it("that was changed anywhere is taken or refused with its field, and nothing else happens", () => {
    const original = lwm2m.v1.ProvisioningRecord.encode({
      device: {
        profile: "meter",
        ...device([{ x509: { ca: ROOT } }, psk("one")], { bootstrapServer: rpk(), server: x509() }),
      },
    }).finish();
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, change, isCut) => {
        const bytes = original.slice(0, isCut ? at + 1 : original.length);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        try {
          parseProvisioningRecord("device/default/device-1", bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProvisioningError);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("takes the private key of any pair of P-256, and of no other pair", () => {
    fc.assert(
      fc.property(fc.boolean(), (isOwn) => {
        const [own, other] = [0, 1].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
        if (own === undefined || other === undefined) return;
        const publicKey = createPublicKey(own).export({ format: "der", type: "spki" });
        const keys: Keys = { rawPublicKey: { publicKey, privateKey: { plain: pkcs8(isOwn ? own : other) } } };
        expect(problemOf(device([NO_SEC], { bootstrapServer: keys })) === "none").toBe(isOwn);
      }),
      { numRuns: 20 },
    );
  });
});
