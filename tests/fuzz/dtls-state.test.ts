import {
  type AssociationState,
  CIPHER_SUITES,
  type CipherSuite,
  DtlsServer,
  type DtlsServerOutput,
  expandKeys,
  makeConnectionId,
  makeProtection,
  NonceCounter,
} from "@ferry/dtls";
import {
  deriveAssociationSealing,
  openAssociation,
  openSession,
  sealAssociation,
  sealSession,
} from "@ferry/dtls-endpoint";
import { parseSealingKeys } from "@ferry/provisioning";
import type { StoredAssociation, StoredSession } from "@ferry/state";
import { SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { mutate, pick } from "./mutate.ts";

const STEPS = 2_000;
const SEALING = deriveAssociationSealing(parseSealingKeys(Buffer.alloc(32, 5).toString("base64")));
const NODE = { slot: 1, bootId: "0011223344556677" };
const GRANT = { stamp: 1_700_000_000, slot: 1, from: 0, ceiling: 1024 };
const NUMBERS = [
  -2,
  -1,
  0,
  1,
  63,
  64,
  65,
  2 ** 31,
  2 ** 32,
  2 ** 48 - 1,
  2 ** 48,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
];

/** A store whose values somebody damages; a node goes on with what it can open. */
class Fuzzer {
  readonly #random: SeededRandom;
  /** Fields that are plain and change while an association lives: damage to them alone is not seen, and must do no harm. */
  opened = 0;
  refused = 0;
  received = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  step(): void {
    const random = this.#random;
    const suite = pick(random, [...CIPHER_SUITES.values()]);
    const association = this.#association(suite);
    const stored = sealAssociation(SEALING, association, { node: NODE, grant: GRANT }, random.bytes);
    if (stored === undefined) throw new TypeError("not sealed");
    const damaged = this.#damage(stored);
    const state = openAssociation(SEALING, damaged);
    if (state === undefined) {
      this.refused++;
      return;
    }
    this.opened++;
    // Nothing that is sealed or authenticated was changed.
    expect(state).toMatchObject({ id: association.id, suite: association.suite, principal: association.principal });
    expect(Buffer.from(state.client.key)).toEqual(Buffer.from(association.client.key));
    this.#serve(state, suite);
  }

  session(): void {
    const random = this.#random;
    const session = {
      id: random.bytes(32),
      suite: 0xc0a8,
      masterSecret: random.bytes(48),
      encryptThenMac: false,
      serverName: random.chance(0.5) ? "lwm2m.example.org" : undefined,
      principal: "PSK\ndefault\nmeter-1\n0123456789abcdef",
    };
    const stored = sealSession(SEALING, session, random.bytes);
    if (stored === undefined) throw new TypeError("not sealed");
    const damaged: StoredSession = random.chance(0.9)
      ? { ...stored, sealed: mutate(random, stored.sealed) }
      : { ...stored, id: mutate(random, stored.id) };
    const isSame = Buffer.compare(damaged.sealed, stored.sealed) === 0 && Buffer.compare(damaged.id, stored.id) === 0;
    expect(openSession(SEALING, damaged) !== undefined).toBe(isSame);
  }

  #association(suite: CipherSuite): AssociationState {
    const random = this.#random;
    return {
      id: Buffer.from(random.bytes(9)).toString("base64url"),
      suite: suite.id,
      encryptThenMac: suite.cipher === "cbc" && random.chance(0.5),
      extendedMasterSecret: true,
      ...expandKeys(suite, random.bytes(48), random.bytes(32), random.bytes(32)),
      ownCid: makeConnectionId({ slot: 1, lengthBytes: 8, random: random.bytes }),
      peerCid: random.chance(0.5) ? random.bytes(random.below(9)) : undefined,
      maxPlaintextBytes: 1024,
      principal: "PSK\ndefault\nmeter-1\n0123456789abcdef",
      address: "192.0.2.1:5684",
      createdAtMs: 1_700_000_000_000,
      mark: { newest: 10, window: Buffer.alloc(8, 0xff) },
    };
  }

  #damage(stored: StoredAssociation): StoredAssociation {
    const random = this.#random;
    const other = pick(random, NUMBERS);
    const changes: Partial<StoredAssociation>[] = [
      { sealed: mutate(random, stored.sealed) },
      { cid: mutate(random, stored.cid ?? new Uint8Array(0)) },
      { cid: undefined },
      { id: "another-id-1" },
      { device: { tenant: "default", endpoint: "meter-2" } },
      { suite: pick(random, [0, 0xc0a8, 0x00ae, 0xffff]) },
      { createdAtMs: other },
      { mark: { newest: other, window: stored.mark.window } },
      { mark: { newest: 3, window: mutate(random, stored.mark.window) } },
      { address: pick(random, ["", "x", "[::1]:1", "192.0.2.9:99999", "a".repeat(100), "b".repeat(70)]) },
      { stamp: other, sendCeiling: other },
    ];
    return { ...stored, ...pick(random, changes) };
  }

  /** A node takes the association over, hears its device, answers it and hands it on. */
  #serve(state: AssociationState, suite: CipherSuite): void {
    const random = this.#random;
    const server = new DtlsServer({
      random: random.bytes,
      wallMs: () => 1_700_000_000_000,
      slot: 2,
      suites: [...CIPHER_SUITES.keys()],
      cidLengthBytes: 8,
      cookieKeys: SEALING.cookieKeys,
      extendedMasterSecret: "prefer",
      nonce: "stamped",
      mtuBytes: 1200,
      identity: { rawPublicKey: undefined, certificate: () => undefined },
      clientCertificates: [],
    });
    const protection = makeProtection(suite, state.client, state.encryptThenMac, random.bytes);
    const nonces = new NonceCounter({ ...GRANT, slot: 9 });
    const nonce = nonces.next();
    if (state.ownCid === undefined || nonce === undefined) return;
    const sequence = Math.min(2 ** 48 - 1, state.mark.newest + 1 + random.below(3));
    const content = Buffer.from("hello");
    const bytes = protection.seal({ type: 23, epoch: 1, sequence, cid: state.ownCid, content, nonce });
    let nowMs = 0;
    const perform = (outputs: readonly DtlsServerOutput[]): void => {
      for (const output of outputs) {
        if (output.type === "received") this.received++;
        if (output.type !== "question") continue;
        const { id, question } = output;
        if (question.type === "find")
          perform(
            server.handle({ type: "answer", question: id, answer: { type: "found", association: state } }, nowMs),
          );
        if (question.type === "claim") {
          const grant = { stamp: 1_700_000_001, slot: 2, from: pick(random, [0, 2 ** 48 - 1]), ceiling: 2 ** 48 - 1 };
          const answer = { type: "claimed", grant, mark: random.chance(0.5) ? state.mark : undefined } as const;
          perform(server.handle({ type: "answer", question: id, answer }, nowMs));
        }
      }
    };
    perform(server.handle({ type: "datagram", address: "192.0.2.7:5000", bytes }, nowMs));
    perform(server.handle({ type: "send", association: state.id, bytes: Buffer.from("answer") }, nowMs));
    nowMs += 60_000;
    perform(server.tick(nowMs));
    const snapshot = server.snapshot(state.id);
    if (snapshot !== undefined)
      expect(
        sealAssociation(SEALING, snapshot.association, { node: NODE, grant: snapshot.grant }, random.bytes),
      ).toBeDefined();
  }
}

describe("a store with damaged values", () => {
  it("gives a node nothing that was changed, and nothing that it could fall over", () => {
    const fuzzer = new Fuzzer(20261123);
    for (let step = 0; step < STEPS; step++) {
      fuzzer.step();
      fuzzer.session();
    }
    expect(fuzzer.opened).toBeGreaterThan(STEPS / 20);
    expect(fuzzer.refused).toBeGreaterThan(STEPS / 4);
    expect(fuzzer.received).toBeGreaterThan(STEPS / 40);
  });
});
