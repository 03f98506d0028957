export { openAssociation, openSession, sealAssociation, sealSession } from "./association-record.ts";
export { type AssociationSealing, deriveAssociationSealing } from "./association-sealing.ts";
export { pskGeneration } from "./credential-generation.ts";
export type { DeviceCredentials } from "./device-credentials.ts";
export type {
  DtlsCloseReason,
  DtlsEndpoint,
  DtlsEndpointParts,
  DtlsHandlers,
  DtlsPeer,
  OwnedAssociation,
  OwnerAnswer,
  RefusedHandshake,
} from "./dtls-endpoint.ts";
export { isDtlsPeer } from "./dtls-peer.ts";
export { KeyFileError } from "./errors.ts";
export { type CertificateTerms, makeCertificate } from "./make-certificate.ts";
export { BOOTSTRAP_DTLS_METRICS, DTLS_METRICS, type DtlsMetrics } from "./metrics.ts";
export { openDtlsEndpoint } from "./open-dtls-endpoint.ts";
export { ProvisionedCredentials, type ProvisionedCredentialsParts } from "./provisioned-credentials.ts";
export {
  type DtlsKeys,
  type DtlsWiring,
  type OpenDtls,
  openDtlsListener,
  readDtlsKeys,
} from "./provisioned-listener.ts";
export { readAssociationSealing } from "./read-sealing.ts";
export { RestoredCredentials } from "./restored-credentials.ts";
export { type FollowKeysOptions, followServerKeys, NO_SERVER_KEYS, type ServerKeys } from "./server-keys.ts";
export { type DtlsSettings, dtlsSettings } from "./settings.ts";
