export { ALERT, type AlertDescription } from "./alert.ts";
export type {
  Address,
  AssociationId,
  AssociationState,
  DirectionKeys,
  Principal,
  ReceiveMark,
  SessionState,
  WriteGrant,
} from "./association-state.ts";
export { CIPHER_SUITES, type CipherSuite, cipherSuite } from "./cipher-suite.ts";
export { DtlsAlertError, DtlsFormatError } from "./errors.ts";
export { NonceCounter } from "./explicit-nonce.ts";
export { hmacSha256, secretKey } from "./hmac.ts";
export type { OpenedRecord } from "./inner-plaintext.ts";
export { expandKeys, extendedMasterSecret, masterSecret, pskPremasterSecret, verifyData } from "./key-schedule.ts";
export { DEFAULT_DTLS_LIMITS, type DtlsLimits } from "./limits.ts";
export { prf } from "./prf.ts";
export {
  CONTENT_TYPE,
  DTLS_1_0,
  DTLS_1_2,
  encodePlaintextRecord,
  MAX_PLAINTEXT_BYTES,
  MAX_SEQUENCE,
  parseRecords,
  type RecordDrop,
  type WireRecord,
} from "./record.ts";
export { makeProtection, type Protection, type SealInput } from "./record-protection.ts";
export { NOTHING_RECEIVED, ReplayWindow } from "./replay-window.ts";
export type {
  Answer,
  Association,
  AssociationSnapshot,
  CloseReason,
  CryptoJob,
  DtlsDropReason,
  DtlsServerInput,
  DtlsServerOutput,
  HandshakeFailure,
  Question,
  QuestionId,
  ServerIdentity,
} from "./server-io.ts";
export type { CertificateKind, DtlsServerOptions } from "./server-options.ts";
