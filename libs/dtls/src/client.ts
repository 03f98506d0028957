import type { Machine } from "@ferry/coap";
import { ALERT, type AlertDescription } from "./alert.ts";
import { cipherSuite } from "./cipher-suite.ts";
import type { ClientAssociationState, ClientSession, DtlsClientInput, DtlsClientOutput } from "./client-io.ts";
import type { DtlsClientOptions } from "./client-options.ts";
import { DtlsAlertError, DtlsFormatError } from "./errors.ts";
import { sequenceNonce } from "./explicit-nonce.ts";
import { DEFAULT_DATAGRAM_BYTES, type Flight } from "./flight.ts";
import { ClientHandshake, type ClientHandshakeStep, type NegotiatedKeys } from "./handshake-client.ts";
import type { HandshakeMessage } from "./messages/handshake-header.ts";
import { Reassembler } from "./reassembly.ts";
import {
  CONTENT_TYPE,
  DTLS_1_2,
  encodePlaintextRecord,
  MAX_PLAINTEXT_BYTES,
  MAX_SEQUENCE,
  parseRecords,
  type WireRecord,
} from "./record.ts";
import { makeProtection, type Protection } from "./record-protection.ts";
import { NOTHING_RECEIVED, ReplayWindow } from "./replay-window.ts";
import { retransmissionDelayMs } from "./retransmission.ts";

const WARNING = 1;
const FATAL = 2;
/** Protected records that came before the hello that tells their keys. */
const MAX_PARKED_RECORDS = 4;
/** A flight is sent again at most so often because the server repeated its own, ms. */
const MIN_RESEND_MS = 200;

/** A handshake that has not ended. */
interface Connecting {
  readonly handshake: ClientHandshake;
  readonly reassembler: Reassembler;
  readonly parked: WireRecord[];
  flight: Flight;
  transmissions: number;
  /** When the flight was last sent. */
  sentMs: number;
  retransmitMs: number;
}

/** Both directions of epoch 1. */
interface Epoch {
  readonly keys: NegotiatedKeys;
  readonly read: Protection;
  readonly write: Protection;
  readonly window: ReplayWindow;
  nextSequence: number;
  /** Sent again while the server repeats its Finished: only what it protects after ours proves that it has it (RFC 6347 §4.2.4). */
  lastFlight: Flight | undefined;
}

/**
 * The client's side of one DTLS 1.2 association, for simulated devices, tests and benchmarks: it speaks what a device needs, with one server of
 * which the caller knows the address, and does its cryptography in place. Who it talks to is the caller's: datagrams may leave from another
 * address at any time.
 */
export class DtlsClient implements Machine<DtlsClientInput, DtlsClientOutput> {
  readonly #options: DtlsClientOptions;
  #connecting: Connecting | undefined;
  #epoch: Epoch | undefined;
  /** Of the next record of epoch 0. */
  #plaintextSequence = 0;

  constructor(options: DtlsClientOptions) {
    this.#options = options;
  }

