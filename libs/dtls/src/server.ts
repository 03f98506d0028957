import { DeadlineQueue, type Machine, NOT_QUEUED } from "@ferry/coap";
import { acceptHello, isClientHello } from "./accept-hello.ts";
import { ALERT } from "./alert.ts";
import { cidText, type LiveAssociation } from "./association.ts";
import type { Address, AssociationId, WriteGrant } from "./association-state.ts";
import { AssociationTable } from "./association-table.ts";
import { Beginnings } from "./beginnings.ts";
import { closeAssociation, tellMark } from "./close.ts";
import { parseConnectionId } from "./connection-id.ts";
import { type Context, type Due, drop, type IdleCheck, type Waiter } from "./context.ts";
import { Cookies } from "./cookie.ts";
import { endHandshake } from "./end-handshake.ts";
import { exportAssociation } from "./finish.ts";
import { handshakeDue, takeHandshakeAnswer, takeHandshakeRecord } from "./handshake-server.ts";
import { HandshakeTable } from "./handshake-table.ts";
import { KeyRing } from "./key-ring.ts";
import { LastFlights } from "./last-flights.ts";
import { DEFAULT_DTLS_LIMITS } from "./limits.ts";
import { endLookup, lookUp, takeLookupAnswer } from "./lookup.ts";
import type { Arrival } from "./parked.ts";
import { type OpenQuestion, Questions } from "./questions.ts";
import { Rate } from "./rate.ts";
import { countFailedOpen, type Opened, open, receive } from "./receive.ts";
import { CONTENT_TYPE, parseRecords } from "./record.ts";
import { ALERT_LEVEL, sendAlert, sendRecord, takeLeave } from "./send.ts";
import type { Answer, Association, AssociationSnapshot, DtlsServerInput, DtlsServerOutput } from "./server-io.ts";
import { checkOptions, type DtlsServerOptions } from "./server-options.ts";

/** How much a {@link DtlsServer} holds at the moment, for gauges and for tests that want it empty. */
export interface DtlsServerUsage {
  readonly associations: number;
  readonly handshakes: number;
  readonly handshakeBytes: number;
  readonly lookups: number;
  readonly questions: number;
  readonly lastFlights: number;
  /** Keys that are kept: of associations, of handshakes that have them, of associations that are being claimed. */
  readonly keys: number;
  readonly readyKeys: number;
}

type CloseInput = Extract<DtlsServerInput, { readonly type: "close" }>;

/**
 * A DTLS 1.2 server (RFC 6347) for any number of peers: PSK, raw public keys and X.509, Connection ID, resumption, and associations that
 * outlive it. It owns no socket, no clock and no randomness; all that takes time is a question.
 *
 * ```
 *  datagram ─> records ─┬─ epoch 0 ──> ClientHello ─ cookie ─> Handshake ─ psk, session, compute, store … ─> association
 *                       │              others ───────────────> the Handshake of the address, or nobody
 *                       └─ epoch 1 ──> by Connection ID or address: association ─> received, moved, mark, closed
 *                                      the Handshake of the address
 *                                      nobody's: find ─> opens and is newer ─> claim ─> takenOver
 * ```
 *
 * Whoever drives it
 * - performs the outputs of each call in their order, and calls `tick` at `deadlineMs`;
 * - answers questions by `answer`, in the same turn or later; not answered after `questionTimeoutMs` counts as `unavailable`;
 * - decides in `find` what may be looked up at all (rate, memory of what is not there), and in `session` and `psk` whether a credential still holds;
 * - closes the associations of a device that made a new one from another address: the server knows its own only by address.
 */
export class DtlsServer implements Machine<DtlsServerInput, DtlsServerOutput> {
  readonly #context: Context;
  readonly #idle: IdleCheck = { kind: "idle", dueMs: 0, place: NOT_QUEUED };

