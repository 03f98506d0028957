import type { Sender } from "@ferry/bus";
import type { DtlsEndpoint } from "@ferry/dtls-endpoint";
import type { RateLimit } from "@ferry/profile";
import type { Catalogue, SealingKeys } from "@ferry/provisioning";
import type { Clock, CoapServer, Episode, Logger } from "@ferry/runtime";
import type { BucketState, DeviceStore, NodeRef, ProvisioningStore } from "@ferry/state";
import type { DeviceLimit } from "./device-limit.ts";
import type { EventWriter } from "./event-writer.ts";
import type { BootstrapMetrics } from "./metrics.ts";
import type { Sessions } from "./sessions.ts";
import type { StrangerRefusals } from "./stranger-refusals.ts";

/** What the handlers of a bootstrap server work with. */
export interface BootstrapPorts {
  readonly node: NodeRef;
  readonly settings: {
    readonly sessionTimeoutMs: number;
    readonly requestTimeoutMs: number;
    /** How long a key that was made may take until it is in force. */
    readonly keyTimeoutMs: number;
    /** Requests of strangers that ask Redis in vain. */
    readonly lookups: RateLimit;
  };
  readonly lookups: BucketState;
  readonly strangers: StrangerRefusals;
  readonly deviceLimit: DeviceLimit;
  /** For what a device said when it last registered. */
  readonly devices: Pick<DeviceStore, "get">;
  readonly provisioning: ProvisioningStore;
  readonly catalogue: Catalogue;
  /** Undefined: no key of a device that is sealed can be opened. */
  readonly sealingKeys: SealingKeys | undefined;
  readonly sessions: Sessions;
  readonly coap: CoapServer;
  /** The DTLS listener; undefined where there is none. */
  readonly dtls: DtlsEndpoint | undefined;
  readonly events: EventWriter;
  /** How keys that were made are published. */
  readonly credentials: { readonly sender: Sender; readonly topicPrefix: string };
  /** Whether new sessions are refused because this process is about to stop. */
  readonly draining: () => boolean;
  /** Wall clock for what is stored, monotonic for deadlines; ms. */
  readonly clock: { readonly wallMs: Clock; readonly monotonicMs: Clock };
  readonly random: (size: number) => Uint8Array;
  readonly metrics: BootstrapMetrics;
  /** One log line when Redis goes away, one when it is back. */
  readonly stateEpisode: Episode;
  /** The same of keys of devices that none of ours opens. */
  readonly sealingEpisode: Episode;
  readonly logger: Logger;
}