  get state(): "idle" | "connecting" | "established" {
    if (this.#connecting !== undefined) return "connecting";
    return this.#epoch === undefined ? "idle" : "established";
  }

  get deadlineMs(): number | undefined {
    return this.#connecting?.retransmitMs;
  }

  handle(input: DtlsClientInput, nowMs: number): DtlsClientOutput[] {
    switch (input.type) {
      case "connect":
        return this.#connect(input.session, nowMs);
      case "datagram":
        return this.#receive(input.bytes, nowMs);
      case "send":
        return this.state === "established" ? this.#seal(CONTENT_TYPE.APPLICATION_DATA, input.bytes) : [];
      case "close":
        return this.#close();
    }
  }

  tick(nowMs: number): DtlsClientOutput[] {
    const connecting = this.#connecting;
    if (connecting === undefined || nowMs < connecting.retransmitMs) return [];
    return this.#transmit(connecting, nowMs);
  }

  /** Takes the association out of this client, to be gone on with by another; undefined when there is none, or a handshake goes on. */
  export(): ClientAssociationState | undefined {
    if (this.#epoch === undefined || this.state !== "established") return undefined;
    const { keys, nextSequence, window } = this.#epoch;
    this.#epoch = undefined;
    return { ...keys, suite: keys.suite.id, nextSequence, mark: window.mark };
  }

  /** Goes on with an association that was exported; one that there is ends silently. */
  import(state: ClientAssociationState): void {
    const suite = cipherSuite(state.suite);
    if (suite === undefined) throw new RangeError(`cipher suite ${state.suite} of an exported association is unknown`);
    this.#connecting = undefined;
    this.#epoch = {
      ...this.#openEpoch({ ...state, suite }),
      window: ReplayWindow.from(state.mark),
      nextSequence: state.nextSequence,
    };
  }

  #connect(session: ClientSession | undefined, nowMs: number): DtlsClientOutput[] {
    const handshake = new ClientHandshake(this.#options, session);
    this.#epoch = undefined;
    this.#plaintextSequence = 0;
    this.#connecting = {
      handshake,
      reassembler: new Reassembler({ nextSequence: 0 }),
      parked: [],
      flight: handshake.start(),
      transmissions: 0,
      sentMs: nowMs,
      retransmitMs: nowMs,
    };
    return this.#transmit(this.#connecting, nowMs);
  }

  #receive(datagram: Uint8Array, nowMs: number): DtlsClientOutput[] {
    const ownCidLength = this.#epoch === undefined ? this.#options.ownCidLengthBytes : this.#epoch.keys.ownCid?.length;
    const outputs: DtlsClientOutput[] = [];
    for (const record of parseRecords(datagram, ownCidLength ?? 0)) {
      // What cannot be read is dropped silently (RFC 6347 §4.1.2.7).
      if (typeof record === "string") continue;
      outputs.push(...this.#guard(() => this.#record(record, nowMs)));
    }
    return outputs;
  }

