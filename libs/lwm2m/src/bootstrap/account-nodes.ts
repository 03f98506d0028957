import { encodeUtf8 } from "../bytes.ts";
import type { ObjectInstanceNode, SingleResourceNode } from "../node.ts";
import type { LwM2mVersion } from "../registration-parameters.ts";
import type { ResourceValue } from "../value.ts";

/** How the device proves who it is to a server, and the server to the device: 0/x/2 to 0/x/5. Keys are in the clear. */
export type AccountKeys =
  | { readonly type: "noSec" }
  | { readonly type: "psk"; readonly identity: string; readonly key: Uint8Array }
  | {
      readonly type: "rawPublicKey" | "x509";
      /** The device's SubjectPublicKeyInfo (RFC 7250) or certificate, DER. */
      readonly publicKey: Uint8Array;
      /** The device's private key: PKCS#8 (RFC 5958), DER. */
      readonly privateKey: Uint8Array;
      /** The server's SubjectPublicKeyInfo or certificate, DER. */
      readonly serverPublicKey: Uint8Array;
    };

/** An account that a device is to have, every value decided. */
export interface TargetAccount {
  /** 0/x/0: `coaps://lwm2m.example.org:5684`. */
  readonly uri: string;
  readonly keys: AccountKeys;
  /** 0/x/11. */
  readonly holdOffS: number;
}

/** What an account says of its LwM2M server and of the registration with it. */
export interface ServerSettings {
  /** 0/x/10 and 1/y/0: 1 to 65534. */
  readonly shortServerId: number;
  /** 1/y/1. */
  readonly lifetimeS: number;
  /** 1/y/2; undefined: not written. */
  readonly minPeriodS: number | undefined;
  /** 1/y/3; undefined: not written. */
  readonly maxPeriodS: number | undefined;
  /** 1/y/5; undefined: not written. */
  readonly disableTimeoutS: number | undefined;
  /** 1/y/6: notifications are kept while the account is disabled or the device is offline. */
  readonly storesNotifications: boolean;
  /** 1/y/7, as configured: a device gets the letters that its LwM2M version knows. */
  readonly binding: string;
}

/** An account of an LwM2M server: an instance of Security (0) and one of Server (1), joined by the short server id. */
export interface TargetServerAccount extends TargetAccount, ServerSettings {}

/** The account of the bootstrap server itself: an instance of Security alone. */
export interface TargetBootstrapAccount extends TargetAccount {
  /** 0/x/12; 0 keeps the account for ever. */
  readonly accountTimeoutS: number;
}

/** Values of 0/x/2 (OMA LwM2M Core 1.1.1 appendix E.1). */
const SECURITY_MODE: Readonly<Record<AccountKeys["type"], number>> = { psk: 0, rawPublicKey: 1, x509: 2, noSec: 3 };

/** Letters that 1/y/7 may have: the queue mode is one of 1.0 only, later versions leave it to Register (OMA LwM2M Core 1.1.1 appendix E.2, 1.2 adds MQTT and HTTP). */
const BINDING_LETTERS: Readonly<Record<LwM2mVersion, string>> = { "1.0": "USQ", "1.1": "UTSN", "1.2": "UMHTSN" };

/**
 * The instance of Security (0) of an account (OMA LwM2M Core 1.1.1 appendix E.1).
 *
 * Key resources are mandatory and empty where the mode has none; those of SMS are optional in every version, and left out.
 */
export function securityNode(
  instanceId: number,
  account: TargetServerAccount | TargetBootstrapAccount,
): ObjectInstanceNode {
  const { keys } = account;
  const isServer = "shortServerId" in account;
  return instanceNode(instanceId, [
    [0, text(account.uri)],
    [1, { type: "BOOLEAN", value: !isServer }],
    [2, integer(SECURITY_MODE[keys.type])],
    [3, opaque(publicKeyOrIdentity(keys))],
    [4, opaque("serverPublicKey" in keys ? keys.serverPublicKey : NOTHING)],
    [5, opaque(secretKey(keys))],
    // "Short Server ID … MUST NOT be set for the Bootstrap-Server", and the account timeout is its alone.
    [10, isServer ? integer(account.shortServerId) : undefined],
    [11, integer(account.holdOffS)],
    [12, isServer ? undefined : integer(account.accountTimeoutS)],
  ]);
}

/** The instance of Server (1) of an account (OMA LwM2M Core 1.1.1 appendix E.2). */
export function serverNode(
  instanceId: number,
  account: TargetServerAccount,
  lwm2mVersion: LwM2mVersion,
): ObjectInstanceNode {
  return instanceNode(instanceId, [
    [0, integer(account.shortServerId)],
    [1, integer(account.lifetimeS)],
    [2, optionalInteger(account.minPeriodS)],
    [3, optionalInteger(account.maxPeriodS)],
    [5, optionalInteger(account.disableTimeoutS)],
    [6, { type: "BOOLEAN", value: account.storesNotifications }],
    [7, text(bindingFor(account.binding, lwm2mVersion))],
  ]);
}

/** The letters that the version knows; where it knows none of them, as configured: the device's refusal then says what is wrong. */
function bindingFor(binding: string, lwm2mVersion: LwM2mVersion): string {
  const known = [...binding].filter((letter) => BINDING_LETTERS[lwm2mVersion].includes(letter)).join("");
  return known === "" ? binding : known;
}

const NOTHING: Uint8Array = new Uint8Array();

function publicKeyOrIdentity(keys: AccountKeys): Uint8Array {
  if (keys.type === "noSec") return NOTHING;
  return keys.type === "psk" ? encodeUtf8(keys.identity) : keys.publicKey;
}

function secretKey(keys: AccountKeys): Uint8Array {
  if (keys.type === "noSec") return NOTHING;
  return keys.type === "psk" ? keys.key : keys.privateKey;
}

function instanceNode(
  id: number,
  values: readonly (readonly [id: number, value: ResourceValue | undefined])[],
): ObjectInstanceNode {
  const resources = values.flatMap(([resourceId, value]): SingleResourceNode[] =>
    value === undefined ? [] : [{ type: "singleResource", id: resourceId, value }],
  );
  return { type: "objectInstance", id, resources };
}

function text(value: string): ResourceValue {
  return { type: "STRING", value };
}

/** Also where a later version has made a resource unsigned: not negative, it reads the same as both. */
function integer(value: number): ResourceValue {
  return { type: "INTEGER", value };
}

function optionalInteger(value: number | undefined): ResourceValue | undefined {
  return value === undefined ? undefined : integer(value);
}

function opaque(value: Uint8Array): ResourceValue {
  return { type: "OPAQUE", value };
}
