export { type Admission, Catalogue, type CatalogueChange } from "./catalogue.ts";
export {
  type DeviceCredential,
  type DeviceDeclaration,
  isSecure,
  patternPrefix,
  type SecretValue,
} from "./device-declaration.ts";
export {
  type DocumentError,
  formatDocument,
  type ProvisioningDocument,
  type RecordBody,
  readDocuments,
} from "./documents.ts";
export { InvalidDocumentsError, ProvisioningError, ProvisioningTimeoutError, SealingError } from "./errors.ts";
export { type FollowedProvisioning, followProvisioning } from "./follow-provisioning.ts";
export { type ProvisionedRecord, parseProvisioningRecord } from "./parse-record.ts";
export {
  type CurrentRecord,
  deleteRecords,
  diffRecords,
  type PublishOptions,
  type PublishOutcome,
  publishRecords,
  type RecordChange,
  type RecordRef,
  readCurrent,
} from "./publish-records.ts";
export { parseSealingKeys, type SealingKeys, sealSecret, unsealSecret } from "./sealing.ts";
