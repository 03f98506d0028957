import assert from "node:assert";
import { createHash, type KeyObject } from "node:crypto";
import {
  ALERT,
  CERTIFICATE_TYPE,
  type ClientExtensions,
  CONTENT_TYPE,
  cipherSuite,
  compute,
  DTLS_1_2,
  decodeEcdheServerKeyExchange,
  decodeFinished,
  decodeHelloVerifyRequest,
  decodeServerExtensions,
  decodeServerHello,
  ECDSA_SHA256,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientExtensions,
  encodeClientHello,
  encodeEcdheClientKeyExchange,
  encodeFinished,
  encodeHandshake,
  encodePlaintextRecord,
  encodePskClientKeyExchange,
  encodeRawPublicKey,
  expandKeys,
  extendedMasterSecret,
  HANDSHAKE_TYPE,
  makeEphemeralKey,
  makeProtection,
  NonceCounter,
  type Protection,
  parseRecords,
  pointKey,
  pskPremasterSecret,
  SECP256R1,
  type SessionState,
  verifyData,
  type WireRecord,
} from "@ferry/dtls";
import { DTLS_KEYS, type SeededRandom } from "@ferry/testing";
import type { ModelSymbol } from "./symbols.ts";

/** What a client is, and what it asks for. */
export interface ModelClientOptions {
  readonly suite: number;
  readonly certificate: "none" | "rawPublicKey" | "x509";
  /** Its records to come have a Connection ID of 4 bytes; undefined: none is negotiated. */
  readonly hasCid: boolean;
  readonly random: SeededRandom;
  /** One that the server has. */
  readonly session: SessionState;
}

/** Keys of epoch 1, with their count of records. */
interface Epoch {
  readonly master: Uint8Array;
  readonly write: Protection;
  readonly read: Protection;
  readonly ownCidBytes: number;
  readonly serverCid: Uint8Array | undefined;
  readonly nonces: NonceCounter;
  sequence: number;
}

/** A handshake as far as the client has taken part in it. */
interface Handshake {
  /** Of the messages so far, each as RFC 6347 §4.2.6 has it hashed. */
  readonly messages: Uint8Array[];
  readonly chosen: ReturnType<typeof decodeServerHello> | undefined;
  nextMessage: number;
  nextServerMessage: number;
  serverPoint: Uint8Array | undefined;
  /** What follows from the key exchange, once there was one. */
  epoch: Epoch | undefined;
  /** Nothing is missing before ChangeCipherSpec. */
  isComplete: boolean;
  /** ChangeCipherSpec was sent then. */
  isSwitched: boolean;
  /** The client's own, last sent. */
  finished: Uint8Array | undefined;
}

interface Hello {
  readonly random: Uint8Array;
  readonly cookie: Uint8Array;
  readonly sessionId: Uint8Array;
  /** `message_seq`. */
  readonly sequence: number;
}

const NOTHING: Uint8Array = new Uint8Array(0);
const ZERO_MASTER: Uint8Array = new Uint8Array(48);
const OWN_CID: Uint8Array = Uint8Array.of(1, 2, 3, 4);
const HANDSHAKE_HEADER_BYTES = 12;
const ALERT_LEVEL = { WARNING: 1, FATAL: 2 } as const;
const USER_CANCELED = 90;
const EPHEMERAL: ReturnType<typeof makeEphemeralKey> = makeEphemeralKey();

/**
 * A client that can do everything at any time: each symbol is made as right as it can be from what was said so far, with its own count of messages,
 * transcript and keys. Where there are no keys, it uses those of a master secret of zeros, as an attacker would (CVE-2014-0224).
 *
 * What it sends in the clear behind its own ChangeCipherSpec is an injection: it is not counted and not hashed.
 */
export class ModelClient {
  readonly #options: ModelClientOptions;
  #plaintextSequence = 0;
  #cookie: Uint8Array = NOTHING;
  #hello: Hello | undefined;
  #handshake: Handshake | undefined;
  /** Of the association that was established last; kept when it ends, for a server must not take its records then. */
  #established: Epoch | undefined;
  #writing: Epoch | undefined;
  /** Of the last Finished, right or wrong. */
  #finishing: Epoch | undefined;

