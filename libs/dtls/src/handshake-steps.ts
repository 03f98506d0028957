import assert from "node:assert";
import { ALERT } from "./alert.ts";
import type { Context } from "./context.ts";
import { DtlsAlertError } from "./errors.ts";
import type { Handshake, Terms } from "./handshake.ts";
import { HANDSHAKE_HEADER_BYTES, type HandshakeMessage } from "./messages/handshake-header.ts";
import { retransmissionDelayMs } from "./retransmission.ts";
import type { Answer, Question } from "./server-io.ts";
import type { Transcript } from "./transcript.ts";
import { transmitFlight } from "./transmit-flight.ts";

/** Asks for what the handshake then waits for. */
export function ask(context: Context, handshake: Handshake, question: Question): void {
  handshake.question = context.questions.ask(question, handshake, context.out, context.nowMs);
}

/** What ServerHello has settled: there from then on. */
export function termsOf({ terms }: Handshake): Terms {
  assert(terms !== undefined, "a handshake has terms once ServerHello is made");
  return terms;
}

/** There from ServerHello on. */
export function transcriptOf({ transcript }: Handshake): Transcript {
  assert(transcript !== undefined, "a handshake has a transcript once ServerHello is made");
  return transcript;
}

/** There from the key exchange on. */
export function masterSecretOf({ masterSecret }: Handshake): Uint8Array {
  assert(masterSecret !== undefined, "a handshake has a master secret once keys were exchanged");
  return masterSecret;
}

/** Appends a message of ours to transcript and flight. */
export function addMessage(handshake: Handshake, type: number, body: Uint8Array, epoch: 0 | 1 = 0): void {
  const { flight } = handshake;
  assert(flight !== undefined, "messages belong to a flight");
  const message = { type, sequence: handshake.nextMessage++, body };
  hear(handshake, message);
  flight.add(message, epoch);
  handshake.messageBytes += body.length;
}

/** Appends a message to the transcript. */
export function hear(handshake: Handshake, message: HandshakeMessage): void {
  transcriptOf(handshake).add(message);
  handshake.messageBytes += HANDSHAKE_HEADER_BYTES + message.body.length;
}

/** Sends the flight for the first time, and again until it is answered (RFC 6347 §4.2.4). */
export function sendFlight(context: Context, handshake: Handshake): void {
  transmit(context, handshake);
  handshake.transmissions = 1;
  setTimer(context, handshake);
}

/** The timer ran out: sends the flight again, or says that it was sent often enough. */
export function retransmitFlight(context: Context, handshake: Handshake): "sent" | "givenUp" {
  const { transmissions } = handshake;
  if (retransmissionDelayMs(transmissions + 1, context.options.random) === undefined) return "givenUp";
  // While a question is open, the client has answered: what is missing is not its part.
  if (handshake.question === undefined) transmit(context, handshake);
  handshake.transmissions = transmissions + 1;
  setTimer(context, handshake);
  return "sent";
}

/** The client sent its flight again: so does the server, but not at each repetition. */
export function resendFlight(context: Context, handshake: Handshake): void {
  if (handshake.transmissions === 0 || handshake.question !== undefined) return;
  if (context.nowMs - handshake.sentAtMs < context.limits.minResendMs) return;
  transmit(context, handshake);
}

/** The flight was answered. */
export function stopTimer(context: Context, handshake: Handshake): void {
  handshake.retransmitAtMs = undefined;
  context.deadlines.set(handshake, handshake.endsAtMs);
}

/** The answer as one of these types: that it answers its question was looked at when it came. */
export function expectAnswer<T extends Answer["type"]>(answer: Answer, ...types: readonly T[]): Answer & { type: T } {
  assert((types as readonly string[]).includes(answer.type), `${answer.type} answers none of ${types.join(", ")}`);
  return answer as Answer & { type: T }; // Its type was looked at.
}

/** Something of ours failed: the peer is told that much. */
export function internalError(detail: string): DtlsAlertError {
  return new DtlsAlertError(ALERT.INTERNAL_ERROR, "unavailable", detail);
}

function transmit(context: Context, handshake: Handshake): void {
  const { flight, address, association } = handshake;
  assert(flight !== undefined, "a flight is made before it is sent");
  handshake.sentAtMs = context.nowMs;
  const { maxPlaintextBytes } = termsOf(handshake);
  transmitFlight(context, flight, { address, association, source: handshake, maxPlaintextBytes });
}

function setTimer(context: Context, handshake: Handshake): void {
  const delayMs = retransmissionDelayMs(handshake.transmissions, context.options.random);
  handshake.retransmitAtMs = delayMs === undefined ? undefined : context.nowMs + delayMs;
  context.deadlines.set(handshake, Math.min(handshake.endsAtMs, handshake.retransmitAtMs ?? handshake.endsAtMs));
}
