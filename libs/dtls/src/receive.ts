import { ALERT } from "./alert.ts";
import type { LiveAssociation } from "./association.ts";
import type { Address } from "./association-state.ts";
import { closeAssociation, tellMark } from "./close.ts";
import type { Context } from "./context.ts";
import { sendLastFlight } from "./last-flight.ts";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import type { Arrival } from "./parked.ts";
import { CONTENT_TYPE } from "./record.ts";
import { ALERT_LEVEL, sendAlert } from "./send.ts";

const MINUTE_MS = 60_000;
const ALERT_BYTES = 2;

/** A record that was authentic. */
export interface Opened {
  readonly association: LiveAssociation;
  readonly type: number;
  readonly content: Uint8Array;
  readonly address: Address;
  readonly datagram: number;
  /** Newer than all before it. */
  readonly isNewer: boolean;
  readonly bytes: number;
}

/** Why a record was not opened. */
export type NotOpened = "replay" | "badMac";

/**
 * Opens a record with the keys of an association: the window is asked before, and moved only by what was authentic (RFC 6347 §4.1.2.6).
 * Nothing else changes; the records of a datagram are opened first, then all are handed to {@link receive}.
 */
export function open(context: Context, association: LiveAssociation, arrival: Arrival): Opened | NotOpened {
  const { record, address, datagram } = arrival;
  if (!association.window.isNew(record.sequence)) return "replay";
  const opened = context.keys.ready(association).client.open(record);
  if (opened === undefined) return "badMac";
  const isNewer = association.window.accept(record.sequence);
  const bytes = record.header.length + record.fragment.length;
  return { association, ...opened, address, datagram, isNewer, bytes };
}

/** A record that named an association was not authentic. */
export function countFailedOpen(context: Context, association: LiveAssociation): void {
  association.failedOpens++;
  const { id, failedOpens } = association;
  context.out.push({ type: "dropped", reason: "badMac", association: id, failedOpens });
}

/** Takes what was opened of one datagram: where the associations are now is decided after all of it (RFC 9146 §6), and told before what they said. */
export function receive(context: Context, opened: readonly Opened[]): void {
  for (const association of new Set(opened.map((record) => record.association))) {
    if (association.isClosed) continue;
    noteHeard(
      context,
      association,
      opened.filter((record) => record.association === association),
    );
  }
  for (const record of opened) {
    if (!record.association.isClosed) takeContent(context, record);
  }
}

/** Opens and takes records that were parked, datagram by datagram. */
export function receiveParked(context: Context, association: LiveAssociation, arrivals: readonly Arrival[]): void {
  for (const datagram of new Set(arrivals.map((arrival) => arrival.datagram))) {
    const opened: Opened[] = [];
    for (const arrival of arrivals) {
      if (arrival.datagram !== datagram || association.isClosed) continue;
      const result = open(context, association, arrival);
      if (typeof result === "object") opened.push(result);
      else if (result === "badMac") countFailedOpen(context, association);
      else context.out.push({ type: "dropped", reason: result });
    }
    receive(context, opened);
  }
}

function noteHeard(context: Context, association: LiveAssociation, opened: readonly Opened[]): void {
  context.associations.heard(association, context.nowMs);
  const newer = opened.filter((record) => record.isNewer);
  // Also what came late: a mark is exact only with its window.
  countForMark(context, association, opened.length);
  const latest = newer.at(-1);
  if (latest !== undefined && latest.address !== association.address) move(context, association, latest);
  const { probation } = association;
  if (probation === undefined) return;
  for (const { address, bytes } of opened) {
    if (address === association.address) probation.receivedBytes += bytes;
  }
  // A second datagram: the one that named the address could have been a captured one.
  const isConfirmed =
    latest !== undefined && latest.address === association.address && latest.datagram !== probation.datagram;
  if (!isConfirmed) return;
  association.probation = undefined;
  if (probation.isProvisional) context.out.push({ type: "confirmed", association });
}

function move(context: Context, association: LiveAssociation, { address, datagram }: Opened): void {
  const { nowMs, limits } = context;
  let { moves } = association;
  if (moves === undefined || nowMs >= moves.untilMs) moves = { count: 0, untilMs: nowMs + MINUTE_MS };
  association.moves = moves;
  // Served, but answered where it was before: two that forward copies from two addresses would have us change it at each record.
  if (moves.count >= limits.maxMovesPerMinute) return;
  moves.count++;
  const from = association.address;
  beginProbation(context, association, { address, datagram, isProvisional: association.provisional });
  context.out.push({ type: "moved", association, from });
}

/** Lets an association be at an address that one datagram has named. */
export function beginProbation(
  context: Context,
  association: LiveAssociation,
  { address, datagram, isProvisional }: { address: Address; datagram: number; isProvisional: boolean },
): void {
  context.associations.move(association, address);
  association.probation = { datagram, isProvisional, receivedBytes: 0, sentBytes: 0 };
}

function countForMark(context: Context, association: LiveAssociation, count: number): void {
  if (count === 0) return;
  const isFirst = association.unmarked === 0;
  association.unmarked += count;
  if (association.unmarked >= context.limits.markRecords) tellMark(context, association);
  else if (isFirst) context.deadlines.set(association, context.nowMs + context.limits.markMs);
}

function takeContent(context: Context, { association, type, content }: Opened): void {
  switch (type) {
    case CONTENT_TYPE.APPLICATION_DATA:
      context.out.push({ type: "received", association, bytes: content });
      break;
    case CONTENT_TYPE.ALERT:
      takeAlert(context, association, content);
      break;
    case CONTENT_TYPE.HANDSHAKE:
      takeHandshake(context, association, content);
      break;
    // A ChangeCipherSpec changes nothing any more, and other types are nobody's.
  }
}

/** RFC 5246 §7.2: what is fatal ends the association, close_notify is answered by one. */
function takeAlert(context: Context, association: LiveAssociation, content: Uint8Array): void {
  const [level, description] = content;
  if (content.length !== ALERT_BYTES) return;
  if (description === ALERT.CLOSE_NOTIFY) {
    sendAlert(context, association, ALERT_LEVEL.WARNING, ALERT.CLOSE_NOTIFY);
    closeAssociation(context, association, "closeNotify");
  } else if (level === ALERT_LEVEL.FATAL) {
    closeAssociation(context, association, "fatalAlert");
  }
}

function takeHandshake(context: Context, association: LiveAssociation, content: Uint8Array): void {
  const [type] = content;
  if (type === HANDSHAKE_TYPE.FINISHED) sendLastFlight(context, association);
  else if (type === HANDSHAKE_TYPE.CLIENT_HELLO) declineRenegotiation(context, association);
}

/** RFC 5246 §7.2.2: no_renegotiation, a warning; not at each try. */
function declineRenegotiation(context: Context, association: LiveAssociation): void {
  if (context.nowMs - association.declinedAtMs < context.limits.renegotiationAnswerMs) return;
  association.declinedAtMs = context.nowMs;
  sendAlert(context, association, ALERT_LEVEL.WARNING, ALERT.NO_RENEGOTIATION);
}
