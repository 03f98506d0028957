import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { DTLS_KEYS, DtlsLockstep, type DtlsLockstepOptions, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ALERT } from "./alert.ts";
import { encodeCertificate, encodeRawPublicKey } from "./messages/certificate.ts";
import { encodeEcdheClientKeyExchange } from "./messages/client-key-exchange.ts";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import type { ServerIdentity } from "./server-io.ts";

const ECDHE = 0xc0ae;
const X509 = { suite: ECDHE, certificate: "x509" } as const;
const RPK = { suite: ECDHE, certificate: "rawPublicKey" } as const;
const RAW = Uint8Array.of(2);
const EITHER_X509_FIRST = Uint8Array.of(0, 2);

function greeted(
  options: Parameters<DtlsLockstep["peer"]>[0] = X509,
  lockstep: DtlsLockstepOptions = {},
): { talk: DtlsLockstep; peer: DtlsLockstepPeer } {
  const talk = new DtlsLockstep(lockstep);
  return { talk, peer: talk.peer(options).greets() };
}

const { privateKey, serverPublicKey, serverCertificate } = { privateKey: DTLS_KEYS.server, ...DTLS_KEYS };
const BOTH: ServerIdentity = {
  rawPublicKey: { privateKey, publicKey: serverPublicKey },
  certificate: () => ({ privateKey, chain: [serverCertificate] }),
};
const ONLY_X509: ServerIdentity = { ...BOTH, rawPublicKey: undefined };
const ONLY_RPK: ServerIdentity = { ...BOTH, certificate: () => undefined };

describe("a handshake with certificates (RFC 8422)", () => {
  it.each([X509, RPK])("shows the server's, asks for the client's, and ends: $certificate", (options) => {
    const talk = new DtlsLockstep({ holds: ["certificate", "rawPublicKey"] });
    const peer = talk.peer(options).asksForCookie();
    expect(peer.sends(peer.hello()).reads()).toEqual(["2", "11", "12", "13", "14"]);
    peer.sends(peer.certificate(), peer.keyExchange(), peer.certificateVerify());
    peer.sends(peer.changeCipherSpec(), peer.finished());
    if (options === RPK) {
      expect(talk.asked("rawPublicKey").publicKey).toEqual(new Uint8Array(DTLS_KEYS.devicePublicKey));
      talk.answer("rawPublicKey");
    } else {
      expect(talk.asked("certificate").chain).toEqual([new Uint8Array(DTLS_KEYS.deviceCertificate)]);
      talk.answer("certificate");
    }
    expect(peer.reads()).toEqual(["CCS", "20"]);
    expect(talk.hears("established").association.principal).toBe("device");
  });

  it("has a new ephemeral key each time", () => {
    const points = [1, 2].map(() => {
      const peer = new DtlsLockstep().peer(X509).asksForCookie();
      const exchange = peer
        .sends(peer.hello())
        .receives()
        .find(({ content }) => content?.[0] === 12);
      return Buffer.from(exchange?.content?.subarray(16, 81) ?? []).toString("hex");
    });
    expect(points[0]).toMatch(/^04/);
    expect(points[0]).not.toBe(points[1]);
  });

  it("asks who the client is only once it has proved its key", () => {
    const { talk, peer } = greeted(X509, { holds: ["certificate"] });
    peer.sends(peer.certificate(), peer.keyExchange());
    expect(talk.askedCount("certificate")).toBe(0);
    peer.sends(peer.certificateVerify());
    expect(talk.askedCount("certificate")).toBe(1);
  });

  it("is refused as whoever answers for the certificate says, and tells whose it was", () => {
    const { talk, peer } = greeted(X509, { holds: ["certificate"] });
    peer.sends(peer.certificate(), peer.keyExchange(), peer.certificateVerify());
    const refused = { type: "refused", alert: ALERT.CERTIFICATE_EXPIRED, reason: "expired on Monday" } as const;
    talk.answer("certificate", { ...refused, principal: "device" });
    expect(peer.reads()).toEqual([`alert 2 ${ALERT.CERTIFICATE_EXPIRED}`]);
    expect(talk.hears("handshakeFailed")).toMatchObject({
      reason: "unauthorized",
      detail: "expired on Monday",
      principal: "device",
    });
  });

  it("takes ChangeCipherSpec and Finished in datagrams of their own while it computes", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer(X509).greets();
    talk.holds.add("compute").add("certificate");
    for (const record of [peer.certificate(), peer.keyExchange(), peer.certificateVerify()]) peer.sends(record);
    peer.sends(peer.changeCipherSpec()).sends(peer.finished());
    talk.answer("compute").answer("compute").answer("certificate");
    expect(talk.told()).toEqual(["established"]);
  });
});

