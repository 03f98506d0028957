import type { CapturedDatagram } from "./capture-file.ts";
import {
  MESSAGE,
  readHello,
  readMessages,
  readPskIdentity,
  readRecords,
  TYPE,
  UnreadableError,
  type WireRecord,
} from "./wire.ts";

/** Cipher suites whose records begin with an explicit nonce (RFC 5288 §3, RFC 6655 §3), by IANA number. */
const AEAD_SUITES: ReadonlySet<number> = new Set([0xc0a8, 0x00a8, 0xc0ae, 0xc02b]);
const EXPLICIT_NONCE_BYTES = 8;
/** What is told of each kind; the rest is only counted. */
const MAX_TOLD = 20;

/** A record that used a nonce which another one had used under the same key. */
export interface Reuse {
  readonly atMs: number;
  readonly clientPort: number;
  readonly nonce: string;
  /** The nodes that sealed the first and the second. */
  readonly nodePorts: readonly [number, number];
}

/** A ClientHello with a random of its own: a client began a handshake. */
export interface Handshake {
  readonly atMs: number;
  readonly clientPort: number;
  /** The PSK identity that this client has shown last, in this handshake or before. */
  identity: string | undefined;
}

/** What a capture shows. */
export interface NonceReport {
  readonly datagrams: number;
  /** Records that servers sealed with an explicit nonce. */
  readonly sealed: number;
  readonly keys: number;
  /** Keys under which more than one node sealed: without any, nothing was taken over. */
  readonly sharedKeys: number;
  readonly reused: number;
  /** The first of them. */
  readonly reuses: readonly Reuse[];
  /** Records whose sequence number another one had under the same key, which is no danger where the nonce is another: its peer drops them. */
  readonly repeatedSequences: number;
  /** Records that were the same, byte by byte: what was repeated tells nothing new, but somebody repeated it. */
  readonly identical: number;
  /** Records of suites that have no explicit nonce. */
  readonly others: number;
  readonly unreadable: number;
  readonly firstUnreadable: readonly string[];
  readonly handshakes: readonly Handshake[];
}

/** The server's write key of one handshake: its random names it. */
interface ServerKey {
  readonly isAead: boolean;
  /** Length of the client's Connection ID, which is in the server's records. */
  readonly clientCidBytes: number;
  readonly nodePorts: Set<number>;
  readonly sequences: Set<number>;
  readonly records: Map<string, { readonly bytes: string; readonly nodePort: number }>;
}

/** What is known of a client's address. */
interface Flow {
  clientRandom: string | undefined;
  /** Of its last ClientHello; undefined: it offers none. */
  clientCid: Buffer | undefined;
  /** Of a handshake whose server has not changed its keys yet. */
  next: ServerKey | undefined;
  /** What the server's records are sealed with. */
  key: ServerKey | undefined;
  identity: string | undefined;
  lastHandshake: Handshake | undefined;
}

/**
 * Reads what balancers captured of DTLS 1.2 and tells which explicit nonces servers used twice under one key, though the keys themselves are not known:
 * a key is one of a ServerHello's random, holds for a flow from the server's ChangeCipherSpec on, and comes to another flow with the first client's
 * record that has the Connection ID which that ServerHello gave.
 *
 * Between the ChangeCipherSpecs of both sides a server may still seal under the key before; such a record counts to the new one.
 */
export function findNonceReuse(capture: Iterable<CapturedDatagram>): NonceReport {
  const check = new NonceCheck();
  for (const datagram of capture) check.take(datagram);
  return check.report();
}

class NonceCheck {
  readonly #flows = new Map<number, Flow>();
  readonly #keys = new Map<string, ServerKey>();
  /** By the Connection ID that the server gave, in hex. */
  readonly #keysByCid = new Map<string, ServerKey>();
  readonly #handshakes: Handshake[] = [];
  readonly #reuses: Reuse[] = [];
  readonly #unreadable: string[] = [];
  #serverCidBytes: number | undefined;
  #datagrams = 0;
  #sealed = 0;
  #reused = 0;
  #repeatedSequences = 0;
  #identical = 0;
  #others = 0;
  #unreadableCount = 0;

