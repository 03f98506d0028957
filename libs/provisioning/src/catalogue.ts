import type { ModelRegistry } from "@ferry/lwm2m";
import type { DeviceProfile } from "@ferry/profile";
import type { ProvisioningKind } from "@ferry/proto";
import type { ProvisioningStore } from "@ferry/state";
import type { DeviceDeclaration } from "./device-declaration.ts";
import type { ProvisionedRecord } from "./parse-record.ts";

/** Whether a device that shows nothing but its endpoint name is served, and as whose. */
export type Admission =
  | {
      readonly type: "admitted";
      readonly tenant: string;
      readonly endpoint: string;
      readonly profileName: string;
      readonly profile: DeviceProfile;
      /** The exact device or the pattern that admits it. */
      readonly declaration: DeviceDeclaration;
    }
  /** `reason` is one sentence for the `refused` lifecycle record. */
  | { readonly type: "refused"; readonly reason: string };

/** What has changed: a model, a profile, a pattern or an exact device. */
export interface CatalogueChange {
  readonly type: "put" | "removed";
  readonly kind: ProvisioningKind;
  readonly tenant: string;
  readonly id: string;
}

export declare class Catalogue {
  /** Live object models: the shipped core ones and the provisioned ones. */
  readonly models: ModelRegistry;
  constructor(store: ProvisioningStore);
  profile(tenant: string, name: string): DeviceProfile | undefined;
  profiles(tenant: string): readonly { readonly name: string; readonly profile: DeviceProfile }[];
  admit(endpoint: string): Promise<Admission>;
  put(record: ProvisionedRecord): void;
  remove(kind: ProvisioningKind, tenant: string, id: string): void;
  /** Tells of every change from now on; returns how to stop that. */
  onChange(listener: (change: CatalogueChange) => void): () => void;
}
