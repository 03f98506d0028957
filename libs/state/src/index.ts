export type {
  AssociationHold,
  AssociationLost,
  AssociationOutcome,
  AssociationRef,
  AssociationStore,
  ClaimAssociationOutcome,
  ClaimAssociationRequest,
  MarkAssociationRequest,
  StoredAssociation,
  StoredMark,
  StoredSession,
} from "./association-store.ts";
export {
  MAX_SEQUENCE,
  MAX_SEQUENCE_JUMP,
  MAX_STAMP_LEAD_S,
  SEQUENCE_BLOCK,
  SEQUENCE_GAP,
  SEQUENCES_PER_SECOND,
} from "./association-store.ts";
export {
  BOOTSTRAP_MEMORY_MS,
  type BootstrapStore,
  type BootstrapSummary,
  type BootstrapSummaryStep,
  SUMMARY_MAX_BYTES,
  SUMMARY_MAX_STEPS,
} from "./bootstrap-store.ts";
export type { BudgetGrant, BudgetStore } from "./budget.ts";
export {
  type AcceptOutcome,
  type ClaimOutcome,
  type ClaimProof,
  type ClaimRequest,
  type DeregisterOutcome,
  type DeregisterRequest,
  type DesiredValue,
  type DesiredVersion,
  type DesireOutcome,
  type DeviceRef,
  type DeviceState,
  type DeviceStore,
  type DispatchOutcome,
  EXPIRY_GRACE_MS,
  type FinishOutcome,
  type FulfilOutcome,
  type Incarnation,
  NO_SEC,
  type NodeRef,
  type Observation,
  type OpenRequest,
  type OutboxEntry,
  type OwnedOutcome,
  type Owner,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type RegistrationChange,
  type ReopenOutcome,
  type ReopenRequest,
  type RestoreOutcome,
  type RestoreRequest,
  type Sender,
  type ShardRequest,
  type SweepOutcome,
  type SweepRequest,
  type UpdateOutcome,
  type UpdateRequest,
  type Waiting,
  type WaitingRequest,
} from "./device-store.ts";
export { type Epoch, epochSlot, nextEpoch } from "./epoch.ts";
export { StateUnavailableError } from "./errors.ts";
export { type EventSource, eventId, namedEventId } from "./event-id.ts";
export { type LifecycleChange, lifecycleRecord } from "./lifecycle.ts";
export { ANSWER_MEMORY_MS, MAX_DESIRED_VALUES, MAX_IN_HAND, OPEN_MEMORY_MS, OUTBOX_MAX_ENTRIES } from "./limits.ts";
export {
  BOOTSTRAP_SLOTS,
  type NodeDirectory,
  type NodeEntry,
  onlySlot,
  type SlotRange,
  TRANSPORT_SLOTS,
} from "./node-directory.ts";
export type {
  CredentialIdentity,
  DeviceRecords,
  ProvisioningStore,
  PutOutcome,
  RecordRef,
  StoredRecord,
} from "./provisioning-store.ts";
export type { Realm } from "./realm.ts";
export { makeRegistrationId, registrationIdShard } from "./registration-id.ts";
export {
  fromWireObservation,
  fromWireRegistration,
  queueModeAfter,
  toWireObservation,
} from "./registration-record.ts";
export { isSenders } from "./sender.ts";
export { SHARDS, shardOf } from "./shard.ts";
export { SharedQuestion } from "./shared-question.ts";
export { formatBootstrapServer, summariseBootstrap } from "./summarise-bootstrap.ts";
export { observationToken, parseToken, requestToken, TOKEN_KIND, type Token, type TokenParts } from "./token.ts";
export {
  type BucketState,
  freeTokens,
  fullBuckets,
  takeToken,
  takeTokens,
} from "./token-bucket.ts";
