import { createSecretKey } from "node:crypto";
import { inspect } from "node:util";
import { DTLS_KEYS, DtlsAnswers, DtlsConversation, type DtlsConversationClient, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ALERT } from "./alert.ts";
import { CIPHER_SUITES } from "./cipher-suite.ts";
import type { ClientCredential, ClientSession, ServerTrust } from "./client-io.ts";
import type { DtlsClientOptions } from "./client-options.ts";
import { CONTENT_TYPE, parseRecords } from "./record.ts";

const PSK: ClientCredential = { type: "psk", identity: Buffer.from("meter-1"), key: DTLS_KEYS.psk };
const PINNED: ServerTrust = { type: "publicKey", publicKey: DTLS_KEYS.serverPublicKey };
const ANCHORED: ServerTrust = { type: "trustAnchor", certificate: DTLS_KEYS.root };
const RPK: ClientCredential = { type: "rawPublicKey", privateKey: DTLS_KEYS.device, server: PINNED };
const X509: ClientCredential = {
  type: "certificate",
  privateKey: DTLS_KEYS.device,
  chain: [DTLS_KEYS.deviceCertificate],
  server: ANCHORED,
};
/** Of the first message in a plaintext record: behind the record's header, type and length. */
const MESSAGE_SEQUENCE_LOW_BYTE = 13 + 1 + 3 + 1;
const CREDENTIALS = { psk: [PSK], ecdheEcdsa: [RPK, X509] };
/** Every suite with every credential that it takes. */
const WAYS = [...CIPHER_SUITES.values()].flatMap(({ id, name, keyExchange }) =>
  CREDENTIALS[keyExchange].map((credential) => ({ suite: id, credential, title: `${name} with ${credential.type}` })),
);

function answers(): DtlsAnswers {
  const known = new DtlsAnswers();
  known.addPsk("meter-1");
  known.addPublicKey(DTLS_KEYS.devicePublicKey, "meter-1");
  return known;
}

type Options = ConstructorParameters<typeof DtlsConversation>[0];

function conversation(
  client: Partial<DtlsClientOptions> & Pick<DtlsClientOptions, "credential">,
  options: Options = {},
): { talk: DtlsConversation; device: DtlsConversationClient } {
  const talk = new DtlsConversation({ answers: answers(), ...options });
  return { talk, device: talk.client(client) };
}

/** Connects, and says something in both directions. */
function greet({ talk, device }: ReturnType<typeof conversation>, withinMs = 1_000): void {
  device.handle({ type: "connect" });
  talk.runUntil(() => device.client.state !== "connecting", withinMs);
  expect(device.events.at(-1)).toMatchObject({ type: "established" });
  exchange({ talk, device });
}

function exchange({ talk, device }: ReturnType<typeof conversation>): void {
  const [before, got] = [talk.received.length, device.received.length];
  device.sends("measured");
  expect(talk.runUntil(() => talk.received.length > before, 1_000)).toBe(true);
  talk.serverHandle({ type: "send", association: heard(talk).association.id, bytes: Buffer.from("noted") });
  expect(talk.runUntil(() => device.received.length > got, 1_000)).toBe(true);
  expect([talk.received.at(-1), device.received.at(-1)]).toEqual(["measured", "noted"]);
}

/** What the server heard last. */
function heard(talk: DtlsConversation): Extract<DtlsConversation["events"][number], { readonly type: "received" }> {
  const event = talk.events.findLast((it) => it.type === "received");
  if (event?.type !== "received") throw new TypeError("the server has heard nothing");
  return event;
}

/** The session of the last handshake. */
function sessionOf({ events }: DtlsConversationClient): ClientSession {
  const event = events.findLast((it) => it.type === "established");
  if (event?.type !== "established" || event.session === undefined) throw new TypeError("there is no session");
  return event.session;
}

