import { type ProvisioningSettings, provisioningSettings } from "@ferry/provisioning";
import {
  type BusSettings,
  busSettings,
  type Config,
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

/** How long requests live. */
export interface RpcSettings {
  readonly defaultExpiryMs: number;
  readonly maxExpiryMs: number;
  readonly answerGraceMs: number;
  readonly maxOpen: number;
}

const rpcSettings: Section<RpcSettings> = section<RpcSettings>("LWM2M_RPC", {
  defaultExpiryMs: duration("10s", { min: "1s" }).describe("When a request lapses that does not say so itself."),
  maxExpiryMs: duration("7d", { min: "1s" }).describe("How far ahead a request's `expiresAtMs` may be."),
  answerGraceMs: duration("1s").describe(
    "How long after its expiry a node may still answer a request, before the router does.",
  ),
  maxOpen: integer(100, { min: 1, max: 10_000 }).describe(
    "Requests of one device that may be open at a time, those that wait for it included; one more displaces the oldest that its node cannot have in hand (the first eight it may), or is UNREACHABLE where there is none.",
  ),
});

/** How fast a lost Redis is restored. */
export interface RestoreSettings {
  readonly perSecond: number;
}

const restoreSettings: Section<RestoreSettings> = section<RestoreSettings>("LWM2M_RESTORE", {
  perSecond: integer(2_000, { min: 1, max: 100_000 }).describe(
    "Devices, requests and desired values that a router gives back to an emptied Redis in a second.",
  ),
});

/** Settings of an rpc-router. */
export interface RpcRouterSettings extends ServiceSettings, BusSettings, StateSettings {
  readonly rpc: RpcSettings;
  readonly restore: RestoreSettings;
  readonly provisioning: ProvisioningSettings;
  readonly failpoint?: string | undefined;
}

/** The settings one by one, for standalone to join with those of other services. */
export const RPC_ROUTER_SHAPE: Shape<RpcRouterSettings> = {
  log: logSettings,
  http: httpSettings,
  node: nodeSettings,
  rpc: rpcSettings,
  restore: restoreSettings,
  provisioning: provisioningSettings,
  failpoint: text()
    .optional()
    .describe("Step of a request at which this process ends, or with `:stop` behind it stops: for tests of crashes."),
  ...busSettings,
  ...stateSettings,
};

/** From environment, YAML file and defaults. */
export const RPC_ROUTER_CONFIG: Config<RpcRouterSettings> = defineConfig<RpcRouterSettings>(RPC_ROUTER_SHAPE);
