import { DTLS_KEYS } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ObjectTree } from "../object-tree.ts";
import { coreObject, type PlainInstance } from "../objects/core-object.ts";
import { type FactoryAccount, securityObject } from "../objects/security.ts";
import { bootstrapAccount, serverAccounts } from "./accounts.ts";

const NONE = new Uint8Array();
const NO_SEC: PlainInstance = { 0: "coap://192.0.2.1:5685", 1: false, 2: 3, 3: NONE, 4: NONE, 5: NONE, 10: 101 };
const SERVER: PlainInstance = { 0: 101, 1: 300, 6: false, 7: "U" };
const text = (value: string): Uint8Array => Buffer.from(value);

function tree(
  security: Record<number, PlainInstance>,
  servers: Record<number, PlainInstance> = { 0: SERVER },
): ObjectTree {
  return new ObjectTree([coreObject(0, "1.1", security), coreObject(1, "1.1", servers)]);
}

/** Why the device does not finish; always with 4.06. */
function fault(security: Record<number, PlainInstance>, servers?: Record<number, PlainInstance>): string {
  try {
    serverAccounts(tree(security, servers));
  } catch (error) {
    if (Error.isError(error) && "response" in error && error.response === 0x86) return error.message;
    throw error;
  }
  return "";
}

describe("the accounts of a device", () => {
  it("are a Security and a Server instance of the same short server id, whatever their instance ids (appendix E.1, E.2)", () => {
    const [account] = serverAccounts(
      tree({ 7: { ...NO_SEC, 11: 5 } }, { 2: { ...SERVER, 0: 9 }, 4: { ...SERVER, 7: "UQ" } }),
    );
    expect(account).toEqual({
      instanceId: 7,
      uri: { secure: false, host: "192.0.2.1", port: 5685 },
      credential: undefined,
      serverName: undefined,
      holdOffS: 5,
      timeoutS: 0,
      shortServerId: 101,
      serverInstanceId: 4,
      lifetimeS: 300,
      binding: "UQ",
    });
  });

  it.each<[string, FactoryAccount]>([
    ["no security", { uri: "coap://192.0.2.1:5687", holdOffS: 3 }],
    [
      "a shared key",
      { uri: "coaps://192.0.2.1:5688", credential: { type: "psk", identity: text("meter-1"), key: DTLS_KEYS.psk } },
    ],
    [
      "a raw public key",
      {
        uri: "coaps://192.0.2.1:5688",
        credential: {
          type: "rawPublicKey",
          privateKey: DTLS_KEYS.device,
          server: { type: "publicKey", publicKey: DTLS_KEYS.serverPublicKey },
        },
      },
    ],
    [
      "a certificate, and a trust anchor",
      {
        uri: "coaps://192.0.2.1:5688",
        credential: {
          type: "certificate",
          privateKey: DTLS_KEYS.device,
          chain: [DTLS_KEYS.deviceCertificate],
          server: { type: "trustAnchor", certificate: DTLS_KEYS.root },
        },
      },
    ],
    [
      "a certificate, and the server's key",
      {
        uri: "coaps://192.0.2.1:5688",
        credential: {
          type: "certificate",
          privateKey: DTLS_KEYS.device,
          chain: [DTLS_KEYS.deviceCertificate],
          server: { type: "publicKey", publicKey: DTLS_KEYS.serverPublicKey },
        },
      },
    ],
  ])("from the factory say what they were made of: %s, in each version of the object", (_, account) => {
    for (const version of ["1.0", "1.1", "1.2"]) {
      const { credential, holdOffS } = bootstrapAccount(new ObjectTree([securityObject(version, account)])) ?? {};
      expect(withoutKeys(credential)).toEqual(withoutKeys(account.credential));
      expect(holdOffS).toBe(account.holdOffS ?? 0);
    }
  });

  it("believe a server by its own certificate, unless that is a CA's or is meant as an anchor (0/x/15)", () => {
    const trust = (certificate: Uint8Array, usage?: number): unknown => {
      const written = { 0: "coaps://192.0.2.1", 2: 2, 3: DTLS_KEYS.deviceCertificate, 4: certificate };
      const more = {
        5: DTLS_KEYS.device.export({ format: "der", type: "pkcs8" }),
        ...(usage === undefined ? {} : { 15: usage }),
      };
      const [account] = serverAccounts(tree({ 0: { ...NO_SEC, ...written, ...more } }));
      return account?.credential?.type === "certificate" ? account.credential.server.type : undefined;
    };
    const { serverCertificate, root } = DTLS_KEYS;
    expect([trust(serverCertificate), trust(serverCertificate, 3), trust(serverCertificate, 1)]).toEqual(
      Array(3).fill("publicKey"),
    );
    expect([trust(root), trust(serverCertificate, 0), trust(serverCertificate, 2)]).toEqual(
      Array(3).fill("trustAnchor"),
    );
  });

  const faults: [what: string, why: string, ...objects: Parameters<typeof fault>][] = [
    ["no server", "there is no account of an LwM2M server", {}],
    ["the bootstrap server only", "there is no account of an LwM2M server", { 0: { ...NO_SEC, 1: true } }],
    [
      "a Security without a Server instance",
      "/0/3 has no instance of the Server object with its short server id 101",
      { 3: NO_SEC },
      { 0: { ...SERVER, 0: 102 } },
    ],
    ["one short server id twice", "two accounts have the short server id 101", { 0: NO_SEC, 1: NO_SEC }],
    ["no URI", "/0/0/0 is missing", { 0: { 2: 3, 10: 101 } }],
    ["a URI of another scheme", "/0/0/0 is no coap:// or coaps:// URI", { 0: { ...NO_SEC, 0: "http://192.0.2.1" } }],
    ["no short server id", "/0/0/10 is missing", { 0: { 0: "coap://192.0.2.1", 2: 3 } }],
    ["no lifetime", "/1/0/1 is missing", { 0: NO_SEC }, { 0: { 0: 101, 7: "U" } }],
    ["no security mode", "/0/0/2 is missing", { 0: { 0: "coap://192.0.2.1", 10: 101 } }],
    ["EST", "/0/0/2 is 4, a mode the device has not", { 0: { ...NO_SEC, 2: 4 } }],
    ["coap:// with a key", "/0/0/0 and security mode 0 contradict each other", { 0: { ...NO_SEC, 2: 0 } }],
    ["coaps:// without", "/0/0/0 and security mode 3 contradict each other", { 0: { ...NO_SEC, 0: "coaps://a" } }],
    ["no identity", "/0/0/3 is empty", { 0: { ...NO_SEC, 0: "coaps://a", 2: 0 } }],
    ["no key", "/0/0/5 is empty", { 0: { ...NO_SEC, 0: "coaps://a", 2: 0, 3: text("meter-1") } }],
    [
      "no private key",
      "/0/0/5 is not a private key, PKCS#8, DER",
      { 0: { ...NO_SEC, 0: "coaps://a", 2: 1, 3: DTLS_KEYS.devicePublicKey, 5: text("secret") } },
    ],
    [
      "no certificate",
      "/0/0/3 is not a certificate, DER",
      {
        0: {
          ...NO_SEC,
          0: "coaps://a",
          2: 2,
          3: text("x"),
          5: DTLS_KEYS.device.export({ format: "der", type: "pkcs8" }),
        },
      },
    ],
  ];
  it.each(faults.map(([what, why, ...objects]) => ({ what, why, objects })))(
    "are refused, without a key in the text: $what",
    ({ why, objects }) => {
      expect(fault(...objects)).toBe(why);
    },
  );
});

/** Key objects are equal when what they export is. */
function withoutKeys(credential: FactoryAccount["credential"]): unknown {
  if (credential === undefined) return undefined;
  if (credential.type === "psk")
    return { ...credential, identity: Buffer.from(credential.identity), key: credential.key.export() };
  return { ...credential, privateKey: credential.privateKey.export({ format: "pem", type: "pkcs8" }) };
}