describe("a client associates with the server and both say something", () => {
  it.each(WAYS)("by $title", ({ suite, credential }) => {
    const both = conversation({ credential, suites: [suite] });
    greet(both);
    expect(both.device.events[0]).toMatchObject({ suite, resumed: false, extendedMasterSecret: true });
    expect(both.talk.events.find(({ type }) => type === "established")).toMatchObject({
      association: { principal: "meter-1", suite },
    });
  });

  it.each([
    [undefined, undefined, undefined],
    [0, 0, 8],
    [1, 1, 8],
    [8, 8, 8],
  ])("with a Connection ID of its own of %p bytes (RFC 9146 §3)", (ownCidLengthBytes, own, server) => {
    const both = conversation({ credential: PSK, ...(ownCidLengthBytes === undefined ? {} : { ownCidLengthBytes }) });
    greet(both);
    const [established] = both.device.events;
    if (established?.type !== "established") throw new TypeError("greet says so");
    expect([established.ownCid?.length, established.serverCid?.length]).toEqual([own, server]);
  });

  it.each(WAYS)("with Connection IDs and records of 576 bytes by $title", ({ suite, credential }) => {
    greet(conversation({ credential, suites: [suite], ownCidLengthBytes: 4, maxDatagramBytes: 576 }));
  });

  it("without extended master secret", () => {
    const both = conversation({ credential: PSK, extendedMasterSecret: false });
    greet(both);
    expect(both.device.events[0]).toMatchObject({ extendedMasterSecret: false });
  });

  it.each([true, false])("by CBC with encrypt-then-MAC: %p (RFC 7366)", (encryptThenMac) => {
    const both = conversation({ credential: PSK, suites: [0x00ae], encryptThenMac });
    greet(both);
    expect(both.device.events[0]).toMatchObject({ encryptThenMac });
  });

  it("and asks for a server by name, whose certificate has to bear it (RFC 6066 §3)", () => {
    greet(conversation({ credential: X509, serverName: "lwm2m.example.org" }));
  });

  it.each([{ maxFragmentLengthBytes: 512 }, { recordSizeLimitBytes: 300 }])(
    "and gets no larger records than it asked for: %j",
    (limit) => {
      const both = conversation({ credential: X509, ...limit });
      let largest = 0;
      both.talk.onDatagram = (bytes, to) => {
        for (const record of to === "client" ? parseRecords(bytes, 0) : []) {
          if (typeof record !== "string") largest = Math.max(largest, record.fragment.length);
        }
      };
      greet(both);
      expect(largest).toBeLessThanOrEqual(Object.values(limit)[0] ?? 0);
    },
  );
});

describe("a client resumes a session (RFC 5246 §7.3)", () => {
  it.each(WAYS)("by $title", ({ suite, credential }) => {
    const both = conversation({ credential, suites: [suite], ownCidLengthBytes: 0 });
    greet(both);
    both.device.handle({ type: "connect", session: sessionOf(both.device) });
    both.talk.runUntil(() => both.device.client.state === "established", 1_000);
    expect(both.device.events.at(-1)).toMatchObject({ type: "established", suite, resumed: true });
    exchange(both);
  });

  it("and makes a full handshake when the server does not know the session", () => {
    const both = conversation({ credential: PSK });
    greet(both);
    both.talk.answers.sessions.clear();
    both.device.handle({ type: "connect", session: sessionOf(both.device) });
    both.talk.runUntil(() => both.device.client.state === "established", 1_000);
    expect(both.device.events.at(-1)).toMatchObject({ type: "established", resumed: false });
    exchange(both);
  });
});

describe("a client does not believe", () => {
  const other: ServerTrust = { type: "publicKey", publicKey: DTLS_KEYS.devicePublicKey };
  const otherRoot: ServerTrust = { type: "trustAnchor", certificate: DTLS_KEYS.otherRoot };
  it.each<[string, Partial<DtlsClientOptions> & Pick<DtlsClientOptions, "credential">, string]>([
    ["a raw public key that is not the pinned one", { credential: { ...RPK, server: other } }, "unauthorized"],
    ["a certificate whose key is not the pinned one", { credential: { ...X509, server: other } }, "unauthorized"],
    ["a certificate of another authority", { credential: { ...X509, server: otherRoot } }, "unauthorized"],
    ["a certificate for another name", { credential: X509, serverName: "elsewhere.example.org" }, "unauthorized"],
    ["a certificate after its time", { credential: X509, wallMs: () => Date.UTC(2200, 0, 1) }, "unauthorized"],
    ["a certificate before its time", { credential: X509, wallMs: () => Date.UTC(2020, 0, 1) }, "unauthorized"],
  ])("%s", (_, options, reason) => {
    const { talk, device } = conversation(options);
    device.handle({ type: "connect" });
    talk.advance(1_000);
    expect(device.events).toMatchObject([{ type: "failed", reason }]);
    expect(talk.events.filter(({ type }) => type === "established")).toEqual([]);
  });

  it("a server without the shared key", () => {
    const credential = { ...PSK, key: createSecretKey(Buffer.alloc(16, 9)) };
    const { talk, device } = conversation({ credential });
    device.handle({ type: "connect" });
    talk.advance(120_000);
    expect(device.events).toMatchObject([{ type: "failed" }]);
    expect(talk.events.filter(({ type }) => type === "established")).toEqual([]);
  });
});

