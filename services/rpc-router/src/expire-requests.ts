import { type NodeRef, SHARDS, type ShardRequest, shardOf, TRANSPORT_SLOTS } from "@ferry/state";
import { finish } from "./finish.ts";
import { inOneLife } from "./one-life.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import { type Answer, displacedAnswer, LAPSED } from "./route.ts";
import type { Accepted } from "./route-requests.ts";

/** Requests of one shard that are looked at together. */
const LIMIT = 100;
/** Shards that are looked at together. */
const BATCH = 16;

/**
 * Sees to it that every accepted request ends, whoever died.
 *
 * A living owner answers at the deadline. What is still open a grace later is ended here; what a node that died had dispatched, at once: the rest waits
 * for the device's new owner. A router looks at the shards that it sent requests to when they are due, and at every shard once in a round: so it finds
 * what a dead router left behind. A store whose requests are not restored is left alone: what it takes for open may have ended, and what it takes for never sent
 * may have been.
 */
export class RequestExpiry {
  readonly #ports: RouterPorts;
  readonly #shardsPerStep: number;
  /** When to look at a shard, ms since 1970. */
  readonly #dueMs = new Map<number, number>();
  /** Nodes that were alive at the last step. */
  #bootIds: ReadonlySet<string> = new Set();
  /** Whether a device that the store does not have has no node. */
  #knowsDevices = false;
  #nextShard = 0;

  /** `stepMs`: how often `step` is called. `roundMs`: how often every shard is looked at. */
  constructor(ports: RouterPorts, { stepMs, roundMs }: { readonly stepMs: number; readonly roundMs: number }) {
    this.#ports = ports;
    this.#shardsPerStep = Math.ceil((SHARDS * stepMs) / roundMs);
  }

  /** Takes note of a request that waits for its answer. */
  expect({ device, expiresAtMs }: Pick<Accepted, "device" | "expiresAtMs">): void {
    const shard = shardOf(device.tenant, device.endpoint);
    const dueMs = expiresAtMs + this.#ports.settings.answerGraceMs;
    this.#dueMs.set(shard, Math.min(this.#dueMs.get(shard) ?? dueMs, dueMs));
  }

  /** Looks at what is due. @throws {StateUnavailableError | BusUnavailableError} what was not seen to is due at the next step */
  async step(): Promise<void> {
    const { restored, requestsRestored } = await this.#ports.devices.incarnation();
    if (!requestsRestored) return;
    this.#knowsDevices = restored;
    const nowMs = this.#ports.clock();
    const nodes = await this.#ports.nodes.list(TRANSPORT_SLOTS);
    const alive: ReadonlySet<string> = new Set(nodes.map(({ bootId }) => bootId));
    if (!this.#bootIds.isSubsetOf(alive)) for (const shard of this.#dueMs.keys()) this.#dueMs.set(shard, 0);
    this.#bootIds = alive;
    for (let index = 0; index < this.#shardsPerStep; index++) {
      this.#dueMs.set(this.#nextShard, 0);
      this.#nextShard = (this.#nextShard + 1) % SHARDS;
    }

    const due = [...this.#dueMs].flatMap(([shard, dueMs]) => (dueMs <= nowMs ? [shard] : []));
    const failures: unknown[] = [];
    for (let from = 0; from < due.length; from += BATCH) {
      const batch = due.slice(from, from + BATCH);
      const looks = await Promise.allSettled(batch.map((shard) => this.#look(shard)));
      const failed = looks.flatMap((look) => (look.status === "rejected" ? [look.reason] : []));
      failures.push(...failed);
      if (failed.length === batch.length) break; // The store or the bus is away: the rest would fail as well.
    }
    if (failures.length > 0) throw failures.find((reason) => !isOutage(reason)) ?? failures[0];
  }

  /** Ends what has lapsed, was displaced or is with a node that died, and notes when the rest is due. */
  async #look(shard: number): Promise<void> {
    const { devices, clock, settings } = this.#ports;
    this.#dueMs.delete(shard); // Before it is listed: what is accepted meanwhile is noted, and may not be in the list.
    try {
      let offset = 0;
      let more = true;
      while (more) {
        const page = await devices.listOpenRequests({ shard, limit: LIMIT, offset });
        const lapsedMs = clock() - settings.answerGraceMs;
        const stays = await Promise.all(page.requests.map((request) => this.#see(request, lapsedMs)));
        offset += stays.filter(Boolean).length;
        more = page.more;
      }
    } catch (error) {
      this.#dueMs.delete(shard); // Behind all others: one that keeps failing does not keep them from their turn.
      this.#dueMs.set(shard, 0);
      throw error;
    }
  }

  /** Ends a request that nobody else ends, or notes when it is due; false when it is not open any more. */
  async #see(request: ShardRequest, lapsedMs: number): Promise<boolean> {
    const end = await this.#endOf(request, lapsedMs);
    if (end === undefined) {
      this.expect(request);
    } else {
      // Asked behind the list, which may be that of an emptied store.
      await inOneLife(() => finish(request, end, this.#ports), this.#ports, end === UNREACHABLE ? "all" : "requests");
    }
    return end === undefined;
  }

  async #endOf(request: ShardRequest, lapsedMs: number): Promise<Answer | undefined> {
    const { dispatchedBy, expiresAtMs, displaced, failFast } = request;
    if (dispatchedBy !== undefined) {
      return expiresAtMs <= lapsedMs || !(await this.#isAlive(dispatchedBy)) ? INDETERMINATE : undefined;
    }
    if (displaced) return displacedAnswer(this.#ports.settings.maxOpen); // Who displaced it died before it had said so.
    if (expiresAtMs <= lapsedMs) return EXPIRED;
    return failFast && this.#knowsDevices && !(await this.#hasNode(request)) ? UNREACHABLE : undefined;
  }

  async #hasNode({ device }: ShardRequest): Promise<boolean> {
    const state = await this.#ports.devices.get(device);
    return state !== undefined && (await this.#isAlive(state.owner));
  }

  /** Asked after what names the node: a step may last long, and nodes may come meanwhile. */
  async #isAlive({ slot, bootId }: NodeRef): Promise<boolean> {
    return (await this.#ports.nodes.get(slot))?.bootId === bootId;
  }
}

const INDETERMINATE: Answer = {
  status: "INDETERMINATE",
  result: "",
  error: "The operation may have been carried out: its node was lost, or had no answer of the device in time",
};
/** A node that had sent it would have said TIMEOUT by now. */
const EXPIRED: Answer = { status: "EXPIRED", result: "", error: LAPSED };
const UNREACHABLE: Answer = {
  status: "UNREACHABLE",
  result: "",
  error: "The node that had the device is gone; the device's next message brings it to another",
};
