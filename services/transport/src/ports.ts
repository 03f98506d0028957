import type { Sender } from "@ferry/bus";
import type { DtlsEndpoint } from "@ferry/dtls-endpoint";
import type { RateLimit, TransportLogLevel } from "@ferry/profile";
import type { Catalogue, SealingKeys } from "@ferry/provisioning";
import type { Clock, CoapServer, Episode, Logger, PassFailpoint } from "@ferry/runtime";
import type { DeviceStore, NodeDirectory, NodeRef, ProvisioningStore } from "@ferry/state";
import type { RpcExecutor } from "./downlink/accept-rpc.ts";
import type { RetrySettings } from "./downlink/fault-rules.ts";
import type { FetchAgain } from "./downlink/fetch-again.ts";
import type { Pacer } from "./downlink/pacer.ts";
import type { DesiredWriter } from "./downlink/write-desired.ts";
import type { Gaps } from "./gaps.ts";
import type { LiveSlots } from "./live-slots.ts";
import type { TransportMetrics } from "./metrics.ts";
import type { OutboxSettler } from "./outbox-settler.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { Ownership } from "./ownership.ts";
import type { AwakeSettings, ReachabilitySettings } from "./reachability.ts";
import type { RecordWriter } from "./record-writer.ts";
import type { OwnerQuestions } from "./secure/ask-owner.ts";
import type { ServingCache } from "./serving.ts";
import type { Sleepers } from "./sleepers.ts";
import type { StoreWatch } from "./store-watch.ts";
import type { TakeOver } from "./take-over.ts";
import type { UplinkLimits } from "./uplink/uplink-limits.ts";

/** Settings that handlers read. */
export interface HandlerSettings {
  readonly reachability: ReachabilitySettings;
  readonly awake: AwakeSettings;
  /** Carry out what waits in the store when a device is heard: off only to show what is lost without it. */
  readonly fetchWaiting: boolean;
  /** How soon what the profile wants is tried again after it failed. */
  readonly reconcile: RetrySettings;
  /** How long an operation waits for its response beyond the acknowledgement, ms. */
  readonly responseTimeoutMs: number;
  /** Ownership older than this is confirmed with Redis at the device's next datagram, off the ACK path, ms. */
  readonly revalidateAfterMs: number;
  /** How long after its lifetime a registration is ended, ms. */
  readonly expiryGraceMs: number;
  /** Take a device over when its datagram arrives here: off only to show what is lost without it. */
  readonly claim: boolean;
  readonly transportLog: TransportLogLevel;
  /** Lines of one device's communication log. */
  readonly logLines: RateLimit;
  readonly timeZone: string;
  readonly compat: "seed" | "now";
}

/** What the handlers of one transport node work with. */
export interface TransportPorts {
  readonly node: NodeRef;
  readonly settings: HandlerSettings;
  readonly devices: DeviceStore;
  readonly nodes: NodeDirectory;
  readonly provisioning: ProvisioningStore;
  readonly catalogue: Catalogue;
  /** Undefined: no key of a device that is sealed can be opened. */
  readonly sealingKeys: SealingKeys | undefined;
  readonly servings: ServingCache;
  readonly ownership: Ownership;
  readonly takeOver: TakeOver;
  readonly rpc: RpcExecutor;
  readonly desired: DesiredWriter;
  readonly sleepers: Sleepers;
  /** Lets devices be reconciled at a bounded pace. */
  readonly pacer: Pacer<OwnedDevice>;
  /** Fetches once more what waits for a device and could not be fetched. */
  readonly fetchAgain: FetchAgain;
  readonly coap: CoapServer;
  /** The DTLS listener; undefined where there is none. */
  readonly dtls: DtlsEndpoint | undefined;
  /** Asks other nodes about the associations that they had. */
  readonly ownerQuestions: OwnerQuestions;
  readonly records: RecordWriter;
  readonly limits: UplinkLimits;
  readonly gaps: Gaps;
  readonly outbox: OutboxSettler;
  /** The sender of values: its pressure decides what is put off or left unanswered. */
  readonly values: Sender;
  /** Wall clock for what is stored, monotonic for deadlines; ms. */
  readonly clock: { readonly wallMs: Clock; readonly monotonicMs: Clock };
  readonly random: (size: number) => Uint8Array;
  readonly metrics: TransportMetrics;
  readonly storeWatch: StoreWatch;
  readonly liveSlots: LiveSlots;
  /** One log line when Redis goes away, one when it is back. */
  readonly stateEpisode: Episode;
  /** Takes note of a record that Kafka did not take and that nobody waits for. */
  readonly unpublished: (error: unknown) => void;
  readonly logger: Logger;
  /** Ends or stops this process at a step of a request that a test armed. */
  readonly failpoint: PassFailpoint;
}