describe("an association", () => {
  it("goes on from another address when it has a Connection ID (RFC 9146 §6)", () => {
    const both = conversation({ credential: PSK, ownCidLengthBytes: 0 });
    greet(both);
    both.device.address = "198.51.100.7:40000";
    exchange(both);
    expect(both.talk.events.find(({ type }) => type === "moved")).toMatchObject({
      association: { address: "198.51.100.7:40000" },
    });
  });

  it.each(WAYS)("goes on in another object that imported it, by $title", ({ suite, credential }) => {
    const { talk, device } = conversation({ credential, suites: [suite], ownCidLengthBytes: 3 });
    greet({ talk, device });
    const state = device.client.export();
    if (state === undefined) throw new TypeError("there is an association");
    expect([device.client.state, device.client.export()]).toEqual(["idle", undefined]);
    const other = talk.client({ credential }, device.address);
    device.address = "off";
    other.client.import(state);
    exchange({ talk, device: other });
  });

  it.each([
    ["from the same address", undefined, false],
    ["from the same address, with Connection IDs", 0, false],
    ["from other addresses, with Connection IDs", 0, true],
  ])("goes on %s with nodes that have only what was stored, and no nonce repeats", (_, ownCidLengthBytes, moves) => {
    const both = conversation({ credential: PSK, ...(ownCidLengthBytes === undefined ? {} : { ownCidLengthBytes }) });
    const nonces: string[] = [];
    both.talk.onDatagram = (bytes, to) => {
      for (const record of parseRecords(bytes, to === "server" ? 8 : 0)) {
        // The explicit nonce comes first (RFC 6655 §3); the keys of both directions differ.
        if (typeof record !== "string" && record.epoch === 1) nonces.push(to + toHex(record.fragment.subarray(0, 8)));
      }
    };
    greet(both);
    for (let life = 1; life <= 5; life++) {
      both.talk.replaceServer();
      if (moves) both.device.address = `198.51.100.7:${40_000 + life}`;
      for (let n = 0; n < 3; n++) exchange(both);
    }
    expect(both.device.events.filter(({ type }) => type === "established")).toHaveLength(1);
    expect(both.talk.events.filter(({ type }) => type === "takenOver")).toHaveLength(5);
    // 2 Finished and 16 exchanges.
    expect([nonces.length, new Set(nonces).size]).toEqual([34, 34]);
  });

  it("ends with close_notify, by either side (RFC 5246 §7.2.1)", () => {
    const both = conversation({ credential: PSK });
    greet(both);
    both.device.handle({ type: "close" });
    both.talk.advance(100);
    expect(both.talk.events.at(-1)).toMatchObject({ type: "closed", reason: "closeNotify" });
    greet(both);
    both.talk.serverHandle({ type: "close", association: heard(both.talk).association.id, alert: "closeNotify" });
    both.talk.advance(100);
    expect(both.device.events.at(-1)).toMatchObject({ type: "closed", reason: "closeNotify" });
    expect(both.device.client.state).toBe("idle");
  });

  it("receives a record once, however often it comes", () => {
    const both = conversation({ credential: PSK }, { link: { duplicationRate: 1 } });
    greet(both);
    both.talk.advance(1_000);
    expect([both.talk.received, both.device.received]).toEqual([["measured"], ["noted"]]);
  });

  it("shows no secret when it is looked at", () => {
    const both = conversation({ credential: PSK });
    greet(both);
    expect(inspect(both.device.client, { depth: 9, showHidden: true })).not.toMatch(
      /00, 17, 34, 51|00112233|key: Uint8Array/,
    );
  });
});

