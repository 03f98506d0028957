import { createPublicKey, type KeyObject } from "node:crypto";
import { ALERT, type Established } from "@ferry/dtls";
import { afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { revocationKey } from "./certificate.ts";
import { type Issued, issue, issueCa } from "./certificate-fixture.ts";
import { pskGeneration } from "./credential-generation.ts";
import {
  countOf,
  EndpointFixture,
  newPrivateKey,
  PSK_KEY,
  pskCredential,
  type TestNode,
  until,
} from "./endpoint-fixture.ts";
import { NO_SERVER_KEYS, type ServerKeys } from "./server-keys.ts";

const DAY_MS = 86_400_000;
const REAL_TIME = { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS };
const DEVICE = { tenant: "default", endpoint: "meter-1" };
const PSK = { psk: { identity: "meter-1-psk", key: { plain: PSK_KEY } } };

let fixture: EndpointFixture;

beforeEach(async () => {
  fixture = new EndpointFixture();
  await fixture.declare("meter-1", [PSK]);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await fixture.stop();
});

const peerOf = (id: string | undefined): string => `dtls:${id}`;
const stored = () => fixture.state.associations.get(DEVICE);

describe("a device with a pre-shared key", () => {
  it("connects, is known by its credential, and is heard and answered", async () => {
    const node = await fixture.node(3);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    expect(await client.connect()).toMatchObject({ type: "established", resumed: false });
    expect(await client.ask("hello")).toBe("echo hello");
    const peer = node.endpoint.byDevice(DEVICE) ?? "";
    expect(node.received).toEqual([{ text: "hello", peer }]);
    expect(node.endpoint.peer(peer)).toMatchObject({
      device: DEVICE,
      securityMode: "PSK",
      generation: pskGeneration(PSK_KEY),
      suite: "TLS_PSK_WITH_AES_128_CCM_8",
      provisional: false,
      hasCid: true,
    });
    expect(await stored()).toMatchObject({ device: DEVICE, securityMode: "PSK", owner: node.node });
    expect(node.told).toEqual(["established"]);
    expect(node.endpoint.size).toBe(1);
  });

  it("with a wrong key, or an identity that nobody has, gets nothing, and is told of once without secrets", async () => {
    const node = await fixture.node(3);
    const wrong = await fixture.client(node, pskCredential("meter-1-psk", Buffer.alloc(16, 7)));
    const unknown = await fixture.client(node, pskCredential("stranger"));
    wrong.begin();
    unknown.begin();
    await until(() => node.refused.length === 2);
    expect(new Set(node.refused.map(({ reason, device }) => `${reason} ${device?.endpoint ?? "-"}`))).toEqual(
      new Set(["wrongKey meter-1", "unknownIdentity -"]),
    );
    expect([...wrong.outcomes, ...unknown.outcomes]).toEqual([]);
    expect(node.logged.join()).not.toMatch(/00112233|07070707|meter-1-psk/);
    expect(await stored()).toBeUndefined();
  });

  it("resumes its session at another node, unless its key was changed", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    const { session } = (await client.connect()) as Established;
    client.moveTo(two);
    expect(await client.connect(session)).toMatchObject({ type: "established", resumed: true });
    await until(() => two.told.includes("established"));
    await fixture.declare("meter-1", [{ psk: { identity: "meter-1-psk", key: { plain: Buffer.alloc(16, 9) } } }]);
    client.begin(session);
    await until(() => two.refused.length === 1);
    expect(two.refused).toMatchObject([{ reason: "wrongKey" }]);
  });

  it("has only the session of its last full handshake", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    const [first, second] = [(await client.connect()) as Established, (await client.connect()) as Established];
    expect(await client.connect(first.session)).toMatchObject({ type: "established", resumed: false });
    const third = await client.connect(second.session);
    expect(third).toMatchObject({ type: "established", resumed: false });
    expect(await client.connect((third as Established).session)).toMatchObject({ resumed: true });
  });

  it("that makes a new association from elsewhere has only that one", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    const before = node.endpoint.byDevice(DEVICE);
    await client.rebind();
    await client.connect();
    const after = node.endpoint.byDevice(DEVICE);
    await until(() => node.told.length === 3);
    expect(after).not.toBe(before);
    expect(node.told.sort()).toEqual(["closed replaced", "established", "established"]);
    expect(node.endpoint.size).toBe(1);
    expect(peerOf((await stored())?.id)).toBe(after);
  });

  it("that says goodbye is forgotten here and in the store", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    client.close();
    await until(() => node.told.includes("closed closed"));
    expect(await stored()).toBeUndefined();
    expect(node.endpoint.byDevice(DEVICE)).toBeUndefined();
  });
});

