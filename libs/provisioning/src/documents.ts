import type { lwm2m, ProvisioningKind } from "@ferry/proto";
import type { SealingKeys } from "./sealing.ts";

/** Something to provision, as a file declares it. */
export interface ProvisioningDocument {
  readonly kind: ProvisioningKind;
  readonly tenant: string;
  readonly id: string;
  readonly body: RecordBody;
  /** Where it was read: `file:line`; absent when it came from the topic. */
  readonly source?: string;
}

/** The part of a provisioning record that is declared. */
export type RecordBody = Pick<lwm2m.v1.ProvisioningRecord.$Properties, "model" | "profile" | "device" | "credential">;

/** What is wrong in a file, and where. */
export interface DocumentError {
  readonly file: string;
  /** 1 for the first line; undefined when it is the file as a whole. */
  readonly line: number | undefined;
  /** Such as `credentials[0].psk.key`; empty when it is the document as a whole. */
  readonly field: string;
  readonly reason: string;
}

/**
 * Reads files and directories: `*.xml` are object models, `*.yaml`, `*.yml` and `*.json` hold profiles and devices. Models come first, then profiles, then devices.
 *
 * @throws {InvalidDocumentsError} names every problem with file, line and field
 */
export declare function readDocuments(
  paths: readonly string[],
  options?: { readonly tenant?: string; readonly sealingKeys?: SealingKeys },
): Promise<readonly ProvisioningDocument[]>;

/** A document as YAML that `readDocuments` reads; secrets are masked. */
export declare function formatDocument(document: ProvisioningDocument): string;
