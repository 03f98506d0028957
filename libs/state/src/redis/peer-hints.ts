import type { Registration } from "../device-store.ts";
import { PEER_HINT_MAX_DEVICES, PEER_HINT_MIN_MS } from "../limits.ts";
import type { RedisConnection } from "./connection.ts";
import { peerKey } from "./keys.ts";
import { Scripts } from "./scripts.ts";

/**
 * Hints from source addresses to the registrations that use them: only a registration itself says whether it does.
 *
 * A hint is a string of registration ids, 14 characters each, the newest first; empty when they were more than it may name. It does not lie in the
 * device's slot of a cluster, so it is written after the device.
 */
export class PeerHints {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts<"add-peer" | "remove-peer">;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#scripts = new Scripts(connection, ["add-peer", "remove-peer"]);
  }

  /** Notes that a registration, in the place of one that it replaced, uses its address; the other registrations of the hint. */
  async add(registration: Registration, replacedId: string): Promise<readonly string[]> {
    const { peer, registrationId } = registration;
    const key = peerKey(peer);
    const keptMs = hintMs(registration);
    const others = await this.#scripts.run("add-peer", key, registrationId, replacedId, keptMs, PEER_HINT_MAX_DEVICES);
    return (others as Buffer[]).map(String);
  }

  /** Notes that registrations do not use an address any more. */
  async remove(peer: string, registrationIds: readonly string[]): Promise<void> {
    if (registrationIds.length > 0) await this.#scripts.run("remove-peer", peerKey(peer), ...registrationIds);
  }

  /** Ids of the registrations that may use an address; "many" when they are more than a hint names. */
  async get(peer: string): Promise<readonly string[] | "many"> {
    const ids = await this.#connection.run((client) => client.get(peerKey(peer)));
    return ids === "" ? "many" : (ids?.match(/.{14}/g) ?? []);
  }
}

/** How long a hint is kept, ms: it is written anew at least as often as an Update comes, and twice in that time. */
function hintMs({ lifetimeS }: Pick<Registration, "lifetimeS">): number {
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