describe("a device that says its last words and goodbye while the store is still asked", () => {
  /** Nothing of `step` is answered before all that was sent has come. */
  async function hold(step: "put" | "claim"): Promise<() => void> {
    const { associations } = fixture.state;
    const { promise, resolve } = Promise.withResolvers<void>();
    const inner = associations[step].bind(associations) as (...request: unknown[]) => Promise<never>;
    jest.spyOn(associations, step).mockImplementation(async (...request: unknown[]) => {
      await promise;
      return inner(...request);
    });
    return resolve;
  }

  /** What comes after it on the same socket was looked at: all of before is there. */
  async function allIsThere(node: TestNode): Promise<void> {
    const before = await countOf(node, 'lookups_total{outcome="none"}');
    await fixture.sendForged(node, ["0001020304050607"]);
    await until(async () => (await countOf(node, 'lookups_total{outcome="none"}')) > before);
  }

  it("after a resumed handshake is heard, and is forgotten here and in the store", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    const { session } = (await client.connect()) as Established;
    const release = await hold("put");
    await client.connect(session);
    client.send("last words");
    client.close();
    await allIsThere(node);
    release();
    await until(() => node.told.includes("closed closed"));
    expect(node.told).toEqual(["established", "closed replaced", "established", "closed closed"]);
    expect(node.received).toMatchObject([{ text: "last words" }]);
    await until(async () => (await stored()) === undefined);
    expect([node.endpoint.size, node.endpoint.byDevice(DEVICE)]).toEqual([0, undefined]);
  });

  it("to another node is heard there, and is forgotten there and in the store", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const release = await hold("claim");
    client.moveTo(two);
    client.send("last words");
    client.close();
    await allIsThere(two);
    release();
    await until(() => two.told.includes("closed closed"));
    expect(two.told).toEqual(["takenOver", "closed closed"]);
    expect(two.received).toMatchObject([{ text: "last words" }]);
    await until(async () => (await stored()) === undefined);
    expect(two.endpoint.size).toBe(0);
  });
});

