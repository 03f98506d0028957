import { type DtlsSettings, dtlsSettings } from "@ferry/dtls-endpoint";
import { parseRateLimit, RATE_LIMIT_FORM, type TransportLogLevel } from "@ferry/profile";
import { type ProvisioningSettings, provisioningSettings } from "@ferry/provisioning";
import {
  type BusSettings,
  busSettings,
  type CoapSettings,
  type Config,
  choice,
  coapSettings,
  defineConfig,
  duration,
  flag,
  httpSettings,
  integer,
  logSettings,
  nodeSettings,
  type Section,
  type ServiceSettings,
  type Shape,
  type StateSettings,
  section,
  stateSettings,
  text,
} from "@ferry/runtime";

/** Prefix of the settings of the DTLS listener. */
export const DTLS_PREFIX = "LWM2M_DTLS";

/** How devices behind NAT and balancers are reached. */
export interface ReachSettings {
  readonly mode: "flow" | "vip";
  readonly singleExchangeWindowMs: number;
  readonly flowWindowMs: number;
}

const reachSettings: Section<ReachSettings> = section<ReachSettings>("LWM2M_REACHABILITY", {
  mode: choice(["flow", "vip"], "flow").describe(
    "`flow`: only for a while after a device's last datagram. `vip`: always, because all nodes send from the balancer's address or devices reach nodes directly. A device with DTLS is out of reach in both while its association is in no node's memory (`LWM2M_DTLS_IDLE`): what is asked of it then waits for its next message, or is answered as for any device out of reach.",
  ),
  singleExchangeWindowMs: duration("25s").describe(
    "How long after a flow whose datagrams span less than 2 s a device can be reached.",
  ),
  flowWindowMs: duration("110s").describe("How long after a longer flow a device can be reached."),
});

/** How long sleeping devices listen. */
export interface AwakeTimes {
  readonly queueModeMs: number;
  readonly psmMs: number;
  readonly edrxMs: number;
}

const awakeTimes: Section<AwakeTimes> = section<AwakeTimes>("LWM2M_AWAKE", {
  queueModeMs: duration("93s").describe(
    "How long after its last message a device in queue mode listens, unless its profile says otherwise: MAX_TRANSMIT_WAIT (OMA LwM2M Core 1.1.1 §6.5).",
  ),
  psmMs: duration("10s").describe("The same for a device of power mode PSM whose profile has no activity timer."),
  edrxMs: duration("10s").describe("The same for a device of power mode eDRX whose profile has no paging window."),
});

/** How what the profile wants is brought about. */
export interface ReconcileSettings {
  readonly devicesPerSecond: number;
  readonly retryAfterMs: number;
  readonly retryAtMostMs: number;
}

const reconcileSettings: Section<ReconcileSettings> = section<ReconcileSettings>("LWM2M_RECONCILE", {
  devicesPerSecond: integer(250, { min: 1 }).describe(
    "Devices of a node that are asked anew each second after their profile, a model or an outage concerned many; a Register and an Update do not wait for it.",
  ),
  retryAfterMs: duration("10s").describe(
    "How soon an observation, Read or Write of the profile, or a desired value, is tried again after the device did not answer or answered 5.xx, and a request with retries after it did not answer; doubled with each failure, the second half at random.",
  ),
  retryAtMostMs: duration("1h").describe("The longest time between two such tries."),
});

/** Token buckets, each `capacity:seconds[,capacity:seconds]`; empty for no limit. */
export interface LimitSettings {
  readonly device: string;
  readonly tenant: string;
  readonly lookups: string;
  readonly logLines: string;
}

const limitSettings: Section<LimitSettings> = section<LimitSettings>(
  "LWM2M_LIMIT",
  {
    device: text("6000:60").describe(
      "Uplinks of one device: Register, Update, Send and notifications, as `capacity:seconds[,capacity:seconds]`; empty for no limit. A profile's `limits.uplinksPerDevice` goes before it.",
    ),
    tenant: text("").describe(
      "Uplinks of all devices of one tenant over all nodes, which share it through Redis; without Redis each node keeps to its part.",
    ),
    lookups: text("10000:10").describe(
      "Datagrams of unknown sources that asked Redis in vain, per node: forged tokens and registration ids, unknown endpoints and addresses. Beyond it such datagrams are dropped.",
    ),
    logLines: text("600:60").describe("Lines of one device's communication log; how many were left out is told."),
  },
  {
    check: (values) =>
      (Object.keys(values) as (keyof LimitSettings)[])
        .filter((key) => parseRateLimit(values[key]) === undefined)
        .map((key) => [key, `give ${RATE_LIMIT_FORM}`]),
  },
);

/** Settings of a transport node. */
export interface TransportSettings extends ServiceSettings, BusSettings, StateSettings {
  readonly coap: CoapSettings;
  readonly dtls: DtlsSettings;
  readonly provisioning: ProvisioningSettings;
  readonly reachability: ReachSettings;
  readonly awake: AwakeTimes;
  readonly fetchWaiting: boolean;
  readonly limits: LimitSettings;
  readonly reconcile: ReconcileSettings;
  readonly revalidateAfterMs: number;
  readonly expiryGraceMs: number;
  readonly claim: boolean;
  readonly drainMs: number;
  readonly transportLog: TransportLogLevel;
  readonly records: "protobuf" | "json";
  readonly compat: "seed" | "now";
  readonly timeZone: string;
  readonly failpoint?: string | undefined;
}

/** The settings one by one, for standalone to join with those of other services. */
export const TRANSPORT_SHAPE: Shape<TransportSettings> = {
  log: logSettings,
  http: httpSettings,
  node: nodeSettings,
  coap: coapSettings("LWM2M_COAP", 5685),
  dtls: dtlsSettings(DTLS_PREFIX, 5686),
  provisioning: provisioningSettings,
  reachability: reachSettings,
  awake: awakeTimes,
  fetchWaiting: flag(true).describe(
    "Carry out requests that wait in the store once their device is heard. Off only in tests that show what is lost without it.",
  ),
  limits: limitSettings,
  reconcile: reconcileSettings,
  revalidateAfterMs: duration("60s").describe(
    "Age of ownership in memory after which the next datagram confirms it with Redis, off the ACK path.",
  ),
  expiryGraceMs: duration("247s").describe(
    "How long after its lifetime a registration is ended. Less than the default, EXCHANGE_LIFETIME (RFC 7252 §4.8.2), may end it while an Update of the device is still being retransmitted; more counts as the default.",
  ),
  claim: flag(true).describe(
    "Take over devices whose datagrams arrive here. Off only in tests that show what is lost without it.",
  ),
  drainMs: duration("0s").describe("How long to go on serving after SIGTERM, while flows move to other nodes."),
  transportLog: choice(["off", "summary", "full"], "full").describe(
    "Communication log of each device, as telemetry under the key `transportLog`: `summary` has registrations, sleep and failures, `full` every request and answer too. A profile's `transportLog` goes before it.",
  ),
  records: choice(["protobuf", "json"], "protobuf").describe("Encoding of the records that are written."),
  compat: choice(["seed", "now"], "seed").describe("Which ThingsBoard's text forms are printed where they differ."),
  timeZone: text("UTC").describe("Zone in which RPC answers print times, by IANA name."),
  failpoint: text()
    .optional()
    .describe("Step of a request at which this process ends, or with `:stop` behind it stops: for tests of crashes."),
  ...busSettings,
  ...stateSettings,
};

/** From environment, YAML file and defaults. */
export const TRANSPORT_CONFIG: Config<TransportSettings> = defineConfig<TransportSettings>(TRANSPORT_SHAPE);