  constructor(options: ModelClientOptions) {
    this.#options = options;
  }

  /** The datagram of a symbol, none for what cannot be said yet; `exchange` takes one to the server and gives the answers that came at once. */
  send(symbol: ModelSymbol, exchange: (datagram: Uint8Array) => void): void {
    const datagram = this.#datagram(symbol, exchange);
    if (datagram !== undefined) exchange(datagram);
  }

  /** Takes what the server sent; what it was, in words. */
  receive(datagram: Uint8Array): string[] {
    const cidBytes = this.#options.hasCid ? OWN_CID.length : 0;
    return [...parseRecords(datagram, cidBytes)].map((record) => {
      if (typeof record === "string") return `?${record}`;
      return record.epoch === 0 ? this.#takePlaintext(record) : this.#takeProtected(record);
    });
  }

  /** The server says that it has an association with the keys that were just agreed on. */
  established(): void {
    this.#established = this.#finishing;
    this.#writing = this.#established;
  }

  /** The server gave the handshake up. */
  failed(): void {
    this.#handshake = undefined;
    this.#writing = this.#established ?? this.#writing;
  }

  #datagram(symbol: ModelSymbol, exchange: (datagram: Uint8Array) => void): Uint8Array | undefined {
    const handshake = this.#handshake;
    switch (symbol) {
      case "HELLO":
        return this.#clearHello(this.#newHello(NOTHING));
      case "HELLO_COOKIE":
        return this.#beginWithCookie(NOTHING, exchange);
      case "HELLO_RESUME":
        return this.#beginWithCookie(this.#options.session.id, exchange);
      case "HELLO_AGAIN":
        return this.#hello === undefined ? undefined : this.#clearHello(this.#hello);
      case "PSK_KEY_EXCHANGE": {
        const body = encodePskClientKeyExchange(Buffer.from("device"));
        return this.#keyExchange(body, () => pskPremasterSecret(DTLS_KEYS.psk.export()));
      }
      case "ECDH_KEY_EXCHANGE":
        return this.#keyExchange(encodeEcdheClientKeyExchange(EPHEMERAL.point), () => ecdhSecret(handshake));
      case "CERTIFICATE":
        return this.#clear(HANDSHAKE_TYPE.CERTIFICATE, this.#certificate());
      case "CERTIFICATE_EMPTY":
        return this.#clear(HANDSHAKE_TYPE.CERTIFICATE, encodeCertificate([]));
      case "CERTIFICATE_VERIFY":
        return this.#certificateVerify(DTLS_KEYS.device);
      case "CERTIFICATE_VERIFY_FORGED":
        return this.#certificateVerify(DTLS_KEYS.server);
      case "CHANGE_CIPHER_SPEC":
        return this.#changeCipherSpec();
      case "FINISHED":
        return this.#finished(false);
      case "FINISHED_FORGED":
        return this.#finished(true);
      case "FINISHED_CLEAR":
        return this.#record(0, CONTENT_TYPE.HANDSHAKE, this.#finishedMessage(this.#epochOfHandshake()));
      case "DATA":
        return this.#protected(CONTENT_TYPE.APPLICATION_DATA, Buffer.from("data"));
      case "DATA_CLEAR":
        return this.#record(0, CONTENT_TYPE.APPLICATION_DATA, Buffer.from("data"));
      case "CLOSE_NOTIFY":
        return this.#protected(CONTENT_TYPE.ALERT, Uint8Array.of(ALERT_LEVEL.WARNING, ALERT.CLOSE_NOTIFY));
      case "WARNING":
        return this.#protected(CONTENT_TYPE.ALERT, Uint8Array.of(ALERT_LEVEL.WARNING, USER_CANCELED));
      case "ALERT_CLEAR":
        return this.#record(0, CONTENT_TYPE.ALERT, Uint8Array.of(ALERT_LEVEL.FATAL, ALERT.HANDSHAKE_FAILURE));
      case "RENEGOTIATE":
        return this.#protected(CONTENT_TYPE.HANDSHAKE, encodeHandshake(this.#helloMessage(this.#newHello(NOTHING))));
    }
  }

  #newHello(sessionId: Uint8Array): Hello {
    return { random: this.#options.random.bytes(32), cookie: NOTHING, sessionId, sequence: 0 };
  }

  #helloMessage({ random, cookie, sessionId, sequence }: Hello): { type: number; sequence: number; body: Uint8Array } {
    const { suite } = this.#options;
    const body = encodeClientHello({
      version: DTLS_1_2,
      random,
      sessionId,
      cookie,
      cipherSuites: [suite],
      compressionMethods: Uint8Array.of(0),
      extensions: encodeClientExtensions(wantedExtensions(this.#options)),
    });
    return { type: HANDSHAKE_TYPE.CLIENT_HELLO, sequence, body };
  }

  #clearHello(hello: Hello): Uint8Array {
    return this.#record(0, CONTENT_TYPE.HANDSHAKE, encodeHandshake(this.#helloMessage(hello)));
  }

  #beginWithCookie(sessionId: Uint8Array, exchange: (datagram: Uint8Array) => void): Uint8Array {
    const hello = this.#newHello(sessionId);
    this.#cookie = NOTHING;
    exchange(this.#clearHello(hello));
    this.#hello = { ...hello, cookie: this.#cookie, sequence: 1 };
    this.#handshake = undefined;
    this.#writing = this.#established;
    return this.#clearHello(this.#hello);
  }

  #keyExchange(body: Uint8Array, premaster: () => Uint8Array): Uint8Array {
    const datagram = this.#clear(HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, body);
    const handshake = this.#handshake;
    if (handshake !== undefined && !handshake.isSwitched) {
      const master = extendedMasterSecret(premaster(), transcriptHash(handshake));
      handshake.epoch = this.#newEpoch(master, handshake);
      handshake.isComplete = this.#options.certificate === "none";
    }
    return datagram;
  }

  #certificate(): Uint8Array {
    return this.#options.certificate === "rawPublicKey"
      ? encodeRawPublicKey(DTLS_KEYS.devicePublicKey)
      : encodeCertificate([DTLS_KEYS.deviceCertificate]);
  }

  #certificateVerify(key: KeyObject): Uint8Array {
    const handshake = this.#handshake;
    const answer = compute({ operation: "sign", key, data: Buffer.concat(handshake?.messages ?? []) });
    assert(answer.type === "bytes" && answer.bytes !== undefined, "test keys sign");
    const body = encodeCertificateVerify({ signatureAlgorithm: ECDSA_SHA256, signature: answer.bytes });
    if (handshake?.epoch !== undefined) handshake.isComplete = true;
    return this.#clear(HANDSHAKE_TYPE.CERTIFICATE_VERIFY, body);
  }

  /** One that comes too early is an injection. */
  #changeCipherSpec(): Uint8Array {
    const handshake = this.#handshake;
    if (handshake?.isComplete === true) {
      this.#writing = handshake.epoch;
      handshake.isSwitched = true;
    }
    return this.#record(0, CONTENT_TYPE.CHANGE_CIPHER_SPEC, Uint8Array.of(1));
  }

  #finished(isForged: boolean): Uint8Array {
    const epoch = this.#epochOfHandshake();
    this.#finishing = epoch;
    return this.#record(1, CONTENT_TYPE.HANDSHAKE, this.#finishedMessage(epoch, isForged), epoch);
  }

  #finishedMessage({ master }: Epoch, isForged = false): Uint8Array {
    const handshake = this.#handshake;
    const data = verifyData(master, "client", transcriptHash(handshake));
    const body = encodeFinished(isForged ? data.map((byte) => byte ^ 1) : data);
    const message = encodeHandshake({ type: HANDSHAKE_TYPE.FINISHED, sequence: this.#nextMessage, body });
    if (handshake !== undefined && !isForged) handshake.finished = message;
    return message;
  }

  /** Keys of zeros where no others are. */
  #epochOfHandshake(): Epoch {
    const handshake = this.#handshake;
    const epoch = handshake === undefined ? this.#writing : handshake.epoch;
    return epoch ?? this.#newEpoch(ZERO_MASTER, handshake);
  }

  #newEpoch(master: Uint8Array, handshake: Handshake | undefined): Epoch {
    const { hasCid, random } = this.#options;
    const suite = cipherSuite(this.#options.suite);
    assert(suite !== undefined, "a configuration has a suite that there is");
    const serverRandom = handshake?.chosen?.random ?? new Uint8Array(32);
    const { client, server } = expandKeys(suite, master, this.#hello?.random ?? new Uint8Array(32), serverRandom);
    const extensions = handshake?.chosen === undefined ? undefined : serverExtensions(handshake.chosen, this.#options);
    return {
      master,
      write: makeProtection(suite, client, false, random.bytes),
      read: makeProtection(suite, server, false, random.bytes),
      ownCidBytes: hasCid ? OWN_CID.length : 0,
      serverCid: extensions?.connectionId,
      nonces: new NonceCounter({ stamp: 1, slot: 0 }),
      sequence: 0,
    };
  }

  /** Before ServerHello it is the number behind the hello's, for what is sent too early. */
  get #nextMessage(): number {
    return this.#handshake?.nextMessage ?? (this.#hello?.sequence ?? 0) + 1;
  }

  /** The next message in the clear. */
  #clear(type: number, body: Uint8Array): Uint8Array {
    const handshake = this.#handshake;
    const message = encodeHandshake({ type, sequence: this.#nextMessage, body });
    if (handshake !== undefined && !handshake.isSwitched) {
      handshake.nextMessage++;
      handshake.messages.push(message);
    }
    return this.#record(0, CONTENT_TYPE.HANDSHAKE, message);
  }

  #protected(type: number, content: Uint8Array): Uint8Array {
    return this.#record(1, type, content, this.#writing ?? this.#newEpoch(ZERO_MASTER, this.#handshake));
  }

  #record(epoch: 0 | 1, type: number, content: Uint8Array, keys?: Epoch): Uint8Array {
    if (epoch === 0 || keys === undefined) {
      return encodePlaintextRecord(type, DTLS_1_2, 0, this.#plaintextSequence++, content);
    }
    const nonce = keys.nonces.next();
    assert(nonce !== undefined, "a walk has fewer records than a counter");
    return keys.write.seal({ type, epoch: 1, sequence: keys.sequence++, cid: keys.serverCid, content, nonce });
  }

  #takePlaintext({ type, fragment }: WireRecord): string {
    if (type === CONTENT_TYPE.CHANGE_CIPHER_SPEC) return "ChangeCipherSpec";
    if (type === CONTENT_TYPE.ALERT) return alertName(fragment);
    if (type !== CONTENT_TYPE.HANDSHAKE) return `?${type}`;
    const [kind = 0] = fragment;
    this.#takeMessage(kind, fragment);
    return messageName(kind);
  }

  #takeMessage(kind: number, message: Uint8Array): void {
    const body = message.subarray(HANDSHAKE_HEADER_BYTES);
    assert(body.length === Buffer.from(message).readUIntBE(1, 3), "datagrams have room for whole messages");
    const sequence = Buffer.from(message).readUInt16BE(4);
    if (kind === HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST) this.#cookie = decodeHelloVerifyRequest(body);
    else if (kind === HANDSHAKE_TYPE.SERVER_HELLO) this.#takeServerHello(message, body, sequence);
    else if (sequence === this.#handshake?.nextServerMessage) this.#hear(message, kind, body);
  }

  /** Of another one than before: the server began anew. */
  #takeServerHello(message: Uint8Array, body: Uint8Array, sequence: number): void {
    const chosen = decodeServerHello(body);
    const before = this.#handshake?.chosen;
    if (before !== undefined && Buffer.compare(before.random, chosen.random) === 0) return;
    assert(this.#hello !== undefined, "a server answers a hello");
    const handshake: Handshake = {
      messages: [encodeHandshake(this.#helloMessage(this.#hello)), message.slice()],
      chosen,
      nextMessage: this.#hello.sequence + 1,
      nextServerMessage: sequence + 1,
      serverPoint: undefined,
      epoch: undefined,
      isComplete: false,
      isSwitched: false,
      finished: undefined,
    };
    this.#handshake = handshake;
    const { id, masterSecret } = this.#options.session;
    const isResumed = Buffer.compare(chosen.sessionId, id) === 0;
    if (isResumed) {
      handshake.epoch = this.#newEpoch(masterSecret, handshake);
      handshake.isComplete = true;
    }
  }

  #hear(message: Uint8Array, kind: number, body: Uint8Array): void {
    const handshake = this.#handshake;
    if (handshake === undefined) return;
    handshake.nextServerMessage++;
    handshake.messages.push(message.slice());
    if (kind === HANDSHAKE_TYPE.SERVER_KEY_EXCHANGE) handshake.serverPoint = decodeEcdheServerKeyExchange(body).point;
  }

  #takeProtected(record: WireRecord): string {
    for (const epoch of [this.#handshake?.epoch, this.#established]) {
      const opened = epoch?.read.open(record);
      if (epoch === undefined || opened === undefined) continue;
      if (opened.type === CONTENT_TYPE.ALERT) return alertName(opened.content);
      if (opened.type === CONTENT_TYPE.HANDSHAKE) return this.#takeFinished(epoch, opened.content);
      return `?${opened.type}`;
    }
    return "?protected";
  }

  /** Looked at the first time only: a repeated one is the same. */
  #takeFinished({ master }: Epoch, message: Uint8Array): string {
    const handshake = this.#handshake;
    const sequence = Buffer.from(message).readUInt16BE(4);
    if (handshake === undefined || sequence !== handshake.nextServerMessage) return "Finished";
    const isResumed = !handshake.isSwitched;
    if (!isResumed && handshake.finished !== undefined) handshake.messages.push(handshake.finished);
    const expected = verifyData(master, "server", transcriptHash(handshake));
    const isRight = Buffer.compare(decodeFinished(message.subarray(HANDSHAKE_HEADER_BYTES)), expected) === 0;
    handshake.nextServerMessage++;
    handshake.messages.push(message.slice());
    return isRight ? "Finished" : "?Finished";
  }
}