describe("a device with a key pair", () => {
  const server = { rawKey: newPrivateKey(), issued: undefined as Issued | undefined };
  let ca: Issued;

  beforeAll(async () => {
    ca = await issueCa("Fleet CA", REAL_TIME);
    server.issued = await issue("lwm2m.example.org", { usage: "server", by: ca, ...REAL_TIME });
  });

  const publicKey = (privateKey: KeyObject): Buffer =>
    createPublicKey(privateKey.export({ format: "pem", type: "pkcs8" })).export({ format: "der", type: "spki" });

  /** What a device shows that trusts the fleet's CA. */
  const certified = ({ privateKey, der }: Issued) =>
    ({
      type: "certificate",
      privateKey,
      chain: [der],
      server: { type: "trustAnchor", certificate: ca.der },
    }) as const;

  /** Its keys change under it, as when a folder is read anew. */
  function serverKeys(): ServerKeys & { revoked: Set<string>; reload(): void } {
    const { issued, rawKey } = server;
    const revoked = new Set<string>();
    const listeners = new Set<() => void>();
    return {
      ...NO_SERVER_KEYS,
      rawPublicKey: { privateKey: rawKey, publicKey: publicKey(rawKey) },
      certificate: () => issued && { privateKey: issued.privateKey, chain: [issued.der] },
      isRevoked: (certificate, issuer) => revoked.has(revocationKey(certificate, issuer)),
      hasRevoked: (key) => revoked.has(key),
      onChange: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      revoked,
      reload: () => {
        for (const listener of listeners) listener();
      },
    };
  }

  it("connects with a raw public key to a server that shows one, and computations go to threads where they are many", async () => {
    const privateKey = newPrivateKey();
    await fixture.declare("meter-2", [{ rawPublicKey: { publicKey: publicKey(privateKey) } }]);
    const node = await fixture.node(1, { computeInPoolAbove: 0 }, { serverKeys: serverKeys() });
    const trust = { type: "publicKey", publicKey: publicKey(server.rawKey) } as const;
    const client = await fixture.client(node, { type: "rawPublicKey", privateKey, server: trust });
    expect(await client.connect()).toMatchObject({ type: "established" });
    expect(await client.ask("hello")).toBe("echo hello");
    const device = { tenant: "default", endpoint: "meter-2" };
    expect(node.endpoint.peer(node.endpoint.byDevice(device) ?? "")).toMatchObject({ securityMode: "RPK", device });
    expect(await countOf(node, 'computations_total{where="pool"}')).toBeGreaterThan(0);
    expect(await countOf(node, 'computations_total{where="inPlace"}')).toBe(0);
  });

  it("connects with a certificate of its fleet's CA, and ends when that is revoked", async () => {
    await fixture.declare("pump-*", [{ x509: { ca: ca.der } }], "acme");
    const device = await issue("pump-7", { by: ca, ...REAL_TIME });
    const keys = serverKeys();
    const node = await fixture.node(1, {}, { serverKeys: keys });
    const client = await fixture.client(node, certified(device));
    expect(await client.connect()).toMatchObject({ type: "established" });
    const name = { tenant: "acme", endpoint: "pump-7" };
    expect(node.endpoint.peer(node.endpoint.byDevice(name) ?? "")).toMatchObject({ securityMode: "X509" });
    keys.revoked.add(revocationKey(device.parsed, ca.parsed));
    keys.reload();
    await until(() => client.outcomes.some(({ type }) => type === "closed"));
    expect(node.told).toEqual(["established", "closed closed"]);
  });

  it.each(["the device", "the server", "the server to a device that has moved"])(
    "is served until its certificate expires, whoever speaks next, and whatever else is in the datagram: %s",
    async (speaker) => {
      await fixture.declare("pump-*", [{ x509: { ca: ca.der } }]);
      const device = await issue("pump-7", { by: ca, ...REAL_TIME });
      const node = await fixture.node(1, {}, { serverKeys: serverKeys() });
      const client = await fixture.client(node, certified(device));
      await client.connect();
      expect(await client.ask("a")).toBe("echo a");
      const name = { tenant: "default", endpoint: "pump-7" };
      fixture.wallMs = () => device.parsed.x509.validToDate.getTime() + 1;
      if (speaker === "the server") node.endpoint.send(Buffer.from("b"), node.endpoint.byDevice(name) ?? "");
      else {
        if (speaker !== "the device") {
          node.waiting.push("b");
          await client.rebind();
        }
        client.sendTogether(["b", "c", "d"]);
      }
      await until(() => client.outcomes.some(({ type }) => type === "closed"));
      expect(node.told.filter((event) => event !== "moved")).toEqual(["established", "closed closed"]);
      expect(node.received).toHaveLength(1);
      await until(async () => (await fixture.state.associations.get(name)) === undefined);
      expect(await client.connect()).toMatchObject({ type: "failed", alert: ALERT.CERTIFICATE_EXPIRED });
    },
  );

  it("is told by an alert that its certificate is not accepted, and the reason goes to people only", async () => {
    await fixture.declare("pump-*", [{ x509: { ca: ca.der } }]);
    const stranger = await issue("pump-7", REAL_TIME);
    const node = await fixture.node(1, {}, { serverKeys: serverKeys() });
    const client = await fixture.client(node, certified(stranger));
    expect(await client.connect()).toMatchObject({ type: "failed", alert: ALERT.UNKNOWN_CA });
    expect(node.refused).toMatchObject([
      { reason: "unauthorized", device: undefined, detail: expect.stringMatching(/declare x509 with that ca/) },
    ]);
  });

  it("of a stranger is looked for only as often as the setting says", async () => {
    const node = await fixture.node(1, { lookups: "1:1000" }, { serverKeys: serverKeys() });
    const credential = certified(await issue("pump-7", REAL_TIME));
    expect(await (await fixture.client(node, credential)).connect()).toMatchObject({ alert: ALERT.UNKNOWN_CA });
    const second = await fixture.client(node, credential);
    second.begin();
    await until(async () => (await countOf(node, 'lookups_total{outcome="limited"}')) >= 1);
    expect(second.outcomes).toEqual([]);
  });

  it("finds a server without keys to have none for it", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, certified(await issue("pump-7", REAL_TIME)));
    expect(await client.connect()).toMatchObject({ type: "failed", alert: ALERT.HANDSHAKE_FAILURE });
    expect(node.refused).toMatchObject([{ reason: "noCommonParameters" }]);
  });
});

