import assert from "node:assert";
import { cidText, LiveAssociation } from "./association.ts";
import type { Address, AssociationState, ReceiveMark } from "./association-state.ts";
import { type Context, drop } from "./context.ts";
import { admit } from "./finish.ts";
import { type Arrival, Parked } from "./parked.ts";
import { beginProbation, receiveParked } from "./receive.ts";
import { ReplayWindow } from "./replay-window.ts";
import type { Answer, QuestionId } from "./server-io.ts";
import { WritePermit } from "./write-permit.ts";

/** Records of an association that this node does not have, while it is looked for and then claimed. */
export interface Lookup {
  readonly kind: "lookup";
  readonly key: string;
  /** Our Connection ID, as latin1; undefined: it is looked for by the address. */
  readonly cid: string | undefined;
  readonly address: Address;
  readonly parked: Parked;
  question: QuestionId | undefined;
  /** What was found and opened a record; it is claimed. */
  candidate: { readonly association: LiveAssociation; readonly trigger: Arrival } | undefined;
}

/** Keeps a record, and looks for its association unless that is under way. */
export function lookUp(context: Context, arrival: Arrival): void {
  const { record, address } = arrival;
  const cid = record.cid === undefined ? undefined : cidText(record.cid);
  const key = cid === undefined ? `address ${address}` : `cid ${cid}`;
  const lookup = context.lookups.get(key) ?? beginLookup(context, key, cid, arrival);
  if (lookup === undefined) drop(context, "tooManyLookups");
  else if (!lookup.parked.add(arrival)) drop(context, "parkedFull");
}

/** The answer to `find`, or to `claim`. */
export function takeLookupAnswer(context: Context, lookup: Lookup, answer: Answer): void {
  lookup.question = undefined;
  switch (answer.type) {
    case "found":
      takeFound(context, lookup, answer.association);
      break;
    case "claimed":
      takeClaimed(context, lookup, answer);
      break;
    case "kept":
      takeKept(context, lookup, answer.mark);
      break;
    case "none":
    case "unavailable":
      for (const _ of lookup.parked.arrivals) drop(context, "unknownAssociation");
      endLookup(context, lookup);
      break;
    default:
      assert.fail(`${answer.type} answers neither find nor claim`);
  }
}

/** Forgets what was found, with its keys. */
export function endLookup(context: Context, lookup: Lookup): void {
  context.lookups.delete(lookup.key);
  lookup.parked.takeAll();
  if (lookup.question !== undefined) context.questions.forget(lookup.question);
  if (lookup.candidate !== undefined) context.keys.erase(lookup.candidate.association);
  lookup.candidate = undefined;
}

function beginLookup(
  context: Context,
  key: string,
  cid: string | undefined,
  { record, address }: Arrival,
): Lookup | undefined {
  const { limits, lookups } = context;
  if (lookups.size >= limits.maxLookups) return undefined;
  const parked = new Parked({ maxRecords: limits.maxParkedRecords, maxBytes: limits.maxParkedBytes });
  const lookup: Lookup = { kind: "lookup", key, cid, address, parked, question: undefined, candidate: undefined };
  lookups.set(key, lookup);
  const by = record.cid === undefined ? { address } : { cid: Uint8Array.from(record.cid) };
  lookup.question = context.questions.ask({ type: "find", by }, lookup, context.out, context.nowMs);
  return lookup;
}

/** What was found is only a hint until it opens a record that is newer than its mark; nothing is claimed for less (RFC 9146 §6). */
function takeFound(context: Context, lookup: Lookup, state: AssociationState): void {
  const foundCid = state.ownCid === undefined ? undefined : cidText(state.ownCid);
  if (foundCid !== lookup.cid || !context.options.suites.includes(state.suite)) {
    // RFC 9146 §3: once a Connection ID is negotiated, it is in all records.
    const reason = lookup.cid === undefined && foundCid !== undefined ? "cidMissing" : "unknownAssociation";
    for (const _ of lookup.parked.arrivals) drop(context, reason);
    endLookup(context, lookup);
    return;
  }
  const own = context.associations.byId(state.id);
  if (own !== undefined) {
    const arrivals = lookup.parked.takeAll();
    endLookup(context, lookup);
    receiveParked(context, own, arrivals);
    return;
  }
  claim(context, lookup, new LiveAssociation(state, context.keys.put(state.suite, state)));
}

function claim(context: Context, lookup: Lookup, association: LiveAssociation): void {
  const { client } = context.keys.ready(association);
  const { newest } = association.window;
  const newer = lookup.parked.arrivals.filter(({ record }) => record.sequence > newest);
  const trigger = newer.find(({ record }) => client.open(record) !== undefined);
  if (trigger === undefined) {
    for (const arrival of lookup.parked.arrivals) drop(context, newer.includes(arrival) ? "badMac" : "replay");
    context.keys.erase(association);
    endLookup(context, lookup);
    return;
  }
  lookup.candidate = { association, trigger };
  const { id, principal } = association;
  const question = { type: "claim", association: id, principal, sequence: trigger.record.sequence } as const;
  lookup.question = context.questions.ask(question, lookup, context.out, context.nowMs);
}

/**
 * A living owner has received what came here: somebody repeats records of its. One that is newer than all that it has received may have come meanwhile.
 */
function takeKept(context: Context, lookup: Lookup, mark: ReceiveMark): void {
  const { candidate } = lookup;
  assert(candidate !== undefined, "what is kept was found");
  const { association, trigger } = candidate;
  lookup.candidate = undefined;
  association.window = ReplayWindow.from(mark);
  // Whatever the owner says: it is not asked for the same record again.
  association.window.accept(trigger.record.sequence);
  claim(context, lookup, association);
}

/** This node may write. Of a living owner the exact mark came with it, and a record that it had seen is dropped as a replay. */
function takeClaimed(context: Context, lookup: Lookup, claimed: Answer & { readonly type: "claimed" }): void {
  const { candidate } = lookup;
  assert(candidate !== undefined, "what is claimed was found");
  const { association, trigger } = candidate;
  const arrivals = lookup.parked.takeAll();
  // A look-up by another address may have brought it here meanwhile; the last grant is the one that holds.
  const own = context.associations.byId(association.id);
  if (own !== undefined) {
    own.permit = new WritePermit(claimed.grant, context.options.nonce);
    endLookup(context, lookup);
    receiveParked(context, own, arrivals);
    return;
  }
  lookup.candidate = undefined;
  endLookup(context, lookup);
  association.permit = new WritePermit(claimed.grant, context.options.nonce);
  if (claimed.mark !== undefined) association.window = ReplayWindow.from(claimed.mark);
  if (claimed.address !== undefined) association.address = claimed.address;
  admit(context, association);
  const { address, datagram } = trigger;
  const isFromDead = claimed.mark === undefined;
  if (isFromDead && address !== association.address) {
    beginProbation(context, association, { address, datagram, isProvisional: true });
  }
  context.out.push({ type: "takenOver", association });
  receiveParked(context, association, arrivals);
}