describe("a handshake", () => {
  it("gives up when nobody answers", () => {
    const { talk, device } = conversation({ credential: PSK }, { link: { lossRate: 1 } });
    device.handle({ type: "connect" });
    talk.advance(120_000);
    expect(device.events).toMatchObject([{ type: "failed", reason: "timeout", alert: undefined }]);
    expect(device.client.deadlineMs).toBeUndefined();
  });

  it("fails with what the server says", () => {
    const { talk, device } = conversation({ credential: PSK }, { server: { suites: [0xc02b] } });
    device.handle({ type: "connect" });
    talk.advance(1_000);
    expect(device.events).toMatchObject([{ type: "failed", reason: "peerAlert", alert: ALERT.HANDSHAKE_FAILURE }]);
  });

  it("that begins anew leaves nothing of the one before", () => {
    const both = conversation({ credential: PSK });
    both.device.handle({ type: "connect" });
    both.talk.advance(15);
    greet(both);
    greet(both);
  });

  it("ends well over a link that loses a fifth, doubles and reorders, within a minute", () => {
    const link = { lossRate: 0.2, duplicationRate: 0.1, minDelayMs: 5, maxDelayMs: 200 };
    // With 1, 2, 4 … 16 s a flight or its answer is lost six times in a row once in 460.
    const retransmission = { initialMs: 1_000, maxMs: 4_000, maxRetransmissions: 14 };
    const way = fc.constantFrom(...WAYS);
    fc.assert(
      fc.property(way, fc.nat(), fc.boolean(), ({ suite, credential }, seed, hasCid) => {
        const { talk, device } = conversation(
          {
            credential,
            suites: [suite],
            maxDatagramBytes: 576,
            retransmission,
            ...(hasCid ? { ownCidLengthBytes: 2 } : {}),
          },
          { link, seed, server: { mtuBytes: 576 } },
        );
        device.handle({ type: "connect" });
        talk.runUntil(() => device.client.state !== "connecting", 60_000);
        expect(device.events).toMatchObject([{ type: "established" }]);
        // What is under way of the first handshake must not be taken for the second's: nothing in it would tell.
        talk.advance(1_000);
        device.handle({ type: "connect", session: sessionOf(device) });
        talk.runUntil(() => device.client.state !== "connecting", 60_000);
        expect(device.events.at(-1)).toMatchObject({ type: "established" });
        // What either side says arrives at most once and unchanged.
        for (let n = 0; n < 20; n++) device.sends(`value ${n}`);
        talk.advance(5_000);
        expect(new Set(talk.received).size).toBe(talk.received.length);
        expect(talk.received.every((text) => /^value 1?\d$/.test(text))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("survives any datagram: it is dropped, or ends the handshake with a reason", () => {
    const bytes = fc.uint8Array({ maxLength: 120 });
    const record = fc
      .tuple(fc.constantFrom(...Object.values(CONTENT_TYPE)), fc.nat(1), fc.nat(20), bytes)
      .map(([type, epoch, sequence, fragment]) =>
        Uint8Array.of(type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, sequence, 0, fragment.length, ...fragment),
      );
    fc.assert(
      fc.property(fc.nat(60), fc.array(fc.oneof(bytes, record), { maxLength: 10 }), (afterMs, datagrams) => {
        const { talk, device } = conversation({ credential: PSK });
        device.handle({ type: "connect" });
        talk.advance(afterMs);
        for (const datagram of datagrams) device.handle({ type: "datagram", bytes: datagram });
        talk.runUntil(() => device.client.state !== "connecting", 120_000);
        expect(device.events.at(-1)?.type).toMatch(/^(established|failed|closed)$/);
      }),
    );
  });

  it("ends once Finished has come, also with a message left behind it by an answer to a changed hello", () => {
    const { talk, device } = conversation({ credential: PSK });
    let count = 0;
    talk.onDatagram = (bytes) => {
      if (count++ === 0) bytes[MESSAGE_SEQUENCE_LOW_BYTE] = 4;
    };
    device.handle({ type: "connect" });
    talk.runUntil(() => device.client.state !== "connecting", 120_000);
    expect(device.events).toMatchObject([{ type: "established" }]);
  });

  it("of which a datagram was changed on its way ends as it should, or fails: never otherwise", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...WAYS),
        fc.nat(5),
        fc.nat(),
        fc.nat(7),
        ({ suite, credential }, nth, place, bit) => {
          const { talk, device } = conversation({ credential, suites: [suite], ownCidLengthBytes: 2 });
          let count = 0;
          talk.onDatagram = (bytes) => {
            const index = place % bytes.length;
            if (count++ === nth) bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
          };
          device.handle({ type: "connect" });
          talk.runUntil(() => device.client.state !== "connecting", 120_000);
          const [event] = device.events;
          expect(event?.type).toMatch(/^(established|failed)$/);
          if (event?.type !== "established") return;
          expect(event).toMatchObject({ suite, resumed: false, extendedMasterSecret: true });
          talk.onDatagram = undefined;
          exchange({ talk, device });
        },
      ),
      { numRuns: 300 },
    );
  });
});
