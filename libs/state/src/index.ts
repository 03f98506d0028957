export type {
  AcceptOutcome,
  ClaimOutcome,
  ClaimProof,
  ClaimRequest,
  DeregisterOutcome,
  DeviceRef,
  DeviceState,
  DeviceStore,
  DispatchOutcome,
  FinishOutcome,
  NodeRef,
  Observation,
  OpenRequest,
  OutboxEntry,
  OwnedOutcome,
  Owner,
  RegisterOutcome,
  RegisterRequest,
  Registration,
  SweepOutcome,
  SweepRequest,
  UpdateOutcome,
  UpdateRequest,
} from "./device-store.ts";
export { type Epoch, epochSlot, nextEpoch } from "./epoch.ts";
export { StateUnavailableError } from "./errors.ts";
export { type EventSource, eventId, namedEventId } from "./event-id.ts";
export type { NodeDirectory, NodeEntry } from "./node-directory.ts";
export type { CredentialIdentity, ProvisioningStore, StoredRecord } from "./provisioning-store.ts";
export { makeRegistrationId, registrationIdShard } from "./registration-id.ts";
export { SHARDS, shardOf } from "./shard.ts";
export { observationToken, parseToken, requestToken, TOKEN_KIND, type Token, type TokenParts } from "./token.ts";
