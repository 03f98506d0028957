import assert from "node:assert/strict";
import { sign } from "node:crypto";
import {
  type Address,
  type Answer,
  type AssociationState,
  type CipherSuite,
  type ClientExtensions,
  type ClientHello,
  CONTENT_TYPE,
  cipherSuite,
  compute,
  DTLS_1_2,
  type DtlsServer,
  type DtlsServerInput,
  type DtlsServerOptions,
  type DtlsServerOutput,
  type DtlsServerUsage,
  decodeEcdheServerKeyExchange,
  decodeHelloVerifyRequest,
  decodeServerExtensions,
  decodeServerHello,
  ECDSA_SHA256,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientExtensions,
  encodeClientHello,
  encodeEcdheClientKeyExchange,
  encodeHandshake,
  encodePlaintextRecord,
  encodePskClientKeyExchange,
  encodeRawPublicKey,
  expandKeys,
  extendedMasterSecret,
  HANDSHAKE_TYPE,
  type HandshakeMessage,
  makeEphemeralKey,
  makeProtection,
  masterSecret,
  type Protection,
  parseRecords,
  pointKey,
  pskPremasterSecret,
  type Question,
  type QuestionId,
  Reassembler,
  type ServerExtensions,
  type ServerHello,
  Transcript,
  verifyData,
  type WireRecord,
} from "@ferry/dtls";
import { DtlsAnswers, makeDtlsServer } from "./dtls-conversation.ts";
import { DTLS_KEYS } from "./dtls-keys.ts";
import { SeededRandom } from "./seeded-random.ts";

type Event = Exclude<DtlsServerOutput, { readonly type: "send" | "question" }>;
type EventOf<T extends Event["type"]> = Extract<Event, { readonly type: T }>;
type QuestionOf<T extends Question["type"]> = Extract<Question, { readonly type: T }>;

export interface DtlsLockstepOptions {
  readonly server?: Partial<DtlsServerOptions>;
  /** Those of a store that knows the PSK identity `device`, and the test key of a device as `device`. */
  readonly answers?: DtlsAnswers;
  /** Questions that wait until the test answers them; the others are answered at once. */
  readonly holds?: readonly Question["type"][];
  readonly seed?: number;
}

/**
 * A conversation with one {@link DtlsServer}, datagram by datagram: what a peer sends, what it then must receive, what the driver is asked and told.
 * Time stands still until `advance`.
 */
export class DtlsLockstep {
  readonly server: DtlsServer;
  readonly answers: DtlsAnswers;
  readonly random: SeededRandom;
  readonly holds: Set<Question["type"]>;
  readonly #held: { readonly id: QuestionId; readonly question: Question }[] = [];
  readonly #sent: { readonly address: Address; readonly bytes: Uint8Array }[] = [];
  readonly #slot: number;
  #events: Event[] = [];
  nowMs = 0;

  constructor({ server = {}, answers = knownDevice(), holds = [], seed = 1 }: DtlsLockstepOptions = {}) {
    this.random = new SeededRandom(seed);
    this.answers = answers;
    this.holds = new Set(holds);
    this.#slot = server.slot ?? 1;
    const options = { slot: this.#slot, ...server };
    this.server = makeDtlsServer({ random: this.random.bytes, wallMs: () => WALL_MS + this.nowMs, ...options });
  }

  peer(options: DtlsLockstepPeerOptions = {}): DtlsLockstepPeer {
    return new DtlsLockstepPeer(this, options);
  }

  /** What the network or the driver gives to the server. A datagram is overwritten behind it, as a socket's memory may be. */
  does(input: DtlsServerInput): this {
    if (input.type !== "datagram") {
      this.#take(this.server.handle(input, this.nowMs));
      return this;
    }
    // A Buffer, as of a socket: its `slice` does not copy.
    const bytes = Buffer.from(input.bytes);
    const outputs = this.server.handle({ ...input, bytes }, this.nowMs);
    bytes.fill(0);
    this.#take(outputs);
    return this;
  }

  /** Lets time go by, with a tick whenever the server asked for one. */
  advance(ms: number): this {
    const untilMs = this.nowMs + ms;
    for (let dueMs = this.server.deadlineMs; dueMs !== undefined && dueMs <= untilMs; dueMs = this.server.deadlineMs) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.#take(this.server.tick(this.nowMs));
    }
    this.nowMs = untilMs;
    return this;
  }

