import type { Bus } from "@ferry/bus";
import type { ProvisioningKind } from "@ferry/proto";
import type { ProvisioningDocument } from "./documents.ts";
import type { SealingKeys } from "./sealing.ts";

/** Names a provisioned thing. */
export interface RecordRef {
  readonly kind: ProvisioningKind;
  readonly tenant: string;
  readonly id: string;
}

/** What became of a published record. */
export interface PublishOutcome extends RecordRef {
  readonly outcome: "applied" | "rejected" | "deleted";
  /** For `rejected`: the field that is wrong; empty when it is the record as a whole. */
  readonly field: string;
  /** For `rejected`: why. */
  readonly reason: string;
}

export interface PublishOptions {
  /** How long to wait for the word about all of them. */
  readonly timeoutMs: number;
  readonly topicPrefix?: string;
  /** Told of each outcome as it comes. */
  readonly onOutcome?: (outcome: PublishOutcome) => void;
}

/** A record as the topic holds it now. */
export interface CurrentRecord extends ProvisioningDocument {
  /** Offset in lwm2m.provisioning.v1. */
  readonly offset: number;
}

/** What would have to be done so that the topic holds what is desired. */
export interface RecordChange extends RecordRef {
  readonly change: "create" | "update" | "delete" | "unchanged";
}

/** Publishes documents and waits until each is APPLIED or REJECTED. @throws {ProvisioningTimeoutError} */
export declare function publishRecords(
  bus: Bus,
  documents: readonly ProvisioningDocument[],
  options: PublishOptions,
): Promise<readonly PublishOutcome[]>;

/** Publishes tombstones and waits until each is DELETED. @throws {ProvisioningTimeoutError} */
export declare function deleteRecords(
  bus: Bus,
  records: readonly RecordRef[],
  options: PublishOptions,
): Promise<readonly PublishOutcome[]>;

/** Compares; a sealed secret equals a plain one when one of the keys opens it. */
export declare function diffRecords(
  current: readonly CurrentRecord[],
  desired: readonly ProvisioningDocument[],
  options?: { readonly sealingKeys?: SealingKeys },
): readonly RecordChange[];

/** Reads lwm2m.provisioning.v1 to its end. */
export declare function readCurrent(
  bus: Bus,
  options?: { readonly topicPrefix?: string },
): Promise<readonly CurrentRecord[]>;
