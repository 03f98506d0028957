import { BOOTSTRAP_SHAPE, type BootstrapServiceSettings } from "@ferry/bootstrap";
import { CONSOLE_SHAPE, type ConsoleSettings } from "@ferry/console";
import { RPC_ROUTER_SHAPE, type RpcRouterSettings } from "@ferry/rpc-router";
import { type Config, defineConfig, list, text } from "@ferry/runtime";
import { TRANSPORT_SHAPE, type TransportSettings } from "@ferry/transport";

/** Settings of standalone: those of every service in it, and its own. */
export interface StandaloneSettings
  extends TransportSettings,
    BootstrapServiceSettings,
    RpcRouterSettings,
    ConsoleSettings {
  readonly apply: readonly string[];
  readonly demoEndpoint: string;
}

const DECLARED: Config<StandaloneSettings> = defineConfig<StandaloneSettings>({
  ...RPC_ROUTER_SHAPE,
  ...CONSOLE_SHAPE,
  ...BOOTSTRAP_SHAPE,
  ...TRANSPORT_SHAPE,
  apply: list(["examples/quickstart"]).describe(
    "Files and folders of models, profiles and devices that are applied at the start.",
  ),
  demoEndpoint: text("demo").describe("Endpoint name of the simulated device; empty for none."),
});

/** What differs in a process that has everything in it and a person before it: memory for bus and state, devices that are always reached, few log lines. */
const DEFAULTS: Readonly<Record<string, string>> = {
  LWM2M_BUS: "memory",
  LWM2M_STATE: "memory",
  KAFKA_TOPICS: "create",
  LWM2M_REACHABILITY_MODE: "vip",
  LOG_LEVEL: "warn",
};

/** From environment, YAML file and defaults. */
export const STANDALONE_CONFIG: Config<StandaloneSettings> = {
  ...DECLARED,
  describe: () => DECLARED.describe().map((row) => ({ ...row, defaultText: DEFAULTS[row.env] ?? row.defaultText })),
  load: ({ env, file }) => DECLARED.load({ env: { ...DEFAULTS, ...env }, file }),
};