  /** The oldest question of a type that waits. */
  asked<T extends Question["type"]>(type: T): QuestionOf<T> & { readonly questionId: QuestionId } {
    const held = this.#held.find(({ question }) => question.type === type);
    assert(held !== undefined, `${type} expected, ${this.#held.map(({ question }) => question.type)} asked`);
    return { ...(held.question as QuestionOf<T>), questionId: held.id }; // Its type was compared.
  }

  /** How many questions of a type wait. */
  askedCount(type: Question["type"]): number {
    return this.#held.filter(({ question }) => question.type === type).length;
  }

  /** Answers the oldest question of a type, as the stores would if not told how. */
  answer(type: Question["type"], answer?: Answer): this {
    const { questionId } = this.asked(type);
    const index = this.#held.findIndex((held) => held.id === questionId);
    const [held] = this.#held.splice(index, 1);
    assert(held !== undefined);
    const given = answer ?? this.answers.answer(held.question, this.#slot);
    assert(given !== undefined);
    return this.does({ type: "answer", question: questionId, answer: given });
  }

  /** The next event of a type; those before it are passed over. */
  hears<T extends Event["type"]>(type: T): EventOf<T> {
    const index = this.#events.findIndex((event) => event.type === type);
    assert(index >= 0, `${type} expected, told: ${this.#events.map(describe).join(", ") || "nothing"}`);
    return this.#events.splice(0, index + 1).at(-1) as EventOf<T>; // Its type was compared.
  }

  /** All events since the last look, as text: `closed replaced`, `dropped badMac`, `received hello`. */
  told(): string[] {
    const events = this.#events;
    this.#events = [];
    return events.map(describe);
  }

  /** All datagrams to an address since the last look. */
  takeSent(address: Address): Uint8Array[] {
    const sent = this.#sent.filter((send) => send.address === address);
    this.#sent.splice(0, this.#sent.length, ...this.#sent.filter((send) => send.address !== address));
    return sent.map(({ bytes }) => bytes);
  }

  #take(outputs: readonly DtlsServerOutput[]): void {
    for (const output of outputs) {
      if (output.type === "send") this.#sent.push(output);
      else if (output.type === "question") this.#askedFor(output);
      else this.#events.push(output);
    }
  }

  #askedFor({ id, question }: Extract<DtlsServerOutput, { readonly type: "question" }>): void {
    const answer = this.holds.has(question.type) ? undefined : this.answers.answer(question, this.#slot);
    if (answer === undefined) this.#held.push({ id, question });
    else this.does({ type: "answer", question: id, answer });
  }
}

/** What a server holds that has nobody. */
export const EMPTY_DTLS_SERVER: DtlsServerUsage = {
  associations: 0,
  handshakes: 0,
  handshakeBytes: 0,
  lookups: 0,
  questions: 0,
  lastFlights: 0,
  keys: 0,
  readyKeys: 0,
};

function knownDevice(): DtlsAnswers {
  const answers = new DtlsAnswers();
  answers.addPsk("device");
  answers.addPublicKey(DTLS_KEYS.devicePublicKey, "device");
  return answers;
}

/** Between the dates of the test keys. */
const WALL_MS = Date.UTC(2030, 0, 1);

function describe(event: Event): string {
  switch (event.type) {
    case "received":
      return `received ${Buffer.from(event.bytes).toString()}`;
    case "closed":
    case "dropped":
    case "handshakeFailed":
      return `${event.type} ${event.reason}`;
    default:
      return event.type;
  }
}

export interface DtlsLockstepPeerOptions {
  readonly address?: Address;
  /** IANA number; PSK with CCM_8 by default. */
  readonly suite?: number;
  readonly identity?: string;
  readonly key?: Uint8Array;
  readonly certificate?: "rawPublicKey" | "x509";
  /** What its records are to have; undefined: no Connection ID is negotiated. */
  readonly cid?: Uint8Array;
  /** In its hello, beside or instead of what is usual. */
  readonly extensions?: ClientExtensions;
}

/** How a record differs from what is usual. */
export interface RecordFields {
  readonly epoch?: number;
  readonly sequence?: number;
  readonly cid?: Uint8Array | undefined;
  readonly version?: number;
}

