import type { Bus, Sender } from "@ferry/bus";
import type { Clock, Episode, Logger, PassFailpoint } from "@ferry/runtime";
import type { DeviceStore, NodeDirectory, ProvisioningStore } from "@ferry/state";
import type { RpcRouterMetrics } from "./metrics.ts";
import type { ProfileExpiries } from "./profile-expiries.ts";

/** What the parts of the router work with. */
export interface RouterPorts {
  readonly settings: {
    readonly defaultExpiryMs: number;
    readonly maxExpiryMs: number;
    readonly answerGraceMs: number;
    /** Most requests of one device that are open at a time; one more displaces the oldest. */
    readonly maxOpen: number;
    readonly topicPrefix: string;
  };
  readonly bus: Bus;
  /** Sends at once. */
  readonly sender: Sender;
  readonly devices: DeviceStore;
  readonly nodes: NodeDirectory;
  readonly provisioning: ProvisioningStore;
  /** How long requests live that do not say so, by profile. */
  readonly profileExpiries: ProfileExpiries;
  /** Name of this process in records. */
  readonly nodeName: string;
  /** Ms since 1970. */
  readonly clock: Clock;
  readonly metrics: RpcRouterMetrics;
  /** One log line when Redis or Kafka goes away, one when it is back. */
  readonly outage: Episode;
  readonly logger: Logger;
  /** Ends or stops this process at a step of a request that a test armed. */
  readonly failpoint: PassFailpoint;
}
