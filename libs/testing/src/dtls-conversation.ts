import { createHash, createSecretKey, X509Certificate } from "node:crypto";
import {
  type Address,
  ALERT,
  type Answer,
  type AssociationState,
  CIPHER_SUITES,
  compute,
  DtlsClient,
  type DtlsClientInput,
  type DtlsClientOptions,
  type DtlsClientOutput,
  DtlsServer,
  type DtlsServerInput,
  type DtlsServerOptions,
  type DtlsServerOutput,
  type Principal,
  type Question,
  type SessionState,
  type WriteGrant,
} from "@ferry/dtls";
import { DTLS_KEYS } from "./dtls-keys.ts";
import { LossyLink, type LossyLinkOptions } from "./lossy-link.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Answers the questions of servers as an endpoint with memory stores would: the nodes that share it can take over from each other. */
export class DtlsAnswers {
  /** By identity, as text. */
  readonly psks: Map<string, { readonly key: Uint8Array; readonly principal: Principal }> = new Map();
  /** By hex of the SHA-256 of a SubjectPublicKeyInfo, raw or from a certificate. */
  readonly #principals = new Map<string, Principal>();
  readonly sessions: Map<string, SessionState> = new Map();
  readonly associations: Map<string, { association: AssociationState; grant: WriteGrant }> = new Map();

  addPsk(identity: string, key: Uint8Array = DTLS_KEYS.psk.export(), principal: Principal = identity): void {
    this.psks.set(identity, { key, principal });
  }

  addPublicKey(publicKey: Uint8Array, principal: Principal): void {
    this.#principals.set(hash(publicKey), principal);
  }

  /** Undefined: never answered. */
  answer(question: Question, slot: number): Answer | undefined {
    switch (question.type) {
      case "psk": {
        const known = this.psks.get(Buffer.from(question.identity).toString());
        return known === undefined ? { type: "none" } : { type: "psk", ...known };
      }
      case "rawPublicKey":
        return this.#principal(question.publicKey);
      case "certificate": {
        const { publicKey } = new X509Certificate(question.chain[0] ?? new Uint8Array(0));
        return this.#principal(publicKey.export({ type: "spki", format: "der" }));
      }
      case "session": {
        const session = this.sessions.get(toHex(question.id));
        return session === undefined ? { type: "none" } : { type: "session", session };
      }
      case "store":
        this.associations.set(question.association.id, question);
        if (question.session !== undefined) this.sessions.set(toHex(question.session.id), question.session);
        return { type: "stored" };
      case "find": {
        const { by } = question;
        const found = [...this.associations.values()].find(({ association: { ownCid, address } }) =>
          "cid" in by ? ownCid !== undefined && Buffer.compare(ownCid, by.cid) === 0 : address === by.address,
        );
        return found === undefined ? { type: "none" } : { type: "found", association: found.association };
      }
      case "claim": {
        const stored = this.associations.get(question.association);
        if (stored === undefined) return { type: "none" };
        const { stamp, ceiling } = stored.grant;
        stored.grant = { stamp: stamp + 1, slot, from: ceiling + 65_536, ceiling: ceiling + 65_536 + 1024 };
        return { type: "claimed", grant: stored.grant, mark: undefined };
      }
      case "reserve": {
        const stored = this.associations.get(question.association);
        if (stored?.grant.stamp !== question.grant.stamp) return { type: "none" };
        stored.grant = { ...stored.grant, ceiling: stored.grant.ceiling + 1024 };
        return { type: "reserved", ceiling: stored.grant.ceiling };
      }
      case "compute":
        return compute(question.job);
    }
  }

  #principal(publicKey: Uint8Array): Answer {
    const principal = this.#principals.get(hash(publicKey));
    if (principal !== undefined) return { type: "principal", principal };
    return { type: "refused", alert: ALERT.CERTIFICATE_UNKNOWN, reason: "nobody has this key" };
  }
}

/** A server with the test keys that allows all there is, but for what is said otherwise. */
export function makeDtlsServer(
  options: Pick<DtlsServerOptions, "random" | "wallMs"> & Partial<DtlsServerOptions>,
): DtlsServer {
  return new DtlsServer({
    slot: 1,
    suites: [...CIPHER_SUITES.keys()],
    cidLengthBytes: 8,
    cookieKeys: [createSecretKey(Buffer.alloc(32, 7))],
    extendedMasterSecret: "prefer",
    nonce: "stamped",
    mtuBytes: 1200,
    identity: {
      rawPublicKey: { privateKey: DTLS_KEYS.server, publicKey: DTLS_KEYS.serverPublicKey },
      certificate: () => ({ privateKey: DTLS_KEYS.server, chain: [DTLS_KEYS.serverCertificate] }),
    },
    clientCertificates: ["rawPublicKey", "x509"],
    ...options,
  });
}

/** The far end of a client in a {@link DtlsConversation}. */
export interface DtlsConversationClient {
  readonly client: DtlsClient;
  /** From where its datagrams leave; may be changed at any time. */
  address: Address;
  /** What happened, in order. */
  readonly events: Exclude<DtlsClientOutput, { readonly type: "send" }>[];
  /** Application data that came, as text. */
  readonly received: string[];
  handle(input: DtlsClientInput): void;
  /** Sends application data. */
  sends(text: string): void;
}

export interface DtlsConversationOptions {
  readonly server?: Partial<DtlsServerOptions>;
  readonly answers?: DtlsAnswers;
  /** By default nothing is lost and all takes 10 ms. */
  readonly link?: Partial<LossyLinkOptions>;
  readonly seed?: number;
}