describe("an association", () => {
  it("follows its device to another address by Connection ID", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    await client.rebind();
    expect(await client.ask("from elsewhere")).toBe("echo from elsewhere");
    expect(node.told).toEqual(["established", "moved"]);
  });

  it("goes on at another node while its owner lives: the owner tells how far it had received, and forgets it", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    expect(await client.ask("a")).toBe("echo a");
    client.moveTo(two);
    expect(await client.ask("b")).toBe("echo b");
    expect(two.told).toEqual(["takenOver"]);
    expect(two.endpoint.peer(two.endpoint.byDevice(DEVICE) ?? "")?.provisional).toBe(false);
    expect(one.endpoint.size).toBe(0);
    expect(one.told).toEqual(["established"]);
    expect(await stored()).toMatchObject({ owner: two.node });
  });

  it("goes on at another node when its owner is dead; a new address is provisional until a second record", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    await client.ask("a");
    one.alive = false;
    one.serving = false;
    await client.rebind();
    client.moveTo(two);
    expect(await client.ask("b")).toBe("echo b");
    expect(two.told[0]).toBe("takenOver");
    expect(two.endpoint.peer(two.endpoint.byDevice(DEVICE) ?? "")).toMatchObject({ provisional: true });
    expect(await client.ask("c")).toBe("echo c");
    await until(() => two.told.includes("confirmed"));
    expect(two.endpoint.peer(two.endpoint.byDevice(DEVICE) ?? "")).toMatchObject({ provisional: false });
    one.alive = true;
  });

  it("of which 256 records did not open is told of, and again when it was as many once more", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    await client.ask("a");
    const forged = Buffer.from(client.sent.at(-1) ?? []);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    forged.writeUIntBE(1_000, 5, 6); // A sequence number that nobody has seen.
    const warnings = (): string[] => node.logged.filter((line) => line.includes("do not open"));
    for (let count = 16; count <= 560; count += 16) {
      await fixture.sendFromElsewhere(node, Buffer.concat(Array.from({ length: 16 }, () => forged)));
      await until(async () => (await countOf(node, 'dropped_total{reason="badMac"}')) === count);
      if (count < 256) expect(warnings()).toEqual([]);
    }
    expect(warnings().map((line) => JSON.parse(line))).toMatchObject([
      { tenant: "default", endpoint: "meter-1", failedOpens: 256 },
      { tenant: "default", endpoint: "meter-1", failedOpens: 512 },
    ]);
    expect(await client.ask("b")).toBe("echo b");
  });

  it("without Connection ID goes on at another node when its address is kept", async () => {
    const [one, two] = [await fixture.node(1, { cidLength: 0 }), await fixture.node(2, { cidLength: 0 })];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    await client.ask("a");
    client.moveTo(two);
    expect(await client.ask("b")).toBe("echo b");
    expect(two.told).toEqual(["takenOver"]);
  });

  it("is not taken over when its credential was withdrawn: it is over", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    await fixture.declare("meter-1", [{ psk: { identity: "meter-1-psk", key: { plain: Buffer.alloc(16, 9) } } }]);
    client.moveTo(two);
    client.send("b");
    await until(async () => (await countOf(two, 'dropped_total{reason="unknownAssociation"}')) > 0);
    expect(two.received).toEqual([]);
    expect(await stored()).toBeUndefined();
  });

  it("ends with an alert when what is provisioned no longer allows it, and an equal declaration ends nothing", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    await fixture.declare("meter-1", [PSK]);
    await node.endpoint.recheck(DEVICE);
    expect(node.endpoint.size).toBe(1);
    await fixture.declare("meter-1", [{ psk: { identity: "another", key: { plain: PSK_KEY } } }]);
    await node.endpoint.recheck(DEVICE);
    expect(node.endpoint.size).toBe(1); // The key is the same: an identity is only its name.
    await fixture.declare("meter-1", [{ psk: { identity: "meter-1-psk", key: { plain: Buffer.alloc(16, 9) } } }]);
    await node.endpoint.recheck(DEVICE);
    await until(() => client.outcomes.some(({ type }) => type === "closed"));
    expect(client.outcomes.at(-1)).toMatchObject({ type: "closed", reason: "fatalAlert" });
    expect(node.told).toEqual(["established", "closed closed"]);
    expect(await stored()).toBeUndefined();
  });

  it("that was evicted comes back from the store, and nothing is taken twice", async () => {
    const node = await fixture.node(1, { maxAssociations: 1 });
    await fixture.declare("meter-2", [{ psk: { identity: "two", key: { plain: PSK_KEY } } }]);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    await client.ask("a");
    const mark = (await stored())?.mark.newest ?? -1;
    await (await fixture.client(node, pskCredential("two"))).connect();
    expect(node.told).toEqual(["established", "closed idle", "established"]);
    expect((await stored())?.mark.newest).toBeGreaterThan(mark);
    expect(await client.ask("b")).toBe("echo b");
    expect(node.endpoint.peer(node.endpoint.byDevice(DEVICE) ?? "")?.provisional).toBe(false);
  });

  it("that this node claimed and did not serve is provisional all the same: it does not know how far it was received", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    await client.ask("a");
    const id = (await stored())?.id ?? "";
    const claim = { association: { device: DEVICE, id }, node: two.node, ttlMs: 60_000, nowMs: Date.now() };
    expect(await fixture.state.associations.claim(claim)).toMatchObject({ type: "claimed" });
    one.serving = false;
    await client.rebind();
    client.moveTo(two);
    expect(await client.ask("b")).toBe("echo b");
    expect(two.endpoint.peer(two.endpoint.byDevice(DEVICE) ?? "")).toMatchObject({ provisional: true });
  });

  it("is written back to a store that was emptied", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    const before = await stored();
    await fixture.state.associations.remove({ device: DEVICE, id: before?.id ?? "" });
    expect(await stored()).toBeUndefined();
    await node.endpoint.writeBack(DEVICE);
    expect(await stored()).toMatchObject({ id: before?.id, owner: node.node, stamp: before?.stamp });
  });
});

