import { ALERT, type AlertDescription } from "./alert.ts";
import type { HandshakeFailure } from "./server-io.ts";

/** Bytes that do not form what a DTLS standard describes; the message says what was found and where, never a value that could be secret. */
export class DtlsFormatError extends Error {
  override readonly name = "DtlsFormatError";
  readonly code = "DTLS_FORMAT";
  /** What to answer where the peer may be answered at all: `decode_error` unless a section names another alert. */
  readonly alert: AlertDescription;

  constructor(message: string, alert: AlertDescription = ALERT.DECODE_ERROR) {
    super(message);
    this.alert = alert;
  }
}

/** A handshake that cannot go on, by the peer's fault: `alert` is for the peer, `reason` for the metric, `detail` (no secret in it) for people. */
export class DtlsAlertError extends Error {
  override readonly name = "DtlsAlertError";
  readonly code = "DTLS_ALERT";
  readonly alert: AlertDescription;
  readonly reason: HandshakeFailure;

  constructor(alert: AlertDescription, reason: HandshakeFailure, detail: string) {
    super(detail);
    this.alert = alert;
    this.reason = reason;
  }
}
