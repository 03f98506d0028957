import assert from "node:assert";
import { ALERT } from "./alert.ts";
import { begin, takeSession, takeSignature } from "./begin-handshake.ts";
import { type Context, drop } from "./context.ts";
import { blamePeer, failHandshake } from "./end-handshake.ts";
import { DtlsAlertError } from "./errors.ts";
import { takeChangeCipherSpec, takeFinished, takeStored } from "./finish.ts";
import type { Handshake, HandshakeState } from "./handshake.ts";
import { resendFlight, retransmitFlight } from "./handshake-steps.ts";
import {
  takeCertificate,
  takeCertificateVerify,
  takeClientKeyExchange,
  takePrincipal,
  takePsk,
  takeSecret,
  takeVerified,
} from "./key-exchange.ts";
import { HANDSHAKE_TYPE, type HandshakeMessage } from "./messages/handshake-header.ts";
import type { Arrival } from "./parked.ts";
import { CONTENT_TYPE } from "./record.ts";
import { ALERT_LEVEL } from "./send.ts";
import type { Answer } from "./server-io.ts";

/** What a state takes, what it does with it, and what may follow. */
type Transition = { readonly to: readonly HandshakeState[] } & (
  | {
      readonly takes: "message";
      readonly type: number;
      readonly step: (context: Context, handshake: Handshake, message: HandshakeMessage) => HandshakeState;
    }
  | {
      readonly takes: "answer";
      readonly step: (context: Context, handshake: Handshake, answer: Answer) => HandshakeState;
    }
  | {
      readonly takes: "changeCipherSpec";
      readonly step: (context: Context, handshake: Handshake) => HandshakeState;
    }
);

/**
 * The server's side of RFC 5246 §7.3 and RFC 6347 §4.2.4. There is one way through for each kind of handshake, and no state can be left out:
 *
 * ```
 *  PSK            hello ──────────────────────────────────> key exchange ─ psk ──────────────────────────────────────────> CCS ─ Finished ─ stored
 *  certificates   hello ─ signature ─ Certificate ────────> key exchange ─ secret ─ CertificateVerify ─ verified ─ principal ─> CCS ─ Finished ─ stored
 *  resumption     hello ─ session ──────────────────────────────────────────────────────────────────────────────────────> CCS ─ Finished ─ stored
 * ```
 */
export const TRANSITIONS: Readonly<Record<Exclude<HandshakeState, "over">, Transition>> = {
  waitSession: {
    takes: "answer",
    step: takeSession,
    to: ["waitChangeCipherSpec", "waitClientKeyExchange", "waitSignature"],
  },
  waitSignature: { takes: "answer", step: takeSignature, to: ["waitCertificate"] },
  waitCertificate: {
    takes: "message",
    type: HANDSHAKE_TYPE.CERTIFICATE,
    step: takeCertificate,
    to: ["waitClientKeyExchange"],
  },
  waitClientKeyExchange: {
    takes: "message",
    type: HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE,
    step: takeClientKeyExchange,
    to: ["waitPsk", "waitSecret"],
  },
  waitPsk: { takes: "answer", step: takePsk, to: ["waitChangeCipherSpec"] },
  waitSecret: { takes: "answer", step: takeSecret, to: ["waitCertificateVerify"] },
  waitCertificateVerify: {
    takes: "message",
    type: HANDSHAKE_TYPE.CERTIFICATE_VERIFY,
    step: takeCertificateVerify,
    to: ["waitVerified"],
  },
  waitVerified: { takes: "answer", step: takeVerified, to: ["waitPrincipal"] },
  waitPrincipal: { takes: "answer", step: takePrincipal, to: ["waitChangeCipherSpec"] },
  waitChangeCipherSpec: { takes: "changeCipherSpec", step: takeChangeCipherSpec, to: ["waitFinished"] },
  waitFinished: { takes: "message", type: HANDSHAKE_TYPE.FINISHED, step: takeFinished, to: ["waitStored"] },
  waitStored: { takes: "answer", step: takeStored, to: ["over"] },
};

/**
 * The client has messages to send in the clear, so that one of them cannot be told from a forgery: it counts, and so does an alert. Before ServerHello the
 * client has nothing to say, and behind its last message only ChangeCipherSpec.
 */
const SPEAKS_IN_THE_CLEAR: ReadonlySet<HandshakeState> = new Set([
  "waitCertificate",
  "waitClientKeyExchange",
  "waitSecret",
  "waitCertificateVerify",
]);
/** The client has sent all that comes before ChangeCipherSpec, so that one is in order: it waits for the answer. */
const BEFORE_CHANGE_CIPHER_SPEC: ReadonlySet<HandshakeState> = new Set([
  "waitPsk",
  "waitVerified",
  "waitPrincipal",
  "waitChangeCipherSpec",
]);
/** ChangeCipherSpec is all that this content type may hold (RFC 5246 §7.1). */
const CHANGE_CIPHER_SPEC = 1;
const ALERT_BYTES = 2;

