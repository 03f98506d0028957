import {
  type BusSettings,
  busSettings,
  type Config,
  defineConfig,
  httpSettings,
  logSettings,
  nodeSettings,
  port,
  type Section,
  type ServiceSettings,
  type Shape,
  type StateSettings,
  secret,
  section,
  stateSettings,
  text,
} from "@ferry/runtime";

/** Where the HTTP API listens and whom it lets in. */
export interface ApiSettings {
  readonly host: string;
  readonly port: number;
  readonly tokens?: string | undefined;
  readonly oidcIssuer?: string | undefined;
  readonly oidcAudience?: string | undefined;
  readonly oidcTenantClaim: string;
}

const apiSettings: Section<ApiSettings> = section<ApiSettings>("LWM2M_API", {
  host: text("127.0.0.1").describe("Address of the HTTP API. Beyond loopback it needs tokens or OIDC."),
  port: port(8080).describe("TCP port of the HTTP API; 0 lets the system choose."),
  tokens: secret()
    .optional()
    .describe("Bearer tokens, a line each: the token, a blank and the tenant it speaks for (`*` for all)."),
  oidcIssuer: text()
    .optional()
    .describe("OpenID Connect issuer whose access tokens are accepted, such as https://id.example.org/."),
  oidcAudience: text().optional().describe("Audience that these tokens must have."),
  oidcTenantClaim: text("tenant").describe("Claim of these tokens that names the tenant."),
});

/** Settings of the console. */
export interface ConsoleSettings extends ServiceSettings, BusSettings, StateSettings {
  readonly api: ApiSettings;
}

/** The settings one by one, for standalone to join with those of other services. */
export const CONSOLE_SHAPE: Shape<ConsoleSettings> = {
  log: logSettings,
  http: httpSettings,
  node: nodeSettings,
  api: apiSettings,
  ...busSettings,
  ...stateSettings,
};

/** From environment, YAML file and defaults. */
export const CONSOLE_CONFIG: Config<ConsoleSettings> = defineConfig<ConsoleSettings>(CONSOLE_SHAPE);