/** What the peer received in a record. */
export interface ReceivedRecord {
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  /** Opened, in epoch 1; undefined when it does not open. */
  readonly content: Uint8Array | undefined;
  readonly bytes: Uint8Array;
}

/**
 * One far side, which says exactly what the test wants: methods that are nouns make a record, `sends` puts records into one datagram.
 *
 * ```
 * peer.greets().sends(peer.keyExchange()).sends(peer.changeCipherSpec(), peer.finished());
 * ```
 */
export class DtlsLockstepPeer {
  address: Address;
  readonly #lockstep: DtlsLockstep;
  readonly #options: DtlsLockstepPeerOptions;
  readonly suite: CipherSuite;
  /** Of the next record, by epoch; of the next message. */
  readonly nextRecord: [number, number] = [0, 0];
  nextMessage = 0;
  random: Uint8Array;
  cookie: Uint8Array = new Uint8Array(0);
  sessionId: Uint8Array = new Uint8Array(0);
  transcript: Transcript = new Transcript({ keepsBytes: true });
  serverHello: ServerHello | undefined;
  granted: ServerExtensions = {};
  #serverPoint: Uint8Array | undefined;
  #reassembler = new Reassembler({ nextSequence: 0 });
  #ephemeral = makeEphemeralKey();
  master: Uint8Array | undefined;
  #own: Protection | undefined;
  #server: Protection | undefined;

  constructor(lockstep: DtlsLockstep, options: DtlsLockstepPeerOptions) {
    this.#lockstep = lockstep;
    this.#options = options;
    this.address = options.address ?? "192.0.2.1:40000";
    const suite = cipherSuite(options.suite ?? 0xc0a8);
    assert(suite !== undefined);
    this.suite = suite;
    this.random = lockstep.random.bytes(32);
  }

  /** Sends records in one datagram. */
  sends(...records: readonly Uint8Array[]): this {
    this.#lockstep.does({ type: "datagram", address: this.address, bytes: Buffer.concat(records) });
    return this;
  }

  /** Hello, cookie, hello with cookie; the server's flight is read. */
  greets(): this {
    this.asksForCookie();
    this.sends(this.hello());
    this.reads();
    return this;
  }

  /** The first hello, and its answer. */
  asksForCookie(): this {
    this.sends(this.hello());
    const [record] = this.receives();
    assert(record?.content !== undefined, "HelloVerifyRequest expected, nothing came");
    this.cookie = decodeHelloVerifyRequest(record.content.subarray(12));
    return this;
  }

  /** A whole handshake with PSK, up to the server's Finished. */
  associates(): this {
    this.greets();
    this.sends(this.keyExchange(), this.changeCipherSpec(), this.finished());
    this.reads();
    return this;
  }

  /** The same with certificates. */
  associatesByCertificate(): this {
    this.greets();
    this.sends(this.certificate());
    this.sends(this.keyExchange(), this.certificateVerify(), this.changeCipherSpec(), this.finished());
    this.reads();
    return this;
  }

  /** Begins another handshake, as after a reboot. */
  reboots(): this {
    this.#lockstep.takeSent(this.address);
    this.nextRecord.fill(0);
    this.nextMessage = 0;
    this.random = this.#lockstep.random.bytes(32);
    this.cookie = new Uint8Array(0);
    this.#reassembler = new Reassembler({ nextSequence: 0 });
    this.transcript = new Transcript({ keepsBytes: true });
    this.#own = undefined;
    this.#server = undefined;
    return this;
  }

  hello(fields: Partial<ClientHello> = {}): Uint8Array {
    const { cid, extensions = {}, certificate } = this.#options;
    const types = certificate === "rawPublicKey" ? { clientCertificateTypes: RAW, serverCertificateTypes: RAW } : {};
    const usual: ClientExtensions = {
      extendedMasterSecret: true,
      connectionId: cid,
      ...(this.suite.keyExchange === "psk" ? {} : { supportedGroups: [23], signatureAlgorithms: [ECDSA_SHA256] }),
      ...types,
    };
    const hello = {
      version: DTLS_1_2,
      random: this.random,
      sessionId: this.sessionId,
      cookie: this.cookie,
      cipherSuites: [this.suite.id],
      compressionMethods: Uint8Array.of(0),
      extensions: encodeClientExtensions({ ...usual, ...extensions }),
      ...fields,
    };
    if (hello.cookie.length > 0) {
      // The transcript begins here, and the server's messages take their numbers from it.
      this.transcript = new Transcript({ keepsBytes: true });
      this.#reassembler = new Reassembler({ nextSequence: this.nextMessage });
    }
    return this.message(HANDSHAKE_TYPE.CLIENT_HELLO, encodeClientHello(hello));
  }