  constructor(options: DtlsServerOptions) {
    const limits = { ...DEFAULT_DTLS_LIMITS, ...options.limits };
    checkOptions(options);
    const { alertsPerSecond, alertBurst } = limits;
    const deadlines = new DeadlineQueue<Due>();
    this.#context = {
      options,
      limits,
      deadlines,
      cookies: new Cookies({ keys: options.cookieKeys, wallMs: options.wallMs }),
      keys: new KeyRing({ random: options.random, maxReady: limits.maxReadyKeys }),
      questions: new Questions<Waiter>(limits, deadlines),
      associations: new AssociationTable(),
      handshakes: new HandshakeTable(),
      lookups: new Map(),
      lastFlights: new LastFlights(limits, deadlines),
      beginnings: new Beginnings(limits),
      alerts: new Rate({ perSecond: alertsPerSecond, burst: alertBurst }),
      datagram: 0,
      verifiedDatagram: 0,
      nowMs: 0,
      out: [],
    };
  }

  get deadlineMs(): number | undefined {
    return this.#context.deadlines.nextMs;
  }

  get usage(): DtlsServerUsage {
    const { associations, handshakes, lookups, questions, lastFlights, keys } = this.#context;
    return {
      associations: associations.size,
      handshakes: handshakes.size,
      handshakeBytes: handshakes.bytes,
      lookups: lookups.size,
      questions: questions.size,
      lastFlights: lastFlights.size,
      keys: keys.size,
      readyKeys: keys.readyCount,
    };
  }

  handle(input: DtlsServerInput, nowMs: number): DtlsServerOutput[] {
    return this.#run(nowMs, () => {
      switch (input.type) {
        case "datagram":
          this.#takeDatagram(input.address, input.bytes);
          break;
        case "send":
          this.#send(input.association, input.bytes);
          break;
        case "answer":
          this.#takeAnswer(input.question, input.answer);
          break;
        case "close":
          this.#close(input);
          break;
        case "discard":
          this.#discard();
          break;
      }
    });
  }

  tick(nowMs: number): DtlsServerOutput[] {
    return this.#run(nowMs, () => {
      const { deadlines } = this.#context;
      for (let due = deadlines.takeDue(nowMs); due !== undefined; due = deadlines.takeDue(nowMs)) this.#takeDue(due);
    });
  }

  /** An association as it is now; undefined when it is not here. Holds secrets. Whoever gives it to another node closes it here first. */
  snapshot(id: AssociationId): AssociationSnapshot | undefined {
    const association = this.#context.associations.byId(id);
    if (association?.permit === undefined) return undefined;
    return { association: exportAssociation(this.#context, association), grant: association.permit.grant };
  }

  /** By what an association may write; undefined when it is not here. */
  grant(id: AssociationId): WriteGrant | undefined {
    return this.#context.associations.byId(id)?.permit?.grant;
  }

  /** An association as it is now: a live view, not to be kept. */
  association(id: AssociationId): Association | undefined {
    return this.#context.associations.byId(id);
  }

  #run(nowMs: number, work: () => void): DtlsServerOutput[] {
    const out: DtlsServerOutput[] = [];
    this.#context.nowMs = nowMs;
    this.#context.out = out;
    work();
    this.#setIdleCheck();
    // What was given back is not ours to keep.
    this.#context.out = [];
    return out;
  }

  #takeDatagram(address: Address, bytes: Uint8Array): void {
    const context = this.#context;
    const datagram = ++context.datagram;
    const opened: Opened[] = [];
    for (const record of parseRecords(bytes, context.options.cidLengthBytes)) {
      if (typeof record === "string") {
        drop(context, record);
        continue;
      }
      const arrival = { record, address, datagram };
      if (record.epoch === 0) this.#takePlaintext(arrival);
      else if (record.epoch === 1) this.#takeProtected(arrival, opened);
      else drop(context, "unknownEpoch");
    }
    receive(context, opened);
  }

  /** In the clear: for a handshake only. An association is never touched by it (RFC 6347 §4.2.8, §4.1.2.7). */
  #takePlaintext(arrival: Arrival): void {
    const context = this.#context;
    const { record, address } = arrival;
    const handshake = context.handshakes.get(address);
    if (isClientHello(record)) acceptHello(context, arrival);
    else if (handshake !== undefined) takeHandshakeRecord(context, handshake, arrival);
    else drop(context, record.type === CONTENT_TYPE.ALERT ? "plaintextAlert" : "noHandshake");
  }

  #takeProtected(arrival: Arrival, opened: Opened[]): void {
    const context = this.#context;
    const { cid } = arrival.record;
    const handshake = context.handshakes.get(arrival.address);
    const handshakeCid = handshake?.terms?.ownCid;
    const association = this.#associationOf(arrival);
    if (association !== undefined) {
      // The record may be one of a new handshake from the same address, if that has no Connection ID either: a guess that fails says nothing.
      const result = open(context, association, arrival);
      if (typeof result === "object") opened.push(result);
      else if (cid === undefined && handshake !== undefined && handshakeCid === undefined) {
        takeHandshakeRecord(context, handshake, arrival);
      } else if (result === "badMac") countFailedOpen(context, association);
      else drop(context, result);
    } else if (cid !== undefined) {
      if (handshake !== undefined && handshakeCid !== undefined && Buffer.compare(handshakeCid, cid) === 0) {
        takeHandshakeRecord(context, handshake, arrival);
      } else if (parseConnectionId(cid) === undefined) {
        drop(context, "unknownAssociation");
      } else {
        lookUp(context, arrival);
      }
    } else if (handshake === undefined) {
      lookUp(context, arrival);
    } else if (handshakeCid === undefined) {
      takeHandshakeRecord(context, handshake, arrival);
    } else {
      // RFC 9146 §3: once negotiated, it is in all records.
      drop(context, "cidMissing");
    }
  }

  #associationOf({ record, address }: Arrival): LiveAssociation | undefined {
    const { associations } = this.#context;
    if (record.cid !== undefined) return associations.byCid(cidText(record.cid));
    const association = associations.byAddress(address);
    return association?.hasCid === false ? association : undefined;
  }

  #send(id: AssociationId, bytes: Uint8Array): void {
    const association = this.#context.associations.byId(id);
    if (association === undefined) drop(this.#context, "noAssociation");
    else sendRecord(this.#context, association, CONTENT_TYPE.APPLICATION_DATA, bytes);
  }

  #takeAnswer(id: number, answer: Answer): void {
    const { questions, out, nowMs } = this.#context;
    const waiter = questions.close(id, answer, out, nowMs)?.waiter;
    if (waiter !== undefined) this.#give(waiter, answer);
  }

  #give(waiter: Waiter, answer: Answer): void {
    switch (waiter.kind) {
      case "handshake":
        takeHandshakeAnswer(this.#context, waiter, answer);
        break;
      case "lookup":
        takeLookupAnswer(this.#context, waiter, answer);
        break;
      case "association":
        if (!waiter.isClosed) takeLeave(this.#context, waiter, answer);
        break;
    }
  }

  #close({ association: id, alert }: CloseInput): void {
    const context = this.#context;
    const association = context.associations.byId(id);
    if (association === undefined) return;
    if (alert === "closeNotify") sendAlert(context, association, ALERT_LEVEL.WARNING, ALERT.CLOSE_NOTIFY);
    if (alert === "accessDenied") sendAlert(context, association, ALERT_LEVEL.FATAL, ALERT.ACCESS_DENIED);
    closeAssociation(context, association, "closed");
  }

  #discard(): void {
    const context = this.#context;
    for (const handshake of [...context.handshakes.values()]) endHandshake(context, handshake);
    for (const lookup of [...context.lookups.values()]) endLookup(context, lookup);
    for (const association of [...context.associations.values()]) closeAssociation(context, association, "lost");
  }

  #takeDue(due: Due): void {
    const context = this.#context;
    switch (due.kind) {
      case "handshake":
        handshakeDue(context, due);
        break;
      case "association":
        tellMark(context, due);
        break;
      case "question":
        this.#giveUp(due);
        break;
      case "lastFlight":
        context.lastFlights.delete(due.association);
        break;
      case "idle":
        this.#closeIdle();
        break;
    }
  }

  #giveUp({ id }: OpenQuestion<Waiter>): void {
    this.#takeAnswer(id, { type: "unavailable" });
  }

  #closeIdle(): void {
    const { associations, nowMs } = this.#context;
    const { idleMs } = this.#context.limits;
    for (let oldest = associations.oldest; oldest !== undefined; oldest = associations.oldest) {
      if (oldest.heardAtMs + idleMs > nowMs) return;
      closeAssociation(this.#context, oldest, "idle");
    }
  }

  /** The oldest one is the first that can be idle. The check is not moved each time that it is heard: one that comes too early finds nothing. */
  #setIdleCheck(): void {
    const { associations, deadlines, limits } = this.#context;
    const { oldest } = associations;
    if (oldest === undefined) deadlines.delete(this.#idle);
    else if (this.#idle.place === NOT_QUEUED) deadlines.set(this.#idle, oldest.heardAtMs + limits.idleMs);
  }
}