/** Begins a handshake whose hello had a right cookie. */
export function startHandshake(context: Context, handshake: Handshake): void {
  context.handshakes.add(handshake);
  context.deadlines.set(handshake, handshake.endsAtMs);
  blamePeer(context, handshake, () => {
    handshake.state = begin(context, handshake);
  });
  limitBytes(context, handshake);
}

/** The client sent its hello again. */
export function repeatHello(context: Context, handshake: Handshake): void {
  context.handshakes.heard(handshake);
  resendFlight(context, handshake);
}

/** Takes a record that came from the address of a handshake. */
export function takeHandshakeRecord(context: Context, handshake: Handshake, arrival: Arrival): void {
  context.handshakes.heard(handshake);
  blamePeer(context, handshake, () => {
    if (arrival.record.epoch === 0) takePlaintext(context, handshake, arrival);
    else takeProtected(context, handshake, arrival);
    advance(context, handshake);
  });
  limitBytes(context, handshake);
}

/** Takes an answer, or that there was none. */
export function takeHandshakeAnswer(context: Context, handshake: Handshake, answer: Answer): void {
  if (handshake.isOver) return;
  handshake.question = undefined;
  if (answer.type === "unavailable") {
    failHandshake(context, handshake, "unavailable", `no answer in ${handshake.state}`);
    return;
  }
  blamePeer(context, handshake, () => {
    enter(handshake, (transition) => {
      assert(transition.takes === "answer", `a question is answered in ${handshake.state}`);
      return transition.step(context, handshake, answer);
    });
    advance(context, handshake);
  });
  limitBytes(context, handshake);
}

/** Its time is over, or its flight is to be sent again. */
export function handshakeDue(context: Context, handshake: Handshake): void {
  if (context.nowMs < handshake.endsAtMs && retransmitFlight(context, handshake) === "sent") return;
  if (!handshake.hasFailedOpen) {
    failHandshake(context, handshake, "timeout", `nothing more came in ${handshake.state}`);
  } else if (handshake.isUnknownIdentity) {
    failHandshake(context, handshake, "unknownIdentity", "nobody has the PSK identity");
  } else {
    failHandshake(context, handshake, "wrongKey", "Finished does not open: the keys differ");
  }
}

/** Half-open handshakes must not fill the memory: of the network that keeps the most, those that were heard longest ago go. */
function limitBytes(context: Context, handshake: Handshake): void {
  const { handshakes, limits } = context;
  if (!handshake.isOver) handshakes.count(handshake);
  while (handshakes.bytes > limits.maxHandshakeBytes) {
    const oldest = handshakes.oldestOfLargest("bytes");
    assert(oldest !== undefined, "no handshakes keep no bytes");
    failHandshake(context, oldest, "evicted", "handshakes keep too many bytes");
  }
}

function enter(handshake: Handshake, step: (transition: Transition) => HandshakeState): void {
  const { state } = handshake;
  assert(state !== "over", "a handshake that is over takes nothing");
  const transition = TRANSITIONS[state];
  const next = step(transition);
  assert(transition.to.includes(next), `${next} does not follow ${state}`);
  handshake.state = next;
}

/** Takes what is there already and is now in order. */
function advance(context: Context, handshake: Handshake): void {
  while (handshake.state !== "over") {
    const transition = TRANSITIONS[handshake.state];
    const message = handshake.inbox[0];
    if (transition.takes === "answer") {
      // Only CertificateVerify waits for an answer: what else has come is nobody's, and would only fill the memory.
      handshake.inbox.splice(handshake.state === "waitSecret" ? 1 : 0);
      return;
    }
    if (transition.takes === "changeCipherSpec") {
      if (!handshake.hasParkedChangeCipherSpec) return;
      handshake.hasParkedChangeCipherSpec = false;
      enter(handshake, () => transition.step(context, handshake));
      for (const arrival of handshake.parked.takeAll()) takeProtected(context, handshake, arrival);
      continue;
    }
    if (message === undefined) return;
    handshake.inbox.shift();
    handshake.nextClientMessage = message.sequence + 1;
    if (message.type !== transition.type) throw unexpected(handshake, message);
    enter(handshake, () => transition.step(context, handshake, message));
  }
}

