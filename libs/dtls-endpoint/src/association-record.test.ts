import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { type AssociationState, CIPHERS, cipherSuite, type SessionState } from "@ferry/dtls";
import { parseSealingKeys, type SealingKeys } from "@ferry/provisioning";
import type { StoredAssociation, StoredSession } from "@ferry/state";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { openAssociation, openSession, sealAssociation, sealSession } from "./association-record.ts";
import { type AssociationSealing, deriveAssociationSealing } from "./association-sealing.ts";
import { formatPrincipal } from "./principal.ts";

const keysOf = (...fills: number[]): SealingKeys =>
  parseSealingKeys(fills.map((fill) => Buffer.alloc(32, fill).toString("base64")).join("\n"));
const SEALING = deriveAssociationSealing(keysOf(1));
const NODE = { slot: 3, bootId: "00112233aabbccdd" };
const GRANT = { stamp: 1_700_000_000, slot: 3, from: 0, ceiling: 1024 };

const bytes = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });
const principals = fc
  .record({
    securityMode: fc.constantFrom("PSK", "RPK", "X509"),
    device: fc.record({
      tenant: fc.constantFrom("default", "acme"),
      endpoint: fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes("\n")),
    }),
    generation: fc.constantFrom("0123456789abcdef", "0123456789abcdef.fedcba9876543210"),
  })
  .map(formatPrincipal);

const associations: fc.Arbitrary<AssociationState> = fc
  .constantFrom(0xc0a8, 0x00a8, 0x00ae, 0xc0ae, 0xc02b)
  .chain((suite) => {
    const { keyBytes, saltBytes, macKeyBytes } = CIPHERS[cipherSuite(suite)?.cipher ?? "ccm8"];
    const direction = fc.record({ key: bytes(keyBytes), salt: bytes(saltBytes), macKey: bytes(macKeyBytes) });
    return fc.record({
      id: fc.constant("AbCdEfGhIjKl"),
      suite: fc.constant(suite),
      encryptThenMac: fc.boolean(),
      extendedMasterSecret: fc.boolean(),
      server: direction,
      client: direction,
      ownCid: fc.option(bytes(8), { nil: undefined }),
      peerCid: fc.option(fc.uint8Array({ maxLength: 32 }), { nil: undefined }),
      maxPlaintextBytes: fc.integer({ min: 64, max: 16_384 }),
      principal: principals,
      address: fc.constantFrom("192.0.2.1:5684", "[2001:db8::1]:5684"),
      createdAtMs: fc.integer({ min: 0, max: 2 ** 45 }),
      mark: fc.record({ newest: fc.integer({ min: -1, max: 2 ** 48 - 1 }), window: bytes(8) }),
    });
  });

const sessions: fc.Arbitrary<SessionState> = fc.record({
  id: bytes(32),
  suite: fc.constantFrom(0xc0a8, 0xc0ae),
  masterSecret: bytes(48),
  encryptThenMac: fc.boolean(),
  serverName: fc.constantFrom(undefined, "lwm2m.example.org"),
  principal: principals,
});

function store(association: AssociationState, sealing: AssociationSealing = SEALING): StoredAssociation {
  const stored = sealAssociation(sealing, association, { node: NODE, grant: GRANT }, randomBytes);
  if (stored === undefined) throw new TypeError("not stored");
  return stored;
}

function storeSession(session: SessionState, sealing: AssociationSealing = SEALING): StoredSession {
  const stored = sealSession(sealing, session, randomBytes);
  if (stored === undefined) throw new TypeError("not stored");
  return stored;
}

const [EXAMPLE] = fc.sample(associations, { numRuns: 1, seed: 5 }) as [AssociationState];
const [SESSION] = fc.sample(sessions, { numRuns: 1, seed: 5 }) as [SessionState];

