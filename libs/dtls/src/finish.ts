import assert from "node:assert";
import { timingSafeEqual } from "node:crypto";
import { ALERT } from "./alert.ts";
import { cidBytes, type LiveAssociation } from "./association.ts";
import type { AssociationState, SessionState } from "./association-state.ts";
import { closeAssociation } from "./close.ts";
import type { Context } from "./context.ts";
import { endHandshake } from "./end-handshake.ts";
import { DtlsAlertError } from "./errors.ts";
import { Flight } from "./flight.ts";
import type { Handshake, HandshakeState } from "./handshake.ts";
import {
  addMessage,
  ask,
  expectAnswer,
  hear,
  internalError,
  masterSecretOf,
  stopTimer,
  termsOf,
  transcriptOf,
} from "./handshake-steps.ts";
import { verifyData } from "./key-schedule.ts";
import { decodeFinished, encodeFinished } from "./messages/finished.ts";
import { HANDSHAKE_TYPE, type HandshakeMessage } from "./messages/handshake-header.ts";
import { Reassembler } from "./reassembly.ts";
import { receiveParked } from "./receive.ts";
import { SecretBytes } from "./secret-bytes.ts";
import type { Answer } from "./server-io.ts";
import { transmitFlight } from "./transmit-flight.ts";

/** From here on messages count only if they are protected: what came of them in the clear is forgotten. */
export function takeChangeCipherSpec(_: Context, handshake: Handshake): HandshakeState {
  handshake.reassembler = new Reassembler({ nextSequence: handshake.nextClientMessage });
  handshake.inbox.length = 0;
  return "waitFinished";
}

/** Finished proves that both sides heard the same (RFC 5246 §7.4.9). The association is stored before ours is sent. */
export function takeFinished(context: Context, handshake: Handshake, message: HandshakeMessage): HandshakeState {
  const verified = decodeFinished(message.body);
  const expected = verifyData(masterSecretOf(handshake), "client", transcriptOf(handshake).hash());
  // An unknown identity has a random key. That nobody guesses it is not all that keeps an association without a principal out.
  if (!timingSafeEqual(verified, expected) || handshake.principal === undefined) {
    const reason = handshake.isUnknownIdentity ? "unknownIdentity" : "wrongKey";
    throw new DtlsAlertError(ALERT.DECRYPT_ERROR, reason, "Finished does not verify");
  }
  hear(handshake, message);
  stopTimer(context, handshake);
  const association = associationOf(handshake);
  const grant = association.permit?.grant;
  assert(grant !== undefined, "a new association may write");
  association.createdAtMs = context.options.wallMs();
  const state = exportAssociation(context, association);
  ask(context, handshake, { type: "store", association: state, grant, session: newSession(handshake) });
  return "waitStored";
}

/** The association is stored: another node could go on with it from now on. */
export function takeStored(context: Context, handshake: Handshake, answer: Answer): HandshakeState {
  if (expectAnswer(answer, "stored", "none").type === "none") throw internalError("the association was not stored");
  const association = associationOf(handshake);
  handshake.association = undefined;
  const replaced = enter(context, association);
  const { isResumed } = termsOf(handshake);
  if (!isResumed) sendLastFlight(context, handshake, association);
  context.out.push({ type: "established", association, resumed: isResumed, replaced: replaced?.id });
  const parked = handshake.parked.takeAll();
  endHandshake(context, handshake);
  receiveParked(context, association, parked);
  return "over";
}

/** All of an association as it is now. */
export function exportAssociation({ keys }: Context, association: LiveAssociation): AssociationState {
  const { id, suite, encryptThenMac, extendedMasterSecret, ownCid, peerCid } = association;
  const { maxPlaintextBytes, principal, address, createdAtMs, mark } = association;
  return {
    id,
    suite,
    encryptThenMac,
    extendedMasterSecret,
    ...keys.read(association),
    ownCid: ownCid === undefined ? undefined : cidBytes(ownCid),
    peerCid: peerCid === undefined ? undefined : cidBytes(peerCid),
    maxPlaintextBytes,
    principal,
    address,
    createdAtMs,
    mark,
  };
}

/** Adds an association to those of this node; the one that was heard longest ago makes room. */
export function admit(context: Context, association: LiveAssociation): void {
  const { associations, limits } = context;
  associations.add(association, context.nowMs);
  while (associations.size > limits.maxAssociations && associations.oldest !== undefined) {
    closeAssociation(context, associations.oldest, "evicted");
  }
}

/**
 * The association before at this address is over only now that there is another one (RFC 6347 §4.2.8): a hello alone must not end it. One of somebody
 * else that has a Connection ID stays: an address passes from one device to another.
 */
function enter(context: Context, association: LiveAssociation): LiveAssociation | undefined {
  const before = context.associations.byAddress(association.address);
  const isReplaced = before !== undefined && (before.principal === association.principal || !before.hasCid);
  if (isReplaced) closeAssociation(context, before, "replaced");
  admit(context, association);
  return isReplaced ? before : undefined;
}

/**
 * ```
 * ChangeCipherSpec Finished
 * ```
 */
function sendLastFlight(context: Context, handshake: Handshake, association: LiveAssociation): void {
  const flight = new Flight().addChangeCipherSpec();
  handshake.flight = flight;
  const expected = verifyData(masterSecretOf(handshake), "server", transcriptOf(handshake).hash());
  addMessage(handshake, HANDSHAKE_TYPE.FINISHED, encodeFinished(expected), 1);
  transmitFlight(context, flight, { address: handshake.address, association, source: handshake });
  const { nextRecord, offer } = handshake;
  context.lastFlights.add({ association, flight, nextRecord, clientRandom: offer.hello.random }, context.nowMs);
}

/** Never without extended master secret (RFC 7627 §5.3); one that was resumed is stored already. */
function newSession(handshake: Handshake): SessionState | undefined {
  const { sessionId: id, isResumed, suite, encryptThenMac } = termsOf(handshake);
  const { principal } = handshake;
  if (isResumed || id.length === 0 || principal === undefined) return undefined;
  const masterSecret = SecretBytes.copyOf(masterSecretOf(handshake));
  const { serverName } = handshake.offer.extensions;
  return { id, suite: suite.id, masterSecret, encryptThenMac, serverName, principal };
}

function associationOf({ association }: Handshake): LiveAssociation {
  assert(association !== undefined, "a handshake has an association once it has keys");
  return association;
}
