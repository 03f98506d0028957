import { z } from "zod";
import { BINDING, LIFETIME_S, SECONDS, SHORT_SERVER_ID } from "./account-schema.ts";
import { OBJECTS, parseBootstrapObjects } from "./bootstrap-object.ts";
import {
  ACCOUNT_DEFAULTS,
  ACCOUNT_SECURITIES,
  type Account,
  type BootstrapServerAccount,
  type BootstrapSettings,
  type Placed,
  type ServerAccount,
  toBootstrapSettings,
} from "./bootstrap-settings.ts";
import { ProfileError } from "./errors.ts";
import { formatField, parseBySchema, strictObject } from "./schema.ts";
import { HOST, PORT, type ServerAddress, WEIGHT } from "./server-address.ts";
import { parseServerPublicKey } from "./server-public-key.ts";

/** Most addresses of one server. */
const MAX_ADDRESSES = 16;

const ACCOUNT = {
  security: z.enum(ACCOUNT_SECURITIES, { error: `is one of ${ACCOUNT_SECURITIES.join(", ")}` }),
  host: HOST.optional(),
  port: PORT.optional(),
  hosts: z
    .array(strictObject({ host: HOST, port: PORT.optional(), weight: WEIGHT.default(1) }))
    .min(1, "is empty: name the addresses of the server")
    .max(MAX_ADDRESSES, `has more than ${MAX_ADDRESSES} addresses`)
    .optional(),
  serverPublicKey: z.string().optional(),
  holdOffS: SECONDS.default(ACCOUNT_DEFAULTS.holdOffS),
};

const BOOTSTRAP = strictObject({
  servers: z
    .array(
      strictObject({
        shortServerId: SHORT_SERVER_ID,
        ...ACCOUNT,
        lifetimeS: LIFETIME_S.default(ACCOUNT_DEFAULTS.lifetimeS),
        minPeriodS: SECONDS.optional(),
        maxPeriodS: SECONDS.optional(),
        disableTimeoutS: SECONDS.optional(),
        storesNotifications: z.boolean().default(ACCOUNT_DEFAULTS.storesNotifications),
        binding: BINDING.default(ACCOUNT_DEFAULTS.binding),
      }),
    )
    .default([]),
  bootstrapServer: strictObject({
    ...ACCOUNT,
    accountTimeoutS: SECONDS.default(ACCOUNT_DEFAULTS.accountTimeoutS),
  }).optional(),
  objects: OBJECTS.default({}),
});

type Form = z.infer<typeof BOOTSTRAP>;
type BootstrapServerForm = NonNullable<Form["bootstrapServer"]>;
type AccountForm = Omit<BootstrapServerForm, "accountTimeoutS">;

/** Parses `bootstrap` of the form that people write; `at` is where it stands. @throws {ProfileError} */
export function parseFerryBootstrap(input: unknown, at: readonly PropertyKey[]): BootstrapSettings {
  const { servers, bootstrapServer, objects } = parseBySchema(BOOTSTRAP, input, at);
  const serversAt = [...at, "servers"];
  return toBootstrapSettings(
    serversAt,
    servers.map((server, index) => placeServer(server, [...serversAt, index])),
    bootstrapServer && placeBootstrapServer(bootstrapServer, [...at, "bootstrapServer"]),
    parseBootstrapObjects(objects, [...at, "objects"]),
  );
}

function placeServer(form: Form["servers"][number], at: readonly PropertyKey[]): Placed<ServerAccount> {
  const { shortServerId, lifetimeS, minPeriodS, maxPeriodS, disableTimeoutS, storesNotifications, binding } = form;
  if (minPeriodS !== undefined && maxPeriodS !== undefined && minPeriodS > maxPeriodS) {
    throw new ProfileError(formatField([...at, "minPeriodS"]), `is more than maxPeriodS, ${maxPeriodS}`);
  }
  const server = { shortServerId, lifetimeS, minPeriodS, maxPeriodS, disableTimeoutS, storesNotifications, binding };
  return { account: { ...accountOf(form, at), ...server }, at, addressesAt: addressesAt(form, at) };
}

function placeBootstrapServer(form: BootstrapServerForm, at: readonly PropertyKey[]): Placed<BootstrapServerAccount> {
  const { accountTimeoutS } = form;
  return { account: { ...accountOf(form, at), accountTimeoutS }, at, addressesAt: addressesAt(form, at) };
}

function accountOf(form: AccountForm, at: readonly PropertyKey[]): Account {
  const { security, serverPublicKey, holdOffS } = form;
  return {
    security,
    addresses: addressesOf(form, at),
    serverPublicKey: parseServerPublicKey(serverPublicKey, security, formatField([...at, "serverPublicKey"])),
    holdOffS,
  };
}

/** One address as `host` and `port`, or several as `hosts`, which may share the `port` beside them. */
function addressesOf({ host, port, hosts }: AccountForm, at: readonly PropertyKey[]): readonly ServerAddress[] {
  if (hosts === undefined) {
    return [{ host: required(host, [...at, "host"]), port: required(port, [...at, "port"]), weight: 1 }];
  }
  if (host !== undefined) {
    throw new ProfileError(formatField([...at, "host"]), "stands beside hosts: write all addresses there");
  }
  return hosts.map((one, index) => ({ ...one, port: required(one.port ?? port, [...at, "hosts", index, "port"]) }));
}

function addressesAt({ hosts }: AccountForm, at: readonly PropertyKey[]): readonly (readonly PropertyKey[])[] {
  return hosts?.map((_, index) => [...at, "hosts", index]) ?? [[...at, "host"]];
}

function required<T>(value: T | undefined, at: readonly PropertyKey[]): T {
  if (value !== undefined) return value;
  throw new ProfileError(formatField(at), "is missing: write host and port, or hosts for several addresses");
}
