import { z } from "zod";
import { BINDING, LIFETIME_S, SECONDS, SHORT_SERVER_ID } from "./account-schema.ts";
import {
  ACCOUNT_DEFAULTS,
  type Account,
  type AccountSecurity,
  type BootstrapServerAccount,
  type BootstrapSettings,
  type Placed,
  type ServerAccount,
  toBootstrapSettings,
} from "./bootstrap-settings.ts";
import { ProfileError } from "./errors.ts";
import { formatField, parseBySchema } from "./schema.ts";
import { HOST, PORT } from "./server-address.ts";
import { parseServerPublicKey } from "./server-public-key.ts";

const SECURITY_MODES = {
  PSK: "psk",
  RPK: "rawPublicKey",
  X509: "x509",
  NO_SEC: "noSec",
} as const satisfies Record<string, AccountSecurity>;

/** The short server id, where an entry has none. */
const DEFAULT_SHORT_SERVER_ID = 123;
const DEFAULT_MIN_PERIOD_S = 1;

const IS_BOOTSTRAP_SERVER = z.object({ bootstrapServerIs: z.boolean().nullish() });

const ACCOUNT = {
  securityMode: z.enum(["PSK", "RPK", "X509", "NO_SEC"], { error: "is one of PSK, RPK, X509, NO_SEC" }),
  host: HOST,
  port: PORT,
  serverPublicKey: z.string().nullish(),
  clientHoldOffTime: SECONDS.nullish(),
};
const SERVER = z.object({
  ...ACCOUNT,
  shortServerId: SHORT_SERVER_ID.default(DEFAULT_SHORT_SERVER_ID),
  lifetime: LIFETIME_S.nullish(),
  defaultMinPeriod: SECONDS.nullish(),
  notifIfDisabled: z.boolean().nullish(),
  binding: BINDING.nullish(),
});
const BOOTSTRAP_SERVER = z.object({
  ...ACCOUNT,
  shortServerId: z.literal(0, { error: "belongs to LwM2M servers alone: write null" }).nullish(),
  bootstrapServerAccountTimeout: SECONDS.nullish(),
});

/**
 * Parses ThingsBoard's `bootstrap` list; what it says of accounts that is not theirs, such as the lifetime of a bootstrap server, is ignored, as there.
 *
 * `mayUpdateBootstrapServer` is `bootstrapServerUpdateEnable`.
 * @throws {ProfileError}
 */
export function parseThingsBoardBootstrap(
  entries: readonly unknown[],
  mayUpdateBootstrapServer: boolean,
  at: readonly PropertyKey[],
): BootstrapSettings {
  const servers: Placed<ServerAccount>[] = [];
  let bootstrapServer: Placed<BootstrapServerAccount> | undefined;
  for (const [index, entry] of entries.entries()) {
    const entryAt = [...at, index];
    if (parseBySchema(IS_BOOTSTRAP_SERVER, entry, entryAt).bootstrapServerIs !== true) {
      servers.push(placeServer(entry, entryAt));
      continue;
    }
    const field = formatField([...entryAt, "bootstrapServerIs"]);
    if (!mayUpdateBootstrapServer) {
      const reason = "is true, but bootstrapServerUpdateEnable is not: set that, or take the entry out";
      throw new ProfileError(field, reason);
    }
    if (bootstrapServer !== undefined) {
      throw new ProfileError(
        field,
        `is true for ${formatField(bootstrapServer.at)} already: there is one bootstrap server`,
      );
    }
    bootstrapServer = placeBootstrapServer(entry, entryAt);
  }
  return toBootstrapSettings(at, servers, bootstrapServer, []);
}

function placeServer(entry: unknown, at: readonly PropertyKey[]): Placed<ServerAccount> {
  const form = parseBySchema(SERVER, entry, at);
  const server = {
    shortServerId: form.shortServerId,
    lifetimeS: form.lifetime ?? ACCOUNT_DEFAULTS.lifetimeS,
    minPeriodS: form.defaultMinPeriod ?? DEFAULT_MIN_PERIOD_S,
    maxPeriodS: undefined,
    disableTimeoutS: undefined,
    storesNotifications: form.notifIfDisabled ?? ACCOUNT_DEFAULTS.storesNotifications,
    binding: form.binding ?? ACCOUNT_DEFAULTS.binding,
  };
  return place({ ...accountOf(form, at), ...server }, at);
}

function placeBootstrapServer(entry: unknown, at: readonly PropertyKey[]): Placed<BootstrapServerAccount> {
  const form = parseBySchema(BOOTSTRAP_SERVER, entry, at);
  const accountTimeoutS = form.bootstrapServerAccountTimeout ?? ACCOUNT_DEFAULTS.accountTimeoutS;
  return place({ ...accountOf(form, at), accountTimeoutS }, at);
}

function accountOf(form: Pick<z.infer<typeof SERVER>, keyof typeof ACCOUNT>, at: readonly PropertyKey[]): Account {
  const security = SECURITY_MODES[form.securityMode];
  const keyField = formatField([...at, "serverPublicKey"]);
  return {
    security,
    addresses: [{ host: form.host, port: form.port, weight: 1 }],
    serverPublicKey: parseServerPublicKey(form.serverPublicKey ?? undefined, security, keyField),
    holdOffS: form.clientHoldOffTime ?? ACCOUNT_DEFAULTS.holdOffS,
  };
}

function place<Of extends Account>(account: Of, at: readonly PropertyKey[]): Placed<Of> {
  return { account, at, addressesAt: [[...at, "host"]] };
}