describe("a stored association", () => {
  it("opens as what was sealed", () => {
    fc.assert(
      fc.property(associations, (association) => {
        const opened = openAssociation(SEALING, store(association));
        expect(comparable(opened)).toEqual(comparable(association));
      }),
    );
  });

  it("shows nothing of its keys", () => {
    fc.assert(
      fc.property(associations, (association) => {
        const shown = Buffer.from(store(association).sealed);
        for (const { key, macKey } of [association.server, association.client]) {
          for (const secret of [key, macKey])
            if (secret.length > 0) expect(shown.includes(Buffer.from(secret))).toBe(false);
        }
      }),
    );
  });

  it("adds at most 120 bytes to what is plain, for an AEAD suite with a Connection ID of 8 bytes", () => {
    const association = { ...EXAMPLE, suite: 0xc0a8, peerCid: Buffer.alloc(8), ...aeadKeys() };
    expect(store(association).sealed.length).toBeLessThanOrEqual(120);
  });

  it("that was changed in any bit of what is sealed does not open", () => {
    const { sealed, ...plain } = store(EXAMPLE);
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(openAssociation(SEALING, { ...plain, sealed: changed })).toBeUndefined();
      }),
    );
  });

  it.each<[string, Partial<StoredAssociation>]>([
    ["device", { device: { tenant: "default", endpoint: "another" } }],
    ["tenant", { device: { ...store(EXAMPLE).device, tenant: "another" } }],
    ["id", { id: "another-id-1" }],
    ["security mode", { securityMode: store(EXAMPLE).securityMode === "PSK" ? "RPK" : "PSK" }],
    ["suite", { suite: EXAMPLE.suite === 0xc0a8 ? 0x00a8 : 0xc0a8 }],
    ["Connection ID", { cid: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
    ["date", { createdAtMs: EXAMPLE.createdAtMs + 1 }],
    ["window of another length", { mark: { newest: 1, window: new Uint8Array(7) } }],
    ["impossible sequence number", { mark: { newest: 2 ** 48, window: new Uint8Array(8) } }],
    ["address without end", { address: "x".repeat(200) }],
    ["sealed text without end", { sealed: new Uint8Array(10) }],
  ])("with another %s does not open", (_, change) => {
    expect(openAssociation(SEALING, { ...store(EXAMPLE), ...change })).toBeUndefined();
  });

  it("moves on under its owner: stamp, ceiling, mark and address are its own business", () => {
    const mark = { newest: 77, window: Buffer.alloc(8, 1) };
    const moved = { ...store(EXAMPLE), stamp: 9, sendCeiling: 9, mark, address: "192.0.2.9:1" };
    expect(openAssociation(SEALING, moved)).toMatchObject({ mark, address: "192.0.2.9:1" });
  });
});

describe("a stored session", () => {
  it("opens as what was sealed, and not in another's place or changed", () => {
    fc.assert(
      fc.property(sessions, fc.nat(), (session, seed) => {
        const stored = storeSession(session);
        expect(comparable(openSession(SEALING, stored))).toEqual(comparable(session));
        expect(openSession(SEALING, { ...stored, id: Buffer.alloc(32, 9) })).toBeUndefined();
        expect(openSession(SEALING, { ...stored, device: { tenant: "x", endpoint: "y" } })).toBeUndefined();
        const changed = Buffer.from(stored.sealed);
        const at = seed % changed.length;
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(openSession(SEALING, { ...stored, sealed: changed })).toBeUndefined();
      }),
    );
  });

  it("is never an association", () => {
    const { sealed, device } = storeSession(SESSION);
    expect(openAssociation(SEALING, { ...store(EXAMPLE), device, sealed })).toBeUndefined();
  });
});

describe("sealing keys", () => {
  it("that were rotated open what the old one sealed, and seal with the new one", () => {
    const rotated = deriveAssociationSealing(keysOf(2, 1));
    expect(openAssociation(rotated, store(EXAMPLE))).toBeDefined();
    expect(openSession(rotated, storeSession(SESSION))).toBeDefined();
    expect(openAssociation(SEALING, store(EXAMPLE, rotated))).toBeUndefined();
    const removed = deriveAssociationSealing(keysOf(2));
    expect(openAssociation(removed, store(EXAMPLE))).toBeUndefined();
    expect(openAssociation(removed, store(EXAMPLE, rotated))).toBeDefined();
  });

  it("give each purpose a key of its own, all nodes the same ones, and show none", () => {
    const [first, second] = [deriveAssociationSealing(keysOf(2, 1)), deriveAssociationSealing(keysOf(2, 1))];
    const all = [first, second].map(({ byId, cookieKeys }) =>
      [...byId.values()].flatMap(({ association, session }) => [association, session]).concat(cookieKeys),
    );
    const texts = all.map((keys) => keys.map((key) => key.export().toString("hex")));
    expect(texts[0]).toEqual(texts[1]);
    expect(new Set(texts[0]).size).toBe(6);
    for (const text of texts[0] ?? []) expect(inspect(first, { depth: 9 })).not.toContain(text);
  });
});

describe("what was opened", () => {
  it("shows neither its keys nor its master secret to whoever prints it", () => {
    const opened = [openAssociation(SEALING, store(EXAMPLE)), openSession(SEALING, storeSession(SESSION))];
    const printed = `${inspect(opened, { depth: 9, breakLength: 1e9 })}${JSON.stringify(opened)}`;
    for (const secret of [EXAMPLE.server.key, EXAMPLE.client.key, SESSION.masterSecret]) {
      const list = [...secret.subarray(0, 6)];
      expect(printed).not.toContain(list.join(", "));
      expect(printed).not.toContain(list.map((byte, index) => `"${index}":${byte}`).join(","));
      expect(printed).not.toContain(Buffer.from(secret).toString("hex").match(/../g)?.slice(0, 6).join(" "));
      expect(printed).not.toContain(JSON.stringify([...secret]).slice(1, -1));
    }
  });
});

function aeadKeys(): Pick<AssociationState, "server" | "client"> {
  const keys = () => ({ key: randomBytes(16), salt: randomBytes(4), macKey: new Uint8Array(0) });
  return { server: keys(), client: keys() };
}

/** Bytes as hex: an empty Buffer and an empty array are one. */
function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, function (this: Record<string, unknown>, key, one) {
      const before = this[key]; // A Buffer and secret bytes turn into something else first.
      return before instanceof Uint8Array ? Buffer.from(before).toString("hex") : one;
    }),
  );
}