  take(datagram: CapturedDatagram): void {
    this.#datagrams++;
    try {
      if (datagram.from === "client") this.#takeFromClient(datagram);
      else this.#takeFromServer(datagram);
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      this.#unreadableCount++;
      if (this.#unreadable.length < MAX_TOLD)
        this.#unreadable.push(`${datagram.from} ${datagram.clientPort}: ${error.message}`);
    }
  }

  report(): NonceReport {
    const keys = [...this.#keys.values()].filter(({ records }) => records.size > 0);
    return {
      datagrams: this.#datagrams,
      sealed: this.#sealed,
      keys: keys.length,
      sharedKeys: keys.filter(({ nodePorts }) => nodePorts.size > 1).length,
      reused: this.#reused,
      reuses: this.#reuses,
      repeatedSequences: this.#repeatedSequences,
      identical: this.#identical,
      others: this.#others,
      unreadable: this.#unreadableCount,
      firstUnreadable: this.#unreadable,
      handshakes: this.#handshakes,
    };
  }

  #takeFromClient({ bytes, atMs, clientPort }: CapturedDatagram): void {
    const flow = this.#flow(clientPort);
    for (const record of readRecords(bytes, this.#serverCidBytes)) {
      if (record.type === TYPE.TLS12_CID) flow.key = this.#keysByCid.get(record.cid.toString("hex")) ?? flow.key;
      if (record.type !== TYPE.HANDSHAKE || record.epoch !== 0) continue;
      for (const message of readMessages(record)) {
        if (message.type === MESSAGE.CLIENT_HELLO) {
          const { random, cid } = readHello(message);
          flow.clientCid = cid;
          if (random === flow.clientRandom) continue;
          flow.clientRandom = random;
          flow.lastHandshake = { atMs, clientPort, identity: flow.identity };
          this.#handshakes.push(flow.lastHandshake);
        } else if (message.type === MESSAGE.CLIENT_KEY_EXCHANGE) {
          flow.identity = readPskIdentity(message);
          if (flow.lastHandshake !== undefined) flow.lastHandshake.identity = flow.identity;
        }
      }
    }
  }

  #takeFromServer(datagram: CapturedDatagram): void {
    const flow = this.#flow(datagram.clientPort);
    const cidBytes = flow.next?.clientCidBytes ?? flow.key?.clientCidBytes;
    for (const record of readRecords(datagram.bytes, cidBytes)) {
      if (record.epoch > 0) this.#takeSealed(record, flow, datagram);
      else if (record.type === TYPE.HANDSHAKE) this.#takeServerHandshake(record, flow);
      else if (record.type === TYPE.CHANGE_CIPHER_SPEC && flow.next !== undefined) {
        flow.key = flow.next;
        flow.next = undefined;
      }
    }
  }

  #takeServerHandshake(record: WireRecord, flow: Flow): void {
    for (const message of readMessages(record)) {
      if (message.type !== MESSAGE.SERVER_HELLO) continue;
      const { random, suite = 0, cid } = readHello(message);
      const known = this.#keys.get(random);
      if (known !== undefined) {
        if (known !== flow.key) flow.next = known;
        continue;
      }
      const clientCidBytes = cid === undefined ? 0 : (flow.clientCid?.length ?? 0);
      const key = {
        isAead: AEAD_SUITES.has(suite),
        clientCidBytes,
        nodePorts: new Set<number>(),
        sequences: new Set<number>(),
        records: new Map(),
      };
      this.#keys.set(random, key);
      flow.next = key;
      if (cid === undefined || cid.length === 0) continue;
      this.#serverCidBytes ??= cid.length;
      if (cid.length !== this.#serverCidBytes)
        throw new UnreadableError("Connection IDs of the servers differ in length");
      this.#keysByCid.set(cid.toString("hex"), key);
    }
  }

  #takeSealed(
    { fragment, bytes, epoch, sequence }: WireRecord,
    { key }: Flow,
    { atMs, clientPort, nodePort }: CapturedDatagram,
  ): void {
    if (epoch !== 1) throw new UnreadableError(`a server's record is of epoch ${epoch}`);
    if (key === undefined) throw new UnreadableError("a server's record is protected by nobody knows which key");
    if (!key.isAead) {
      this.#others++;
      return;
    }
    if (fragment.length < EXPLICIT_NONCE_BYTES)
      throw new UnreadableError("a protected record is shorter than its nonce");
    this.#sealed++;
    key.nodePorts.add(nodePort);
    const nonce = fragment.toString("hex", 0, EXPLICIT_NONCE_BYTES);
    const text = bytes.toString("latin1");
    const before = key.records.get(nonce);
    if (before?.bytes !== text && key.sequences.has(sequence)) this.#repeatedSequences++;
    key.sequences.add(sequence);
    if (before === undefined) {
      key.records.set(nonce, { bytes: text, nodePort });
    } else if (before.bytes === text) {
      this.#identical++;
    } else {
      this.#reused++;
      if (this.#reuses.length < MAX_TOLD)
        this.#reuses.push({ atMs, clientPort, nonce, nodePorts: [before.nodePort, nodePort] });
    }
  }

  #flow(clientPort: number): Flow {
    let flow = this.#flows.get(clientPort);
    if (flow === undefined) {
      flow = {
        clientRandom: undefined,
        clientCid: undefined,
        next: undefined,
        key: undefined,
        identity: undefined,
        lastHandshake: undefined,
      };
      this.#flows.set(clientPort, flow);
    }
    return flow;
  }
}
