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
export { CIPHER_SUITES, CIPHERS, type CipherSuite, cipherSuite } from "./cipher-suite.ts";
export { DtlsClient } from "./client.ts";
export type {
  ClientAssociationState,
  ClientCredential,
  ClientSession,
  DtlsClientInput,
  DtlsClientOutput,
  Established,
  ServerTrust,
} from "./client-io.ts";
export type { DtlsClientOptions } from "./client-options.ts";
export { compute, computeInPool } from "./compute.ts";
export {
  type ConnectionIdHints,
  MAX_CONNECTION_ID_BYTES,
  MIN_CONNECTION_ID_BYTES,
  makeConnectionId,
  parseConnectionId,
} from "./connection-id.ts";
export { Cookies } from "./cookie.ts";
export { isP256, keyPoint, makeEphemeralKey, POINT_BYTES, pointKey } from "./ec-point.ts";
export { isStrictDer } from "./ecdsa-signature.ts";
export { DtlsAlertError, DtlsFormatError } from "./errors.ts";
export { NonceCounter } from "./explicit-nonce.ts";
export {
  type ClientExtensions,
  decodeClientExtensions,
  decodeServerExtensions,
  EXTENSION,
  encodeClientExtensions,
  encodeServerExtensions,
  type ServerExtensions,
} from "./extensions.ts";
export {
  DEFAULT_DATAGRAM_BYTES,
  Flight,
  type FlightLimits,
  MAX_DATAGRAM_BYTES,
  MIN_DATAGRAM_BYTES,
  type Seal,
} from "./flight.ts";
export { hmacSha256, secretKey } from "./hmac.ts";
export type { OpenedRecord } from "./inner-plaintext.ts";
export { expandKeys, extendedMasterSecret, masterSecret, pskPremasterSecret, verifyData } from "./key-schedule.ts";
export { DEFAULT_DTLS_LIMITS, type DtlsLimits } from "./limits.ts";
export {
  CERTIFICATE_TYPE,
  decodeCertificate,
  decodeRawPublicKey,
  encodeCertificate,
  encodeRawPublicKey,
} from "./messages/certificate.ts";
export {
  type CertificateRequest,
  decodeCertificateRequest,
  ECDSA_SIGN,
  encodeCertificateRequest,
} from "./messages/certificate-request.ts";
export { decodeCertificateVerify, encodeCertificateVerify } from "./messages/certificate-verify.ts";
export {
  type ClientHello,
  decodeClientHello,
  EMPTY_RENEGOTIATION_INFO_SCSV,
  encodeClientHello,
} from "./messages/client-hello.ts";
export {
  decodeEcdheClientKeyExchange,
  decodePskClientKeyExchange,
  encodeEcdheClientKeyExchange,
  encodePskClientKeyExchange,
  MAX_PSK_IDENTITY_BYTES,
} from "./messages/client-key-exchange.ts";
export { decodeFinished, encodeFinished } from "./messages/finished.ts";
export {
  encodeHandshake,
  encodeHandshakeFragment,
  HANDSHAKE_TYPE,
  type HandshakeFragment,
  type HandshakeMessage,
  readHandshakeFragment,
} from "./messages/handshake-header.ts";
export { decodeHelloVerifyRequest, encodeHelloVerifyRequest } from "./messages/hello-verify-request.ts";
export { decodeServerHello, encodeServerHello, type ServerHello } from "./messages/server-hello.ts";
export { decodeServerHelloDone, encodeServerHelloDone } from "./messages/server-hello-done.ts";
export {
  decodeEcdheServerKeyExchange,
  decodePskServerKeyExchange,
  type EcdheServerKeyExchange,
  encodeEcdheServerKeyExchange,
  encodePskServerKeyExchange,
  SECP256R1,
  signedParameters,
} from "./messages/server-key-exchange.ts";
export { ECDSA_SHA256, type Signature } from "./messages/signature.ts";
export { networkOf } from "./network.ts";
export { prf } from "./prf.ts";
export { DEFAULT_REASSEMBLY_LIMITS, MAX_MESSAGE_BYTES, Reassembler, type ReassemblyLimits } from "./reassembly.ts";
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
export { DEFAULT_RETRANSMISSION, type RetransmissionSchedule, retransmissionDelayMs } from "./retransmission.ts";
export { SecretBytes } from "./secret-bytes.ts";
export { DtlsServer, type DtlsServerUsage } from "./server.ts";
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
export { Transcript } from "./transcript.ts";
