import type { DeviceRef } from "../device-store.ts";
import { sha256Characters } from "../digest.ts";
import type { Realm } from "../realm.ts";
import { shardOf } from "../shard.ts";

/**
 * Every key name, in one place.
 *
 * All keys of a device and all that is swept with it begin with its shard's prefix `lw:{sss}:` and so lie in one slot of a cluster.
 * A script gets the prefix as its one key and puts these names behind it; `<name>` is `tenant/endpoint`.
 */
export const SHARD_KEYS = {
  /** `d:<name>`: the device with its observations, packed (see device-record.ts). */
  DEVICE: "d:",
  /** `r:<registrationId>`: the name. A pointer: only the device's record says whether it still holds. */
  REGISTRATION_ID: "r:",
  /** Hash of names by token. Pointers: only the device's observations say whether they still hold. */
  TOKENS: "t",
  /** Sorted set of names by expiry. */
  EXPIRIES: "exp",
  /** Stream of what must reach Kafka. */
  OUTBOX: "out",
  /** Who sweeps the shard until when. */
  LEASE: "lease",
  /** `ended:<name>`: generation or epoch ms of an ended registration, for a while and until Redis' clock is there. */
  ENDED: "ended:",
  /** `rpc:<request id, percent-encoded>:<name>`: a request, then that it is finished. */
  REQUEST: "rpc:",
  /** `ans:<request id, percent-encoded>:<name>`: its final answer, for a while. */
  ANSWER: "ans:",
  /** Sorted set of open requests, `<request id, percent-encoded>:<name>`, by when they expire. */
  OPEN_REQUESTS: "open",
  /** `q:<name>`: sorted set of the device's open requests, by percent-encoded id, in order of acceptance. */
  QUEUE: "q:",
  /** `v:<name>`: hash of the desired values that are not fulfilled, by key. */
  DESIRED_VALUES: "v:",
  /** `vv:<name>`: hash of the last version of desired values, also of those that are fulfilled or withdrawn, by key. */
  DESIRED_VERSIONS: "vv:",
  /** `c:<name>`: the device's DTLS association, packed (see association-record.ts). */
  ASSOCIATION: "c:",
  /** `bad:<key>`: what could not be parsed, for a week. */
  BAD: "bad:",
} as const;

/** What all keys of a shard begin with: `lw:{0a3}:`. */
export function shardPrefix(shard: number): string {
  return `lw:{${hex(shard, 3)}}:`;
}

/** What stands behind the slot in keys of bootstrap. No other key has it there. */
const BOOTSTRAP = "b:";

/** What the keys of a realm's associations and sessions have behind their slot. */
const REALM: Readonly<Record<Realm, string>> = { server: "", bootstrap: BOOTSTRAP };

/** What the keys of a realm's associations begin with: `lw:{0a3}:` or `lw:{0a3}:b:`. */
export function associationPrefix(device: DeviceRef, realm: Realm): string {
  return shardPrefix(shardOf(device.tenant, device.endpoint)) + REALM[realm];
}

/** `lw:{0a3}:b:last:<name>`: the last bootstrap of a device, see bootstrap-summary.ts, and where one goes that does not parse. */
export function lastBootstrapKeys(device: DeviceRef): { readonly last: string; readonly bad: string } {
  const prefix = shardPrefix(shardOf(device.tenant, device.endpoint)) + BOOTSTRAP;
  const name = `last:${nameOf(device)}`;
  return { last: prefix + name, bad: `${prefix}${SHARD_KEYS.BAD}${name}` };
}

/** A device's name in keys: `tenant/endpoint`. */
export function nameOf({ tenant, endpoint }: DeviceRef): string {
  return `${tenant}/${endpoint}`;
}

/** The device of a name; a tenant holds no slash. */
export function parseName(name: Buffer): DeviceRef {
  const slash = name.indexOf("/");
  return { tenant: name.toString("utf8", 0, slash), endpoint: name.toString("utf8", slash + 1) };
}

