import { type DtlsSettings, dtlsSettings } from "@ferry/dtls-endpoint";
import { parseRateLimit, RATE_LIMIT_FORM } from "@ferry/profile";
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
export const DTLS_PREFIX = "BOOTSTRAP_DTLS";

/** How sessions run. */
export interface SessionSettings {
  readonly maxSessions: number;
  readonly sessionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keyTimeoutMs: number;
  readonly lookups: string;
  readonly deviceRequests: string;
  readonly drainMs: number;
}

const sessionSettings: Section<SessionSettings> = section<SessionSettings>(
  "BOOTSTRAP",
  {
    maxSessions: integer(10_000, { min: 1 }).describe(
      "Bootstrap sessions that run at a time, in this process; a device that would begin one more is told to come again (5.03).",
    ),
    sessionTimeoutMs: duration("5m", { min: "1s" }).describe(
      "How long a session may take over all; a device that was too slow asks again and begins anew.",
    ),
    requestTimeoutMs: duration("2m", { min: "1s" }).describe(
      "How long a device may take to answer a request of the session that it has acknowledged.",
    ),
    keyTimeoutMs: duration("10s", { min: "1ms" }).describe(
      "How long a key that is made for a device (`generate: psk`) may take until an rpc-router has put it in force; the session fails when it takes longer, and the device keeps what it has.",
    ),
    lookups: text("2000:1").describe(
      "Requests of devices that nobody has provisioned, which ask Redis in vain, as `capacity:seconds[,capacity:seconds]`; empty for no limit. Beyond it such requests are dropped.",
    ),
    deviceRequests: text("20:60").describe(
      "Requests of one device that is provisioned, at this process, as `capacity:seconds[,capacity:seconds]`; empty for no limit. Beyond it they are dropped.",
    ),
    drainMs: duration("10s").describe(
      "How long the sessions in hand may go on after SIGTERM; the process ends sooner when there are none. Devices that ask meanwhile are told to come again.",
    ),
  },
  {
    check: (settings) =>
      (["lookups", "deviceRequests"] as const)
        .filter((key) => parseRateLimit(settings[key]) === undefined)
        .map((key) => [key, `give ${RATE_LIMIT_FORM}`]),
  },
);

/** Settings of a bootstrap server. */
export interface BootstrapServiceSettings extends ServiceSettings, BusSettings, StateSettings {
  readonly bootstrapCoap: CoapSettings;
  readonly bootstrapDtls: DtlsSettings;
  readonly bootstrap: SessionSettings;
  readonly provisioning: ProvisioningSettings;
  readonly records: "protobuf" | "json";
}

/** The settings one by one, for standalone to join with those of other services. */
export const BOOTSTRAP_SHAPE: Shape<BootstrapServiceSettings> = {
  log: logSettings,
  http: httpSettings,
  node: nodeSettings,
  bootstrapCoap: coapSettings("BOOTSTRAP_COAP", 5687),
  bootstrapDtls: dtlsSettings(DTLS_PREFIX, 5688),
  bootstrap: sessionSettings,
  provisioning: provisioningSettings,
  records: choice(["protobuf", "json"], "protobuf").describe("Encoding of the records that are written."),
  ...busSettings,
  ...stateSettings,
};

/** From environment, YAML file and defaults. */
export const BOOTSTRAP_CONFIG: Config<BootstrapServiceSettings> =
  defineConfig<BootstrapServiceSettings>(BOOTSTRAP_SHAPE);