/** Anybody can write a record in the clear: it counts only where it is the client's turn to (RFC 6347 §4.1.2.7). */
function takePlaintext(context: Context, handshake: Handshake, { record }: Arrival): void {
  const { state, inbox } = handshake;
  const isTurn = SPEAKS_IN_THE_CLEAR.has(state) && inbox.length === 0;
  if (record.type === CONTENT_TYPE.CHANGE_CIPHER_SPEC) {
    takeChangeCipherSpecRecord(context, handshake, record.fragment);
  } else if (isTurn && record.type === CONTENT_TYPE.HANDSHAKE) {
    collect(context, handshake, record.fragment);
  } else if (isTurn && record.type === CONTENT_TYPE.ALERT) {
    takeAlert(context, handshake, record.fragment);
  } else {
    drop(context, record.type === CONTENT_TYPE.ALERT ? "plaintextAlert" : "noHandshake");
  }
}

/** Anybody can write a record in the clear: pieces that are none end nothing. Whole messages are copied, for they may wait. */
function collect(context: Context, handshake: Handshake, content: Uint8Array): void {
  const { reassembler } = handshake;
  const { ignored } = reassembler;
  blamePeer(context, undefined, () => {
    for (const message of reassembler.add(content)) {
      handshake.inbox.push({ ...message, body: Uint8Array.from(message.body) });
    }
  });
  // What is repeated belongs to the flight that is under way, and is passed over: our own goes again for a repeated hello only.
  if (reassembler.ignored > ignored) drop(context, "badFragment");
}

/** It has no place in the order of messages, so one that comes too early is not kept: the client sends it again. */
function takeChangeCipherSpecRecord(context: Context, handshake: Handshake, content: Uint8Array): void {
  const isOne = content.length === 1 && content[0] === CHANGE_CIPHER_SPEC;
  if (isOne && isChangeCipherSpecInOrder(handshake)) handshake.hasParkedChangeCipherSpec = true;
  else drop(context, "noHandshake");
}

/** While the secret is computed, CertificateVerify waits; with certificates it is the last message before ChangeCipherSpec. */
function isChangeCipherSpecInOrder({ state, inbox }: Handshake): boolean {
  if (state === "waitSecret") return inbox.length === 1 && inbox[0]?.type === HANDSHAKE_TYPE.CERTIFICATE_VERIFY;
  return BEFORE_CHANGE_CIPHER_SPEC.has(state);
}

/** Before there are keys an alert cannot be authentic; believed, it costs the peer one more try (RFC 6347 §4.1.2.7). */
function takeAlert(context: Context, handshake: Handshake, content: Uint8Array): void {
  const [level, description] = content;
  if (content.length !== ALERT_BYTES) return;
  if (level !== ALERT_LEVEL.FATAL && description !== ALERT.CLOSE_NOTIFY) return;
  failHandshake(context, handshake, "peerAlert", `the client sent alert ${description}`);
}

function takeProtected(context: Context, handshake: Handshake, arrival: Arrival): void {
  const { association } = handshake;
  if (handshake.isOver) return;
  if (handshake.state !== "waitFinished" || association === undefined) {
    park(context, handshake, arrival);
    return;
  }
  const { record } = arrival;
  if (!association.window.isNew(record.sequence)) {
    drop(context, "replay");
    return;
  }
  const opened = context.keys.ready(association).client.open(record);
  if (opened === undefined) {
    noteFailedOpen(context, handshake);
  } else if (opened.type === CONTENT_TYPE.APPLICATION_DATA) {
    // It overtook Finished. As it was not accepted, it can be opened again.
    park(context, handshake, arrival);
  } else {
    association.window.accept(record.sequence);
    if (opened.type === CONTENT_TYPE.HANDSHAKE) collect(context, handshake, opened.content);
    else if (opened.type === CONTENT_TYPE.ALERT) takeAlert(context, handshake, opened.content);
  }
}

function park(context: Context, handshake: Handshake, arrival: Arrival): void {
  if (!handshake.parked.add(arrival)) drop(context, "parkedFull");
}

/** A wrong key, or a forged record that came before the right one: the right one has some seconds left. */
function noteFailedOpen(context: Context, handshake: Handshake): void {
  drop(context, "badMac");
  handshake.hasFailedOpen = true;
  handshake.endsAtMs = Math.min(handshake.endsAtMs, context.nowMs + context.limits.wrongKeyTimeoutMs);
  context.deadlines.set(handshake, Math.min(handshake.endsAtMs, handshake.retransmitAtMs ?? handshake.endsAtMs));
}

function unexpected(handshake: Handshake, { type }: HandshakeMessage): DtlsAlertError {
  const detail = `message of type ${type} in ${handshake.state}`;
  return new DtlsAlertError(ALERT.UNEXPECTED_MESSAGE, "unexpectedMessage", detail);
}
