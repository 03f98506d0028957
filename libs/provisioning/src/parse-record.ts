import type { ObjectModel } from "@ferry/lwm2m";
import type { DeviceProfile } from "@ferry/profile";
import type { DeviceCredential, DeviceDeclaration } from "./device-declaration.ts";

/** A provisioning record that was found valid. */
export type ProvisionedRecord =
  | { readonly kind: "model"; readonly tenant: string; readonly id: string; readonly model: ObjectModel }
  | { readonly kind: "profile"; readonly tenant: string; readonly id: string; readonly profile: DeviceProfile }
  | { readonly kind: "device"; readonly tenant: string; readonly id: string; readonly device: DeviceDeclaration }
  | {
      readonly kind: "credential";
      readonly tenant: string;
      readonly id: string;
      readonly credential: DeviceCredential;
    };

/**
 * Parses and validates a record of lwm2m.provisioning.v1.
 *
 * @throws {ProvisioningError} names the field that is wrong and what to write instead
 */
export declare function parseProvisioningRecord(
  key: string,
  value: Uint8Array,
  contentType?: string,
): ProvisionedRecord;