  certificate(chain: readonly Uint8Array[] = [DTLS_KEYS.deviceCertificate]): Uint8Array {
    const isRaw = this.#options.certificate === "rawPublicKey";
    const body = isRaw ? encodeRawPublicKey(DTLS_KEYS.devicePublicKey) : encodeCertificate(chain);
    return this.message(HANDSHAKE_TYPE.CERTIFICATE, body);
  }

  /** Also makes the keys, unless `body` is something of the test's own. */
  keyExchange(body?: Uint8Array): Uint8Array {
    const isPsk = this.suite.keyExchange === "psk";
    const identity = Buffer.from(this.#options.identity ?? "device");
    const usual = isPsk ? encodePskClientKeyExchange(identity) : encodeEcdheClientKeyExchange(this.#ephemeral.point);
    const record = this.message(HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, body ?? usual);
    if (body === undefined) this.#makeKeys(isPsk ? pskPremasterSecret(this.#psk) : this.#agree());
    return record;
  }

  certificateVerify(signature?: Uint8Array, signatureAlgorithm: number = ECDSA_SHA256): Uint8Array {
    const made = signature ?? sign("sha256", this.transcript.bytes(), DTLS_KEYS.device);
    const body = encodeCertificateVerify({ signatureAlgorithm, signature: made });
    return this.message(HANDSHAKE_TYPE.CERTIFICATE_VERIFY, body);
  }

  changeCipherSpec(fields: RecordFields = {}): Uint8Array {
    return this.record(CONTENT_TYPE.CHANGE_CIPHER_SPEC, Uint8Array.of(1), { epoch: 0, ...fields });
  }

  /** Protected, unless `epoch` is 0. */
  finished(fields: RecordFields & { readonly verified?: Uint8Array } = {}): Uint8Array {
    assert(this.master !== undefined, "keys are exchanged before Finished");
    const verified = fields.verified ?? verifyData(this.master, "client", this.transcript.hash());
    return this.message(HANDSHAKE_TYPE.FINISHED, verified, { epoch: 1, ...fields });
  }

  data(text: string, fields: RecordFields = {}): Uint8Array {
    return this.record(CONTENT_TYPE.APPLICATION_DATA, Buffer.from(text), { epoch: 1, ...fields });
  }

  alert(level: number, description: number, fields: RecordFields = {}): Uint8Array {
    return this.record(CONTENT_TYPE.ALERT, Uint8Array.of(level, description), { epoch: 1, ...fields });
  }

  /** A handshake message in a record, as the next one of both. */
  message(type: number, body: Uint8Array, fields: RecordFields = {}): Uint8Array {
    const message = { type, sequence: this.nextMessage++, body };
    this.transcript.add(message);
    return this.record(CONTENT_TYPE.HANDSHAKE, encodeHandshake(message), fields);
  }

  /** Any record: sealed in epoch 1, with the server's Connection ID if it gave one. */
  record(type: number, content: Uint8Array, fields: RecordFields = {}): Uint8Array {
    const { epoch = 0, version = DTLS_1_2 } = fields;
    const sequence = fields.sequence ?? this.nextRecord[epoch === 0 ? 0 : 1]++;
    if (epoch === 0) return encodePlaintextRecord(type, version, 0, sequence, content);
    assert(this.#own !== undefined, "keys are exchanged before anything is protected");
    const cid = "cid" in fields ? fields.cid : this.granted.connectionId;
    const nonce = Buffer.alloc(8);
    nonce.writeUInt16BE(epoch);
    nonce.writeUIntBE(sequence, 2, 6);
    return this.#own.seal({ type, epoch, sequence, cid, content, nonce });
  }

  /** The records that came since the last look, opened. */
  receives(): ReceivedRecord[] {
    const ownCidLength = this.granted.connectionId === undefined ? 0 : (this.#options.cid?.length ?? 0);
    return this.#lockstep.takeSent(this.address).flatMap((bytes) =>
      [...parseRecords(bytes, ownCidLength)].map((record) => {
        assert(typeof record !== "string", `the server sent a record that is ${record}`);
        return this.#open(record, bytes);
      }),
    );
  }

  /** What came since the last look, as text: `2 11 12 13 14` for handshake messages, `CCS`, `alert 2 40`, `data hello`, in order. */
  reads(): string[] {
    return this.receives().flatMap(({ type, content }) => {
      if (content === undefined) return ["unreadable"];
      if (type === CONTENT_TYPE.CHANGE_CIPHER_SPEC) return ["CCS"];
      if (type === CONTENT_TYPE.ALERT) return [`alert ${content[0]} ${content[1]}`];
      if (type === CONTENT_TYPE.APPLICATION_DATA) return [`data ${Buffer.from(content).toString()}`];
      const messages = this.#reassembler.add(content);
      for (const message of messages) this.#hear(message);
      return messages.length === 0 ? ["repeated"] : messages.map((message) => `${message.type}`);
    });
  }

  /** What the server has of it: as its snapshot tells. */
  snapshot(): AssociationState {
    const { id } = this.#lockstep.hears("established").association;
    const snapshot = this.#lockstep.server.snapshot(id);
    assert(snapshot !== undefined);
    return snapshot.association;
  }

  get #psk(): Uint8Array {
    return this.#options.key ?? DTLS_KEYS.psk.export();
  }

  #agree(): Uint8Array {
    const publicKey = this.#serverPoint === undefined ? undefined : pointKey(this.#serverPoint);
    assert(publicKey !== undefined, "ServerKeyExchange comes before the client's");
    const job = { operation: "deriveSecret", privateKey: this.#ephemeral.privateKey, publicKey } as const;
    const answer = compute(job);
    assert(answer.type === "bytes" && answer.bytes !== undefined);
    return answer.bytes;
  }

  #makeKeys(premaster: Uint8Array): void {
    assert(this.serverHello !== undefined, "ServerHello comes before the key exchange");
    const isExtended = this.granted.extendedMasterSecret === true;
    this.useMaster(
      isExtended
        ? extendedMasterSecret(premaster, this.transcript.hash())
        : masterSecret(premaster, this.random, this.serverHello.random),
    );
  }

  /** Makes the keys of a master secret: of the handshake, or of a session that is resumed. */
  useMaster(master: Uint8Array): this {
    assert(this.serverHello !== undefined, "ServerHello comes before the keys");
    this.master = master;
    const { client, server } = expandKeys(this.suite, master, this.random, this.serverHello.random);
    const encryptThenMac = this.granted.encryptThenMac === true;
    this.#own = makeProtection(this.suite, client, encryptThenMac, this.#lockstep.random.bytes);
    this.#server = makeProtection(this.suite, server, encryptThenMac, this.#lockstep.random.bytes);
    return this;
  }

  #open(record: WireRecord, bytes: Uint8Array): ReceivedRecord {
    const { type, epoch, sequence } = record;
    if (epoch === 0) return { type, epoch, sequence, content: record.fragment, bytes };
    const opened = this.#server?.open(record);
    return { type: opened?.type ?? type, epoch, sequence, content: opened?.content, bytes };
  }

  #hear(message: HandshakeMessage): void {
    if (message.type === HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST) return;
    this.transcript.add(message);
    if (message.type === HANDSHAKE_TYPE.SERVER_HELLO) {
      this.serverHello = decodeServerHello(message.body);
      this.granted = decodeServerExtensions(this.serverHello.extensions, EVERYTHING);
    } else if (message.type === HANDSHAKE_TYPE.SERVER_KEY_EXCHANGE) {
      this.#serverPoint = decodeEcdheServerKeyExchange(message.body).point;
    }
  }
}

const RAW: Uint8Array = Uint8Array.of(2);
/** Asked for by some test. */
const EVERYTHING: ClientExtensions = {
  serverName: "any",
  maxFragmentLength: 512,
  ecPointFormats: Uint8Array.of(0),
  clientCertificateTypes: RAW,
  serverCertificateTypes: RAW,
  encryptThenMac: true,
  extendedMasterSecret: true,
  recordSizeLimit: 512,
  connectionId: new Uint8Array(0),
};
