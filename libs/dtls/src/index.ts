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
export { DtlsAlertError, DtlsFormatError } from "./errors.ts";
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
