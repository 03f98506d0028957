import type { lwm2m, ProvisioningKind } from "@ferry/proto";

/** Tenant of what names none. */
export const DEFAULT_TENANT = "default";

/** Something to provision, as a file declares it. */
export interface ProvisioningDocument {
  readonly kind: ProvisioningKind;
  readonly tenant: string;
  readonly id: string;
  readonly body: RecordBody;
  /** Where it was read: `file:line`; absent when it came from the topic. */
  readonly source?: string;
}

/** The part of a provisioning record that is declared: the member that its kind names, and what belongs to it. */
export type RecordBody = Pick<lwm2m.v1.ProvisioningRecord.$Properties, ProvisioningKind | "previous">;

/** What is wrong in a file, and where. */
export interface DocumentError {
  readonly file: string;
  /** 1 for the first line; undefined when it is the file as a whole. */
  readonly line: number | undefined;
  /** Such as `credentials[0].psk.key`; empty when it is the document as a whole. */
  readonly field: string;
  readonly reason: string;
}