describe("a node", () => {
  it("that may not serve discards what it has before it looks at anything, and sends nothing", async () => {
    const node = await fixture.node(1);
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    node.serving = false;
    client.send("lost");
    await until(() => node.told.includes("closed lost"));
    expect(node.received).toEqual([]);
    expect(node.endpoint.size).toBe(0);
    expect(await stored()).toBeDefined();
    node.serving = true;
    expect(await client.ask("again")).toBe("echo again");
  });

  it("that stops stores how far each association was received", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    for (const text of ["a", "b", "c"]) await client.ask(text);
    one.alive = false;
    await one.endpoint.stop();
    expect((await stored())?.mark.newest).toBeGreaterThanOrEqual(3);
    client.moveTo(two);
    expect(await client.ask("d")).toBe("echo d");
  });

  it("asks the store for unknown Connection IDs only so often, and for the same one not again", async () => {
    const node = await fixture.node(1, { lookups: "5:3600" });
    await fixture.sendForged(node, ["0001020304050607"]);
    await until(async () => (await countOf(node, 'lookups_total{outcome="none"}')) === 1);
    await fixture.sendForged(node, ["0001020304050607"]);
    await until(async () => (await countOf(node, 'lookups_total{outcome="spared"}')) === 1);
    const others = Array.from({ length: 9 }, (_, n) => `000102030405f00${n}`);
    await fixture.sendForged(node, others);
    await until(async () => (await countOf(node, 'lookups_total{outcome="limited"}')) > 0);
    expect(await countOf(node, 'lookups_total{outcome="none"}')).toBeLessThanOrEqual(5);
  });
});
