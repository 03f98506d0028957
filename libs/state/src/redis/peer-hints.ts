import type { DeviceRef, Registration } from "../device-store.ts";
import { PEER_HINT_MAX_DEVICES, PEER_HINT_MIN_MS } from "../limits.ts";
import type { RedisConnection } from "./connection.ts";
import { nameOf, parseName, peerKey } from "./keys.ts";
import { Scripts } from "./scripts.ts";

/** Devices that may use a source address; "many" when they are more than a hint names. */
export type PeerHint = readonly DeviceRef[] | "many";

/**
 * Hints from source addresses to the devices that use them: only a device's registration says whether it does.
 *
 * A hint is a string of the names, the newest first, each with its length in 2 bytes in front; empty when they were more than it may name. It does not
 * lie in the device's slot of a cluster, so it is written after the device.
 */
export class PeerHints {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts<"add-peer" | "remove-peer">;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#scripts = new Scripts(connection, ["add-peer", "remove-peer"]);
  }

  /** Notes that a device uses an address; the other devices of its hint. */
  async add(peer: string, device: DeviceRef, keptMs: number): Promise<readonly DeviceRef[]> {
    const others = await this.#scripts.run("add-peer", peerKey(peer), nameOf(device), keptMs, PEER_HINT_MAX_DEVICES);
    return (others as Buffer[]).map(parseName);
  }

  /** Notes that devices do not use an address any more. */
  async remove(peer: string, devices: readonly DeviceRef[]): Promise<void> {
    if (devices.length > 0) await this.#scripts.run("remove-peer", peerKey(peer), ...devices.map(nameOf));
  }

  async get(peer: string): Promise<PeerHint> {
    const packed = await this.#connection.run((client) => client.getBuffer(peerKey(peer)));
    if (packed === null) return [];
    return packed.length === 0 ? "many" : parseNames(packed);
  }
}

/** How long a hint is kept, ms: it is written anew at least as often as an Update comes, and twice in that time. */
export function hintMs({ lifetimeS }: Pick<Registration, "lifetimeS">): number {
  return Math.max(2 * lifetimeS * 1000, PEER_HINT_MIN_MS);
}

/** Whether an Update is the first in its half of the time that a hint is kept, counted from the Register: so few of them write it anew. */
export function hintIsDue(
  { lifetimeS, registeredAtMs, updatedAtMs }: Registration,
  before: { readonly lifetimeS: number; readonly updatedAtMs: number },
): boolean {
  const halfMs = hintMs({ lifetimeS }) / 2;
  const half = (atMs: number): number => Math.floor((atMs - registeredAtMs) / halfMs);
  return lifetimeS !== before.lifetimeS || half(updatedAtMs) !== half(before.updatedAtMs);
}

function parseNames(packed: Buffer): DeviceRef[] {
  const names: DeviceRef[] = [];
  for (let at = 0; at + 2 <= packed.length; ) {
    const end = at + 2 + packed.readUInt16BE(at);
    names.push(parseName(packed.subarray(at + 2, end)));
    at = end;
  }
  return names;
}
