export { applyDocuments } from "./apply-documents.ts";
export { bootstrapKeysOf, type KeysToGive } from "./bootstrap-keys.ts";
export { type BootstrapObjectNode, bootstrapObjectNode } from "./bootstrap-object-node.ts";
export { type Admission, Catalogue, type CatalogueChange, type ProvenDevice } from "./catalogue.ts";
export { checkAccountKeys } from "./check-account-keys.ts";
export { credentialDocument } from "./credential-document.ts";
export { type CredentialScope, generatedCredentials } from "./credential-scope.ts";
export { type CredentialHolder, CredentialsInForce } from "./credentials-in-force.ts";
export { type CurrentRecord, diffRecords, type RecordChange, readCurrent } from "./current-records.ts";
export {
  type BootstrapKeys,
  type ClientKeys,
  type DeviceCredential,
  type DeviceDeclaration,
  isSecure,
  patternPrefix,
  type SecretValue,
} from "./device-declaration.ts";
export { deviceIdentities, identitiesOf, publicKeyIdentity, serverIdentities } from "./device-identities.ts";
export { DEFAULT_TENANT, type DocumentError, type ProvisioningDocument, type RecordBody } from "./document.ts";
export {
  formatDocumentError,
  InvalidDocumentsError,
  ProvisioningError,
  ProvisioningTimeoutError,
  SealingError,
} from "./errors.ts";
export { decidingRecords } from "./fleet.ts";
export { type FollowedProvisioning, type FollowOptions, followProvisioning } from "./follow-provisioning.ts";
export { formatDocument } from "./format-document.ts";
export { mapSecrets } from "./map-secrets.ts";
export { openSecret } from "./open-secret.ts";
export {
  decodeProvisioningRecord,
  type ProvisionedRecord,
  parseBody,
  parseProvisioningRecord,
  SYSTEM_TENANT,
} from "./parse-record.ts";
export { parseStoredRecord } from "./parse-stored-record.ts";
export { profileWarnings } from "./profile-warnings.ts";
export {
  deleteRecords,
  type PublishOptions,
  type PublishOutcome,
  publishRecords,
  toProvisioningRecord,
} from "./publish-records.ts";
export { type ReadOptions, type ReadResult, readDocuments, readValidDocuments } from "./read-documents.ts";
export { openSecrets, sealSecrets } from "./seal-secrets.ts";
export { parseSealingKeys, type SealingKeys, sealSecret, unsealSecret } from "./sealing.ts";
export { type ProvisioningSettings, provisioningSettings, readSealingKeys } from "./settings.ts";
