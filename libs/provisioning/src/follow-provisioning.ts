import type { Bus } from "@ferry/bus";
import type { Catalogue } from "./catalogue.ts";
import type { ProvisioningError } from "./errors.ts";

/** A catalogue that is kept up to date. */
export interface FollowedProvisioning {
  /** Resolves when all that was in the topic at the start is in the catalogue. */
  readonly caughtUp: Promise<void>;
  /** False while the reader makes no progress. */
  readonly healthy: boolean;
  stop(): Promise<void>;
}

/** Reads lwm2m.provisioning.v1 from its beginning into the catalogue, and goes on: models, profiles and patterns; exact devices stay in the store. */
export declare function followProvisioning(options: {
  readonly bus: Bus;
  readonly catalogue: Catalogue;
  readonly topicPrefix?: string;
  /** Told of records that are passed over because they are not valid; what was in force before still is. */
  readonly onInvalid?: (key: string, error: ProvisioningError) => void;
}): FollowedProvisioning;