function wantedExtensions({ certificate, hasCid }: ModelClientOptions): ClientExtensions {
  const kinds = certificate === "rawPublicKey" ? Uint8Array.of(CERTIFICATE_TYPE.RAW_PUBLIC_KEY) : undefined;
  return {
    extendedMasterSecret: true,
    renegotiationInfo: true,
    connectionId: hasCid ? OWN_CID : undefined,
    supportedGroups: certificate === "none" ? undefined : [SECP256R1],
    signatureAlgorithms: certificate === "none" ? undefined : [ECDSA_SHA256],
    clientCertificateTypes: kinds,
    serverCertificateTypes: kinds,
  };
}

function serverExtensions(
  { extensions }: ReturnType<typeof decodeServerHello>,
  options: ModelClientOptions,
): ReturnType<typeof decodeServerExtensions> {
  return decodeServerExtensions(extensions, wantedExtensions(options));
}

function transcriptHash(handshake: Handshake | undefined): Uint8Array {
  return createHash("sha256")
    .update(Buffer.concat(handshake?.messages ?? []))
    .digest();
}

function ecdhSecret(handshake: Handshake | undefined): Uint8Array {
  const publicKey = handshake?.serverPoint === undefined ? undefined : pointKey(handshake.serverPoint);
  if (publicKey === undefined) return new Uint8Array(32);
  const answer = compute({ operation: "deriveSecret", privateKey: EPHEMERAL.privateKey, publicKey });
  assert(answer.type === "bytes" && answer.bytes !== undefined, "points of P-256 give a secret");
  return answer.bytes;
}

function messageName(kind: number): string {
  const name = Object.entries(HANDSHAKE_TYPE).find(([, type]) => type === kind)?.[0] ?? `?${kind}`;
  return name.toLowerCase().replaceAll(/(^|_)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
}

function alertName([level, description]: Uint8Array): string {
  const name = Object.entries(ALERT).find(([, value]) => value === description)?.[0] ?? `${description}`;
  return `${level === ALERT_LEVEL.FATAL ? "fatal" : "warning"}:${name.toLowerCase()}`;
}