describe("client authentication is never left out", () => {
  const rows: readonly [string, (peer: DtlsLockstepPeer) => Uint8Array[], number, string][] = [
    ["no Certificate", (peer) => [peer.keyExchange()], ALERT.UNEXPECTED_MESSAGE, "unexpectedMessage"],
    [
      "an empty Certificate (RFC 5246 §7.4.6)",
      (peer) => [peer.certificate([])],
      ALERT.HANDSHAKE_FAILURE,
      "clientCertificateRequired",
    ],
    [
      "CertificateVerify before the key exchange",
      (peer) => [peer.certificate(), peer.certificateVerify()],
      ALERT.UNEXPECTED_MESSAGE,
      "unexpectedMessage",
    ],
    [
      "Certificate twice",
      (peer) => [peer.certificate(), peer.certificate()],
      ALERT.UNEXPECTED_MESSAGE,
      "unexpectedMessage",
    ],
    [
      "Finished in the clear in place of CertificateVerify",
      (peer) => [peer.certificate(), peer.keyExchange(), peer.finished({ epoch: 0 })],
      ALERT.UNEXPECTED_MESSAGE,
      "unexpectedMessage",
    ],
    [
      "a signature over something else",
      (peer) => [
        peer.certificate(),
        peer.keyExchange(),
        peer.certificateVerify(sign("sha256", Buffer.alloc(9), DTLS_KEYS.device)),
      ],
      ALERT.DECRYPT_ERROR,
      "wrongKey",
    ],
    [
      "another key's signature",
      (peer) => [
        peer.certificate(),
        peer.keyExchange(),
        peer.certificateVerify(sign("sha256", peer.transcript.bytes(), DTLS_KEYS.server)),
      ],
      ALERT.DECRYPT_ERROR,
      "wrongKey",
    ],
    [
      "bytes behind the signature",
      (peer) => [
        peer.certificate(),
        peer.keyExchange(),
        peer.certificateVerify(
          Buffer.concat([sign("sha256", peer.transcript.bytes(), DTLS_KEYS.device), Buffer.alloc(1)]),
        ),
      ],
      ALERT.DECRYPT_ERROR,
      "wrongKey",
    ],
    [
      "an algorithm that was not offered: SHA-1",
      (peer) => [
        peer.certificate(),
        peer.keyExchange(),
        peer.certificateVerify(sign("sha1", peer.transcript.bytes(), DTLS_KEYS.device), 0x0203),
      ],
      ALERT.ILLEGAL_PARAMETER,
      "malformed",
    ],
  ];

  it.each(rows)("by %s", (_, records, alert, reason) => {
    const { talk, peer } = greeted();
    peer.sends(...records(peer));
    expect(peer.reads()).toEqual([`alert 2 ${alert}`]);
    expect(talk.told()).toEqual([`handshakeFailed ${reason}`]);
    expect(talk.server.usage).toMatchObject({ associations: 0, handshakes: 0, questions: 0 });
  });

  it("by ChangeCipherSpec and Finished without CertificateVerify", () => {
    const { talk, peer } = greeted();
    peer.sends(peer.certificate(), peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    expect(talk.told()).toEqual(["dropped noHandshake"]);
    talk.advance(100_000);
    expect(talk.told()).toEqual(["handshakeFailed timeout"]);
  });
});

describe("keys and points of a client", () => {
  const infinity = Uint8Array.of(0);
  const compressed = Uint8Array.from([2, ...new Uint8Array(32).fill(1)]);
  const offCurve = Uint8Array.from([4, ...new Uint8Array(64).fill(1)]);
  const zero = Uint8Array.from([4, ...new Uint8Array(64)]);
  const ofP384 = Uint8Array.from([4, ...new Uint8Array(96).fill(1)]);

  it.each([
    ["infinity", infinity],
    ["compressed", compressed],
    ["not on the curve", offCurve],
    ["zero", zero],
    ["of P-384", ofP384],
  ])("are refused: a point that is %s (RFC 8422 §5.11)", (_, point) => {
    const { talk, peer } = greeted();
    peer.sends(peer.certificate(), peer.keyExchange(encodeEcdheClientKeyExchange(point)));
    expect(peer.reads()).toEqual([`alert 2 ${ALERT.ILLEGAL_PARAMETER}`]);
    expect(talk.told()).toEqual(["handshakeFailed malformed"]);
  });

  const spki = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" });
  const p384 = spki(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey);
  const ed25519 = spki(generateKeyPairSync("ed25519").publicKey);
  const rsa = spki(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey);

  it.each<[string, Uint8Array, number, string]>([
    ["no DER", Buffer.alloc(91, 1), ALERT.BAD_CERTIFICATE, "malformed"],
    ["cut off", DTLS_KEYS.devicePublicKey.subarray(0, -1), ALERT.BAD_CERTIFICATE, "malformed"],
    ["longer", Buffer.concat([DTLS_KEYS.devicePublicKey, Buffer.of(0)]), ALERT.BAD_CERTIFICATE, "malformed"],
    ["P-384", p384, ALERT.UNSUPPORTED_CERTIFICATE, "noCommonParameters"],
    ["Ed25519", ed25519, ALERT.UNSUPPORTED_CERTIFICATE, "noCommonParameters"],
    ["RSA", rsa, ALERT.UNSUPPORTED_CERTIFICATE, "noCommonParameters"],
  ])("are refused: a raw public key that is %s", (_, key, alert, reason) => {
    const { talk, peer } = greeted(RPK);
    peer.sends(peer.message(HANDSHAKE_TYPE.CERTIFICATE, encodeRawPublicKey(key)));
    expect(peer.reads()).toEqual([`alert 2 ${alert}`]);
    expect(talk.told()).toEqual([`handshakeFailed ${reason}`]);
  });

  const { deviceCertificate } = DTLS_KEYS;
  const pem = new X509Certificate(deviceCertificate).toString();

  it.each<[string, Uint8Array]>([
    ["longer", encodeCertificate([Buffer.concat([deviceCertificate, Buffer.of(0)])])],
    ["PEM", encodeCertificate([Buffer.from(pem)])],
    ["PEM behind some text", encodeCertificate([Buffer.from(`device\n${pem}`)])],
    ["no certificate", encodeCertificate([Buffer.alloc(300, 0x30)])],
    ["cut off", encodeCertificate([DTLS_KEYS.deviceCertificate.subarray(0, -1)])],
    ["a raw public key", encodeCertificate([DTLS_KEYS.devicePublicKey])],
  ])("are refused: a certificate that is %s", (_, body) => {
    const { talk, peer } = greeted();
    peer.sends(peer.message(HANDSHAKE_TYPE.CERTIFICATE, body));
    expect(peer.reads()).toEqual([`alert 2 ${ALERT.BAD_CERTIFICATE}`]);
    expect(talk.told()).toEqual(["handshakeFailed malformed"]);
  });
});

describe("what the server shows", () => {
  const raw = { serverCertificateType: 2, clientCertificateType: 2 };
  const certified = { serverCertificateType: 0, clientCertificateType: 0 };

  it.each<[string, ServerIdentity, Uint8Array | undefined, object | undefined]>([
    ["a raw public key, though the client lists X.509 first", BOTH, EITHER_X509_FIRST, raw],
    ["a certificate, when that is all that it has", ONLY_X509, EITHER_X509_FIRST, { serverCertificateType: 0 }],
    ["a raw public key to who knows nothing else", BOTH, RAW, raw],
    ["a certificate to who knows nothing else", BOTH, Uint8Array.of(0), certified],
    ["a certificate to who lists nothing (RFC 7250 §4.1)", BOTH, undefined, {}],
    ["nothing to who lists nothing, when it has no certificate", ONLY_RPK, undefined, undefined],
    ["nothing to who lists what nobody knows", BOTH, Uint8Array.of(1), undefined],
  ])("is in its own order: %s", (_, identity, types, granted) => {
    const extensions = types === undefined ? {} : { clientCertificateTypes: types, serverCertificateTypes: types };
    const { talk, peer } = greeted({ suite: ECDHE, extensions }, { server: { identity } });
    if (granted === undefined) expect(talk.told()).toEqual(["handshakeFailed noCommonParameters"]);
    else expect(peer.granted).toMatchObject(granted);
  });

  it.each([
    ["the curve", { supportedGroups: [24, 29] }],
    ["any curve", { supportedGroups: undefined }],
    ["the signature algorithm", { signatureAlgorithms: [0x0503, 0x0401] }],
    ["any signature algorithm", { signatureAlgorithms: undefined }],
  ])("is nothing to who does not offer %s", (_, extensions) => {
    const { talk } = greeted({ ...X509, extensions });
    expect(talk.told()).toEqual(["handshakeFailed noCommonParameters"]);
  });

  it("is a PSK suite where there is no key for the others", () => {
    const none: ServerIdentity = { rawPublicKey: undefined, certificate: () => undefined };
    const talk = new DtlsLockstep({ server: { identity: none, suites: [ECDHE, 0xc0a8] } });
    const peer = talk.peer({ extensions: { supportedGroups: [23], signatureAlgorithms: [0x0403] } }).asksForCookie();
    peer.sends(peer.hello({ cipherSuites: [ECDHE, 0xc0a8] }));
    peer.cookie = peer.receives()[0]?.content?.subarray(15) ?? peer.cookie;
    peer.sends(peer.hello({ cipherSuites: [ECDHE, 0xc0a8] })).reads();
    expect(peer.serverHello?.cipherSuite).toBe(0xc0a8);
  });

  it.each([
    ["lwm2m.example.org", true],
    ["other.example.org", undefined],
  ])("is the certificate of the name that was asked for: %s (RFC 6066 §3)", (serverName, isNamed) => {
    const asked: (string | undefined)[] = [];
    const identity: ServerIdentity = {
      rawPublicKey: undefined,
      certificate: (name) => {
        asked.push(name);
        return name === undefined || name === "lwm2m.example.org" ? BOTH.certificate(name) : undefined;
      },
    };
    const { peer } = greeted({ ...X509, extensions: { serverName } }, { server: { identity } });
    expect(peer.granted.serverName).toBe(isNamed);
    expect(asked[0]).toBe(serverName);
  });

  it("may change from one handshake to the next", () => {
    let current: ServerIdentity = ONLY_X509;
    const identity: ServerIdentity = {
      get rawPublicKey() {
        return current.rawPublicKey;
      },
      certificate: (name) => current.certificate(name),
    };
    const { talk } = greeted(X509, { server: { identity } });
    current = ONLY_RPK;
    const peer = talk.peer({ ...RPK, address: "192.0.2.9:1" }).greets();
    expect(peer.granted.serverCertificateType).toBe(2);
  });
});

describe("computations", () => {
  it("are asked for within a limit, and the others wait for their turn", () => {
    const limits = { maxComputations: 2, maxWaitingComputations: 3 };
    const talk = new DtlsLockstep({ server: { limits }, holds: ["compute"] });
    const peers = Array.from({ length: 6 }, (_, n) =>
      talk.peer({ ...X509, address: `192.0.2.${n}:1` }).asksForCookie(),
    );
    for (const peer of peers) peer.sends(peer.hello());
    expect(talk.askedCount("compute")).toBe(2);
    expect(talk.told()).toEqual(["dropped tooManyComputations"]);
    expect(talk.server.usage.handshakes).toBe(5);
    for (let n = 0; n < 5; n++) talk.answer("compute");
    expect(talk.askedCount("compute")).toBe(0);
    expect(peers.map((peer) => peer.reads().length > 0)).toEqual([true, true, true, true, true, false]);
  });

  it("of handshakes that are over still take a thread until they are done", () => {
    const talk = new DtlsLockstep({ server: { limits: { maxComputations: 1, maxHandshakes: 1 } }, holds: ["compute"] });
    const first = talk.peer({ ...X509, address: "192.0.2.1:1" }).asksForCookie();
    first.sends(first.hello());
    const second = talk.peer({ ...X509, address: "192.0.2.2:1" }).asksForCookie();
    second.sends(second.hello());
    expect([talk.askedCount("compute"), talk.server.usage.handshakes]).toEqual([1, 1]);
    talk.answer("compute").answer("compute");
    expect(first.reads()).toEqual([]);
    expect(second.reads()).toEqual(["2", "11", "12", "13", "14"]);
  });

  it("that fail are the server's own fault, and say so", () => {
    const talk = new DtlsLockstep({ holds: ["compute"] });
    const peer = talk.peer(X509).asksForCookie();
    peer.sends(peer.hello());
    talk.answer("compute", { type: "bytes", bytes: undefined });
    expect(peer.reads()).toEqual([`alert 2 ${ALERT.INTERNAL_ERROR}`]);
    expect(talk.told()).toEqual(["handshakeFailed unavailable"]);
  });
});