/** A good link with room for handshakes to be seen in their steps. */
const GOOD_LINK: LossyLinkOptions = { lossRate: 0, duplicationRate: 0, minDelayMs: 10, maxDelayMs: 10 };
/** Between the dates of the test keys. */
const WALL_MS = Date.UTC(2030, 0, 1);

/** A server, clients and a network between them in simulated time: all that happens is decided by a seed. */
export class DtlsConversation {
  readonly answers: DtlsAnswers;
  readonly #random: SeededRandom;
  readonly #options: DtlsConversationOptions;
  readonly #link: LossyLink<{
    readonly address: Address;
    readonly bytes: Uint8Array;
    readonly to: "server" | "client";
  }>;
  readonly #clients: DtlsConversationClient[] = [];
  /** What the server told, in order. */
  readonly events: Exclude<DtlsServerOutput, { readonly type: "send" | "question" }>[] = [];
  /** Application data that came, as text. */
  readonly received: string[] = [];
  /** Called with every datagram that is put on the network: to count them or to see what they are. */
  onDatagram: ((bytes: Uint8Array, to: "server" | "client") => void) | undefined;
  server: DtlsServer;
  readonly #pending: DtlsServerOutput[] = [];
  #slot = 1;
  #nowMs = 0;

  constructor(options: DtlsConversationOptions = {}) {
    this.#options = options;
    this.answers = options.answers ?? new DtlsAnswers();
    this.#random = new SeededRandom(options.seed ?? 1);
    this.#link = new LossyLink({ ...GOOD_LINK, ...options.link }, this.#random);
    this.server = this.#newServer();
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Another node takes the address of the server, with nothing but what was stored. */
  replaceServer(): void {
    this.#slot++;
    this.server = this.#newServer();
  }

  client(
    options: Partial<DtlsClientOptions> & Pick<DtlsClientOptions, "credential">,
    address?: Address,
  ): DtlsConversationClient {
    const client = new DtlsClient({ random: this.#random.bytes, wallMs: () => WALL_MS + this.#nowMs, ...options });
    const end: DtlsConversationClient = {
      client,
      address: address ?? `192.0.2.1:${10_000 + this.#clients.length}`,
      events: [],
      received: [],
      handle: (input) => this.#perform(end, client.handle(input, this.#nowMs)),
      sends: (text) => end.handle({ type: "send", bytes: Buffer.from(text) }),
    };
    this.#clients.push(end);
    return end;
  }

  serverHandle(input: DtlsServerInput): void {
    this.#performServer(this.server.handle(input, this.#nowMs));
  }

  /** Puts a datagram on its way to the server, as if from this address. */
  inject(bytes: Uint8Array, address: Address): void {
    this.#carry(address, bytes, "server");
  }

  /** Lets time go by. */
  advance(ms: number): void {
    this.runUntil(() => false, ms);
  }

  /** Lets time go by until something holds, but not for longer than this; whether it came to hold. */
  runUntil(holds: () => boolean, ms: number): boolean {
    const untilMs = this.#nowMs + ms;
    while (!holds()) {
      const dueMs = this.#nextMs();
      if (dueMs === undefined || dueMs > untilMs) {
        this.#nowMs = untilMs;
        return holds();
      }
      this.#nowMs = Math.max(this.#nowMs, dueMs);
      this.#step();
    }
    return true;
  }

  #nextMs(): number | undefined {
    const dues = [this.#link.nextMs, this.server.deadlineMs, ...this.#clients.map(({ client }) => client.deadlineMs)];
    const known = dues.filter((due) => due !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  #step(): void {
    for (let next = this.#link.takeArrived(this.#nowMs); next; next = this.#link.takeArrived(this.#nowMs)) {
      const { address, bytes, to } = next;
      if (to === "server") this.serverHandle({ type: "datagram", address, bytes });
      // Datagrams to an address that nobody has any more are lost, as behind a NAT that forgot.
      else this.#clients.find((end) => end.address === address)?.handle({ type: "datagram", bytes });
    }
    this.#performServer(this.server.tick(this.#nowMs));
    for (const end of this.#clients) this.#perform(end, end.client.tick(this.#nowMs));
  }

  #newServer(): DtlsServer {
    return makeDtlsServer({
      random: this.#random.bytes,
      wallMs: () => WALL_MS + this.#nowMs,
      slot: this.#slot,
      ...this.#options.server,
    });
  }

  #perform(end: DtlsConversationClient, outputs: readonly DtlsClientOutput[]): void {
    for (const output of outputs) {
      if (output.type === "send") {
        this.#carry(end.address, output.bytes, "server");
        continue;
      }
      end.events.push(output);
      if (output.type === "received") end.received.push(Buffer.from(output.bytes).toString());
    }
  }

  /** In order: what an answer leads to comes after what was given back with its question. */
  #performServer(outputs: readonly DtlsServerOutput[]): void {
    const isPerforming = this.#pending.length > 0;
    this.#pending.push(...outputs);
    if (isPerforming) return;
    for (let output = this.#pending[0]; output !== undefined; output = this.#pending[0]) {
      if (output.type === "send") {
        this.#carry(output.address, output.bytes, "client");
      } else if (output.type === "question") {
        const answer = this.answers.answer(output.question, this.#slot);
        if (answer !== undefined) this.serverHandle({ type: "answer", question: output.id, answer });
      } else {
        this.events.push(output);
        if (output.type === "received") this.received.push(Buffer.from(output.bytes).toString());
      }
      this.#pending.shift();
    }
  }

  #carry(address: Address, bytes: Uint8Array, to: "server" | "client"): void {
    this.onDatagram?.(bytes, to);
    this.#link.send({ address, bytes, to }, this.#nowMs);
  }
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
