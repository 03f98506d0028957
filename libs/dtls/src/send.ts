import assert from "node:assert";
import type { AlertDescription } from "./alert.ts";
import type { LiveAssociation } from "./association.ts";
import { closeAssociation } from "./close.ts";
import { type Context, drop } from "./context.ts";
import { CONTENT_TYPE } from "./record.ts";
import type { Answer } from "./server-io.ts";
import { WritePermit } from "./write-permit.ts";

const PROTECTED_EPOCH = 1;

/** How bad an alert is (RFC 5246 §7.2). */
export const ALERT_LEVEL = { WARNING: 1, FATAL: 2 } as const;

/**
 * Sends a record of an association, as soon as there is leave to write: what must wait for it is kept within bounds, in order.
 * More leave is asked for in time, so that this is rare.
 */
export function sendRecord(context: Context, association: LiveAssociation, type: number, content: Uint8Array): void {
  if (content.length > association.maxPlaintextBytes) {
    drop(context, "tooLarge");
    return;
  }
  const mayGoAtOnce = association.waiting === undefined && transmit(context, association, type, content);
  if (!mayGoAtOnce) wait(context, association, type, content);
  askForMore(context, association);
}

/** Sends an alert in a protected record; one that cannot go at once is left out. */
export function sendAlert(
  context: Context,
  association: LiveAssociation,
  level: number,
  description: AlertDescription,
): void {
  transmit(context, association, CONTENT_TYPE.ALERT, Uint8Array.of(level, description));
}

/** A sealed record with the next number; undefined when there is no leave to write. */
export function sealRecord(
  context: Context,
  association: LiveAssociation,
  type: number,
  content: Uint8Array,
): Uint8Array | undefined {
  const number = association.permit?.take();
  if (number === undefined) return undefined;
  const { server, peerCid } = context.keys.ready(association);
  return server.seal({ type, epoch: PROTECTED_EPOCH, cid: peerCid, content, ...number });
}

/** The answer to `claim` or `reserve` of an association that is here. */
export function takeLeave(context: Context, association: LiveAssociation, answer: Answer): void {
  const { asked } = association;
  association.asked = undefined;
  switch (answer.type) {
    case "claimed":
      association.permit = new WritePermit(answer.grant, context.options.nonce);
      break;
    case "reserved":
      association.permit?.extend(answer.ceiling);
      break;
    case "none":
      closeAssociation(context, association, "lost");
      return;
    case "unavailable":
      // The next record asks again.
      dropWaiting(context, association);
      return;
    default:
      assert.fail(`${asked} was answered by ${answer.type}`);
  }
  sendWaiting(context, association);
}

/** False when it must wait. What an unconfirmed address may not get is dropped (RFC 9146 §6), before it takes a number. */
function transmit(context: Context, association: LiveAssociation, type: number, content: Uint8Array): boolean {
  const { permit, probation } = association;
  if (permit === undefined || permit.lacks !== undefined) return false;
  const { server, peerCid } = context.keys.ready(association);
  if (probation !== undefined) {
    const sentBytes = probation.sentBytes + content.length + server.overheadBytes(peerCid);
    if (sentBytes > context.limits.maxAmplification * probation.receivedBytes) {
      drop(context, "amplification");
      return true;
    }
    probation.sentBytes = sentBytes;
  }
  const bytes = sealRecord(context, association, type, content);
  assert(bytes !== undefined, "a permit that lacks nothing gives a number");
  context.out.push({ type: "send", address: association.address, bytes });
  return true;
}

function wait(context: Context, association: LiveAssociation, type: number, content: Uint8Array): void {
  const { maxQueuedSends, maxQueuedSendBytes } = context.limits;
  const waiting = association.waiting ?? { records: [], bytes: 0 };
  const isFull = waiting.records.length >= maxQueuedSends || waiting.bytes + content.length > maxQueuedSendBytes;
  if (isFull || association.permit?.lacks === "end") {
    drop(context, "noSequence");
    return;
  }
  waiting.records.push({ type, content });
  waiting.bytes += content.length;
  association.waiting = waiting;
}

function askForMore(context: Context, association: LiveAssociation): void {
  const { permit, asked, id, principal } = association;
  if (asked !== undefined || permit === undefined || permit.lacks === "end") return;
  if (permit.lacks === "nonce") {
    association.asked = "claim";
    const question = { type: "claim", association: id, principal, sequence: undefined } as const;
    context.questions.ask(question, association, context.out, context.nowMs);
  } else if (permit.isLow) {
    association.asked = "reserve";
    const question = { type: "reserve", association: id, principal, grant: permit.grant } as const;
    context.questions.ask(question, association, context.out, context.nowMs);
  }
}

function sendWaiting(context: Context, association: LiveAssociation): void {
  const records = association.waiting?.records ?? [];
  association.waiting = undefined;
  for (const { type, content } of records) sendRecord(context, association, type, content);
}

function dropWaiting(context: Context, association: LiveAssociation): void {
  const records = association.waiting?.records ?? [];
  association.waiting = undefined;
  for (const _ of records) drop(context, "noSequence");
}
