import type { AlertDescription } from "./alert.ts";
import type { Context } from "./context.ts";
import { DtlsAlertError, DtlsFormatError } from "./errors.ts";
import type { Handshake } from "./handshake.ts";
import { CONTENT_TYPE, DTLS_1_2, encodePlaintextRecord } from "./record.ts";
import { ALERT_LEVEL, sealRecord } from "./send.ts";
import type { HandshakeFailure } from "./server-io.ts";

/** Forgets a handshake, with its keys unless `association` was taken out of it. */
export function endHandshake(context: Context, handshake: Handshake): void {
  handshake.state = "over";
  context.handshakes.delete(handshake);
  context.deadlines.delete(handshake);
  if (handshake.question !== undefined) context.questions.forget(handshake.question);
  if (handshake.association !== undefined) context.keys.erase(handshake.association);
  handshake.association = undefined;
  handshake.masterSecret?.fill(0);
  handshake.masterSecret = undefined;
}

/** Ends a handshake that cannot succeed, and tells; without `alert` silently. */
export function failHandshake(
  context: Context,
  handshake: Handshake,
  reason: HandshakeFailure,
  detail: string,
  alert?: AlertDescription,
): void {
  if (alert !== undefined && context.alerts.take(context.nowMs)) sendFatalAlert(context, handshake, alert);
  endHandshake(context, handshake);
  const { address, principal } = handshake;
  context.out.push({ type: "handshakeFailed", address, reason, detail, principal });
}

/**
 * Does something with what a peer sent. What is wrong with it is the peer's fault, of one of two classes, and ends this handshake only;
 * anything else is a bug of ours and must not be hidden. The only place that catches.
 */
export function blamePeer(context: Context, handshake: Handshake | undefined, work: () => void): void {
  try {
    work();
  } catch (error) {
    const isPeers = error instanceof DtlsFormatError || error instanceof DtlsAlertError;
    if (!isPeers) throw error;
    if (handshake === undefined) {
      context.out.push({ type: "dropped", reason: "malformed" });
    } else if (!handshake.isOver) {
      const reason = error instanceof DtlsAlertError ? error.reason : "malformed";
      failHandshake(context, handshake, reason, error.message, error.alert);
    }
  }
}

/** In the clear; once our ChangeCipherSpec is out, which comes before the client's only when a session is resumed, protected. */
function sendFatalAlert(context: Context, handshake: Handshake, description: AlertDescription): void {
  const content = Uint8Array.of(ALERT_LEVEL.FATAL, description);
  const { address, association, terms } = handshake;
  const bytes =
    terms?.isResumed === true && association !== undefined
      ? sealRecord(context, association, CONTENT_TYPE.ALERT, content)
      : encodePlaintextRecord(CONTENT_TYPE.ALERT, DTLS_1_2, 0, handshake.nextRecord++, content);
  if (bytes !== undefined) context.out.push({ type: "send", address, bytes });
}
