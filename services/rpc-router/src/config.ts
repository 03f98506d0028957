import {
  type BusSettings,
  busSettings,
  type Config,
  choice,
  defineConfig,
  duration,
  httpSettings,
  logSettings,
  nodeSettings,
  type Section,
  type ServiceSettings,
  type Shape,
  type StateSettings,
  secret,
  section,
  stateSettings,
} from "@ferry/runtime";

/** How long requests live. */
export interface RpcSettings {
  readonly defaultExpiryMs: number;
  readonly maxExpiryMs: number;
  readonly answerGraceMs: number;
}

const rpcSettings: Section<RpcSettings> = section<RpcSettings>("LWM2M_RPC", {
  defaultExpiryMs: duration("10s", { min: "1s" }).describe("When a request lapses that does not say so itself."),
  maxExpiryMs: duration("7d", { min: "1s" }).describe("How far ahead a request's `expiresAtMs` may be."),
  answerGraceMs: duration("1s").describe(
    "How long after its expiry a node may still answer a request, before the router does.",
  ),
});

/** How devices behind NAT and balancers are reached: as in the transport's settings of the same names. */
export interface ReachSettings {
  readonly mode: "flow" | "vip";
  readonly flowWindowMs: number;
}

const reachSettings: Section<ReachSettings> = section<ReachSettings>("LWM2M_REACHABILITY", {
  mode: choice(["flow", "vip"], "flow").describe(
    "`flow`: only for a while after a device's last datagram. `vip`: always, because all nodes send from the balancer's address or devices reach nodes directly.",
  ),
  flowWindowMs: duration("110s").describe("How long after its last datagram a device can be reached."),
});

/** Keys that secrets are sealed with. */
export interface ProvisioningSettings {
  readonly sealingKey?: string | undefined;
}

const provisioningSettings: Section<ProvisioningSettings> = section<ProvisioningSettings>("PROVISIONING", {
  sealingKey: secret()
    .optional()
    .describe(
      "Keys that secrets are sealed with before they lie in Redis: 32 bytes of Base64 a line (`openssl rand -base64 32`), the newest first. Without one, devices with a PSK are rejected.",
    ),
});

/** Settings of an rpc-router. */
export interface RpcRouterSettings extends ServiceSettings, BusSettings, StateSettings {
  readonly rpc: RpcSettings;
  readonly reachability: ReachSettings;
  readonly revalidateAfterMs: number;
  readonly provisioning: ProvisioningSettings;
}

/** The settings one by one, for standalone to join with those of other services. */
export const RPC_ROUTER_SHAPE: Shape<RpcRouterSettings> = {
  log: logSettings,
  http: httpSettings,
  node: nodeSettings,
  rpc: rpcSettings,
  reachability: reachSettings,
  revalidateAfterMs: duration("60s").describe(
    "How much older than the device's last datagram the store's knowledge of it may be: as in the transport's setting of the same name.",
  ),
  provisioning: provisioningSettings,
  ...busSettings,
  ...stateSettings,
};

/** From environment, YAML file and defaults. */
export const RPC_ROUTER_CONFIG: Config<RpcRouterSettings> = defineConfig<RpcRouterSettings>(RPC_ROUTER_SHAPE);