/** `lw:{a3f}:a:<peer>`: ids of the registrations that may use a source address, see peer-hints.ts. */
export function peerKey(peer: string): string {
  return `${addressPrefix(peer)}a:${peer}`;
}

/** `lw:{a3f}:c:<address>`: name of the device whose DTLS association, without Connection ID, was last heard at a source address, see association-pointers.ts. */
export function associationAddressKey(address: string, realm: Realm): string {
  return `${addressPrefix(address)}${REALM[realm]}c:${address}`;
}

/** Hints from source addresses are spread over 256 slots. */
function addressPrefix(address: string): string {
  return `lw:{a${hex(firstByte(address), 2)}}:`;
}

/** `lw:{c0a3}:cid:<hex>`: name of the device whose DTLS association has a Connection ID; the slot is by the 12 random bits behind its version. */
export function cidKey(cid: Uint8Array, realm: Realm): string {
  const shard = (((cid[0] ?? 0) << 8) | (cid[1] ?? 0)) & 0xfff;
  return `lw:{c${hex(shard, 3)}}:${REALM[realm]}cid:${Buffer.from(cid).toString("hex")}`;
}

/** `lw:{s3f}:s:<base64url>`: a DTLS session, and where one goes that does not parse. */
export function sessionKeys(id: Uint8Array, realm: Realm): { readonly session: string; readonly bad: string } {
  const prefix = `lw:{s${hex(id[0] ?? 0, 2)}}:${REALM[realm]}`;
  const name = `s:${Buffer.from(id).toString("base64url")}`;
  return { session: prefix + name, bad: `${prefix}${SHARD_KEYS.BAD}${name}` };
}

/** What the leases of the node directory begin with; the slot follows. */
export const NODE_PREFIX = "lw:{n}:node:";

/** Token buckets of a name, such as a tenant: each in a slot of its own. */
export function budgetKey(name: string): string {
  return `lw:{b:${encodeURIComponent(name)}}:budget`;
}

/** Random id and high-water second of this life of the store, and the run id of its server; what begins with it and a colon counts a node's looks at it. */
export const INCARNATION_KEY = "lw:{n}:incarnation";

/** Behind the incarnation's key: the id of the life into which all that was known of the one before has been read back, or, with ` requests` behind it, its requests. */
export const RESTORED_SUFFIX = ":restored";

/** Offset up to which the read model is gap-free. */
export const POSITION_KEY = "lw:{p}:position";

/** Slots that provisioning is spread over. */
export const PROVISIONING_SLOTS = 256;

/** What the keys of one slot of provisioning begin with: `lw:{p07}:`. */
export function provisioningPrefix(slot: number): string {
  return `lw:{p${hex(slot, 2)}}:`;
}

/**
 * Names behind a slot's prefix. `<name>` is `tenant/id`.
 *
 * A record lies in the slot of its id, and so does the NoSec identity of a device, whose endpoint is its id: one step finds both.
 */
export const PROVISIONING_KEYS = {
  /** `rec:<kind>`: hash of records by name. */
  RECORDS: "rec:",
  /** `id:<identity>`: offset and name of the device that owns it. A pointer: only the device's records say whether it still holds. */
  IDENTITY: "id:",
} as const;

/** Slot of a record. */
export function recordSlot(id: string): number {
  return provisioningSlot(id);
}

/** Slot of the pointer from an identity, as `identityText` has it, to its device. */
export function identitySlot(identity: string): number {
  return provisioningSlot(identity.startsWith(NO_SEC) ? identity.slice(NO_SEC.length) : identity);
}

const NO_SEC = "noSec:";

function provisioningSlot(text: string): number {
  return firstByte(text);
}

/** Of SHA-256. */
function firstByte(text: string): number {
  return sha256Characters(text).charCodeAt(0);
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0");
}