  #record(record: WireRecord, nowMs: number): DtlsClientOutput[] {
    if (record.epoch === 0) return this.#plaintext(record, nowMs);
    return record.epoch === 1 ? this.#protected(record, nowMs) : [];
  }

  /** The server's fault ends the handshake, with an alert; nothing else can go wrong. */
  #guard(act: () => DtlsClientOutput[]): DtlsClientOutput[] {
    try {
      return act();
    } catch (error) {
      if (error instanceof DtlsAlertError) return this.#fail(error.reason, error.message, error.alert);
      if (error instanceof DtlsFormatError) return this.#fail("malformed", error.message, error.alert);
      throw error;
    }
  }

  /** Counts during a handshake only: anyone could have sent it. ChangeCipherSpec says what the epoch of the next record says too. */
  #plaintext({ type, fragment }: WireRecord, nowMs: number): DtlsClientOutput[] {
    const connecting = this.#connecting;
    if (connecting === undefined) return [];
    if (type === CONTENT_TYPE.ALERT) return this.#alert(fragment);
    if (type !== CONTENT_TYPE.HANDSHAKE) return [];
    // What is left to come is protected: the server has not seen our last flight and repeats its own.
    if (connecting.handshake.isProtected) return this.#repeat(connecting, nowMs);
    return this.#handshake(connecting, fragment, 0, nowMs);
  }

  #protected(record: WireRecord, nowMs: number): DtlsClientOutput[] {
    const epoch = this.#epoch;
    if (epoch === undefined) {
      const parked = this.#connecting?.parked;
      if (parked !== undefined && parked.length < MAX_PARKED_RECORDS) parked.push(record);
      return [];
    }
    const opened = openRecord(epoch, record);
    if (opened === undefined) return [];
    const { type, content } = opened;
    if (type === CONTENT_TYPE.ALERT) return this.#alert(content);
    if (type === CONTENT_TYPE.HANDSHAKE) {
      if (this.#connecting !== undefined) return this.#handshake(this.#connecting, content, 1, nowMs);
      return epoch.lastFlight === undefined ? [] : this.#send(epoch.lastFlight);
    }
    if (type !== CONTENT_TYPE.APPLICATION_DATA || this.#connecting !== undefined) return [];
    epoch.lastFlight = undefined;
    return [{ type: "received", bytes: content }];
  }

  #handshake(connecting: Connecting, content: Uint8Array, epoch: 0 | 1, nowMs: number): DtlsClientOutput[] {
    const { handshake, reassembler } = connecting;
    const repeatedBefore = reassembler.repeated;
    const messages = reassembler.add(content);
    // Finished is the last: what a stray datagram left behind it belongs to no handshake.
    const outputs = messages.flatMap((message) =>
      handshake === this.#connecting?.handshake ? this.#message(connecting, message, epoch, nowMs) : [],
    );
    const isRepeated = messages.length === 0 && reassembler.repeated > repeatedBefore;
    if (isRepeated && handshake === this.#connecting?.handshake) outputs.push(...this.#repeat(connecting, nowMs));
    return outputs;
  }

  #message(connecting: Connecting, message: HandshakeMessage, epoch: 0 | 1, nowMs: number): DtlsClientOutput[] {
    const { handshake, parked } = connecting;
    if (handshake.isProtected !== (epoch === 1)) {
      throw new DtlsAlertError(
        ALERT.UNEXPECTED_MESSAGE,
        "unexpectedMessage",
        `handshake message ${message.type} came in epoch ${epoch}`,
      );
    }
    const step = handshake.handle(message);
    const outputs = this.#follow(connecting, step, nowMs);
    if (step.keys !== undefined) {
      for (const record of parked.splice(0)) outputs.push(...this.#protected(record, nowMs));
    }
    return outputs;
  }

  #follow(connecting: Connecting, { keys, flight, finished }: ClientHandshakeStep, nowMs: number): DtlsClientOutput[] {
    if (keys !== undefined) this.#epoch = this.#openEpoch(keys);
    if (finished !== undefined && this.#epoch !== undefined) {
      const { suite, encryptThenMac, ownCid, serverCid } = this.#epoch.keys;
      this.#connecting = undefined;
      this.#epoch.lastFlight = flight;
      return [
        ...(flight === undefined ? [] : this.#send(flight)),
        { type: "established", suite: suite.id, encryptThenMac, ownCid, serverCid, ...finished },
      ];
    }
    if (flight === undefined) return [];
    connecting.flight = flight;
    connecting.transmissions = 0;
    return this.#transmit(connecting, nowMs);
  }

  #openEpoch(keys: NegotiatedKeys): Epoch {
    const { suite, client, server, encryptThenMac } = keys;
    const { random } = this.#options;
    return {
      keys,
      read: makeProtection(suite, server, encryptThenMac, random),
      write: makeProtection(suite, client, encryptThenMac, random),
      window: ReplayWindow.from(NOTHING_RECEIVED),
      nextSequence: 0,
      lastFlight: undefined,
    };
  }

  /** Sends the flight, for the first time or again, and waits for the answer; gives up when it was sent often enough. */
  #transmit(connecting: Connecting, nowMs: number): DtlsClientOutput[] {
    const { random, retransmission } = this.#options;
    connecting.transmissions++;
    const delayMs = retransmissionDelayMs(connecting.transmissions, random, retransmission);
    if (delayMs === undefined) {
      return this.#fail(
        "timeout",
        `the server did not answer ${connecting.transmissions - 1} transmissions`,
        undefined,
      );
    }
    connecting.sentMs = nowMs;
    connecting.retransmitMs = nowMs + delayMs;
    return this.#send(connecting.flight);
  }

  /** The server sent its flight again: so do we, without waiting for the timer (RFC 6347 §4.2.4). */
  #repeat(connecting: Connecting, nowMs: number): DtlsClientOutput[] {
    if (nowMs - connecting.sentMs < MIN_RESEND_MS) return [];
    connecting.sentMs = nowMs;
    return this.#send(connecting.flight);
  }

  #send(flight: Flight): DtlsClientOutput[] {
    const { maxDatagramBytes = DEFAULT_DATAGRAM_BYTES } = this.#options;
    const limits = {
      maxDatagramBytes,
      maxPlaintextBytes: this.#epoch?.keys.maxPlaintextBytes ?? MAX_PLAINTEXT_BYTES,
      cidBytes: this.#epoch?.keys.serverCid?.length ?? 0,
    };
    return flight
      .datagrams(limits, (type, epoch, content) =>
        epoch === 1 && this.#epoch !== undefined
          ? sealRecord(this.#epoch, type, content)
          : encodePlaintextRecord(type, DTLS_1_2, 0, this.#plaintextSequence++, content),
      )
      .map((bytes) => ({ type: "send", bytes }));
  }

  /** One record of epoch 1; none when its sequence numbers are used up (RFC 6347 §4.1). */
  #seal(type: number, content: Uint8Array): DtlsClientOutput[] {
    if (this.#epoch === undefined || this.#epoch.nextSequence > MAX_SEQUENCE) return [];
    return [{ type: "send", bytes: sealRecord(this.#epoch, type, content) }];
  }

  #alert([level, description]: Uint8Array): DtlsClientOutput[] {
    const isClose = description === ALERT.CLOSE_NOTIFY;
    if (level !== FATAL && !isClose) return [];
    if (this.#connecting !== undefined) {
      const alert = description as AlertDescription; // A number that we do not know is passed on as it is.
      return this.#fail("peerAlert", `the server sent alert ${description}`, undefined, alert);
    }
    this.#epoch = undefined;
    return [{ type: "closed", reason: isClose ? "closeNotify" : "fatalAlert" }];
  }

  #fail(
    reason: Extract<DtlsClientOutput, { readonly type: "failed" }>["reason"],
    detail: string,
    alertToServer: AlertDescription | undefined,
    alert?: AlertDescription,
  ): DtlsClientOutput[] {
    if (this.#connecting === undefined) return [];
    const farewell = alertToServer === undefined ? [] : this.#sealAlert(FATAL, alertToServer);
    this.#connecting = undefined;
    this.#epoch = undefined;
    return [...farewell, { type: "failed", reason, detail, alert }];
  }

  #close(): DtlsClientOutput[] {
    const farewell = this.state === "established" ? this.#sealAlert(WARNING, ALERT.CLOSE_NOTIFY) : [];
    this.#connecting = undefined;
    this.#epoch = undefined;
    return farewell;
  }

  #sealAlert(level: number, alert: AlertDescription): DtlsClientOutput[] {
    const content = Uint8Array.of(level, alert);
    // The server knows our keys once it has our ChangeCipherSpec; resumed, that comes with the last flight.
    if (this.#epoch !== undefined && this.#epoch.nextSequence > 0) return this.#seal(CONTENT_TYPE.ALERT, content);
    const bytes = encodePlaintextRecord(CONTENT_TYPE.ALERT, DTLS_1_2, 0, this.#plaintextSequence++, content);
    return [{ type: "send", bytes }];
  }
}

/** Opens a record that is new and, where a Connection ID was agreed on, carries it (RFC 9146 §3, §4); undefined: dropped silently. */
function openRecord({ keys, read, window }: Epoch, record: WireRecord): ReturnType<Protection["open"]> {
  const cid = keys.ownCid ?? new Uint8Array(0);
  if (Buffer.compare(record.cid ?? new Uint8Array(0), cid) !== 0 || !window.isNew(record.sequence)) return undefined;
  const opened = read.open(record);
  if (opened !== undefined) window.accept(record.sequence);
  return opened;
}

function sealRecord(epoch: Epoch, type: number, content: Uint8Array): Uint8Array {
  const sequence = epoch.nextSequence++;
  return epoch.write.seal({
    type,
    epoch: 1,
    sequence,
    cid: epoch.keys.serverCid,
    content,
    nonce: sequenceNonce(1, sequence),
  });
}
