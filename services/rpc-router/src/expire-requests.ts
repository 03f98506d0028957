import { lwm2m } from "@ferry/proto";
import { findMethod } from "@ferry/rpc";
import { SHARDS, type ShardRequest, shardOf } from "@ferry/state";
import { finish } from "./finish.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import type { Answer } from "./route.ts";
import { type Accepted, forward } from "./route-requests.ts";

/** Requests of one shard per look; what is beyond is found at the next. */
const LIMIT = 200;

/**
 * Sees to it that every accepted request ends, whoever died.
 *
 * A living owner answers at the deadline. What is still open a grace later is ended here; where the owner died, at once. A router looks at the shards
 * that it sent requests to when they are due, and at every shard once in a round: so it finds what a dead router left behind.
 */
export class RequestExpiry {
  readonly #ports: RouterPorts;
  readonly #shardsPerStep: number;
  /** When to look at a shard, ms since 1970. */
  readonly #dueMs = new Map<number, number>();
  /** Nodes that were alive when all was seen to. */
  #bootIds: ReadonlySet<string> = new Set();
  #nextShard = 0;

  /** `stepMs`: how often `step` is called. `roundMs`: how often every shard is looked at. */
  constructor(ports: RouterPorts, { stepMs, roundMs }: { readonly stepMs: number; readonly roundMs: number }) {
    this.#ports = ports;
    this.#shardsPerStep = Math.ceil((SHARDS * stepMs) / roundMs);
  }

  /** Takes note of a request that waits for its answer. */
  expect({ device, expiresAtMs }: Accepted): void {
    const shard = shardOf(device.tenant, device.endpoint);
    const dueMs = expiresAtMs + this.#ports.settings.answerGraceMs;
    this.#dueMs.set(shard, Math.min(this.#dueMs.get(shard) ?? dueMs, dueMs));
  }

  /** Looks at what is due. @throws {StateUnavailableError | BusUnavailableError} what was not seen to is due at the next step */
  async step(): Promise<void> {
    const nowMs = this.#ports.clock();
    const alive = new Set((await this.#ports.nodes.list()).map(({ bootId }) => bootId));
    if (!this.#bootIds.isSubsetOf(alive)) {
      for (const shard of [...this.#dueMs.keys()]) await this.#look(shard, (request) => this.#resolveAgain(request));
    }
    this.#bootIds = alive; // Only now: where a look failed, the next step must still know who died.
    const due = [...this.#dueMs].filter(([, dueMs]) => dueMs <= nowMs).map(([shard]) => shard);
    const turn = Array.from({ length: this.#shardsPerStep }, (_, index) => (this.#nextShard + index) % SHARDS);
    await Promise.all([...new Set([...due, ...turn])].map((shard) => this.#look(shard, async () => {})));
    this.#nextShard = (this.#nextShard + this.#shardsPerStep) % SHARDS;
  }

  /** Ends what has lapsed, does `otherwise` with the rest and notes when that is due. */
  async #look(shard: number, otherwise: (request: ShardRequest) => Promise<void>): Promise<void> {
    const { devices, clock, settings } = this.#ports;
    const open = await devices.listOpenRequests({ shard, limit: LIMIT });
    const lapsedMs = clock() - settings.answerGraceMs;
    for (const request of open) {
      await this.#attempt(request, () =>
        request.expiresAtMs <= lapsedMs ? finish(request, lapsedAnswer(request), this.#ports) : otherwise(request),
      );
    }
    this.#dueMs.delete(shard);
    for (const request of open) if (request.expiresAtMs > lapsedMs) this.expect(request);
  }

  /** A request that cannot be seen to, such as one whose stored bytes are damaged, does not keep the others from it: the store forgets it in time. */
  async #attempt({ device, requestId }: ShardRequest, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (isOutage(error)) throw error;
      this.#ports.logger.error({ err: error, ...device, requestId }, "an open request could not be ended");
    }
  }

  /** A node died: what it had in hand goes to the device's new owner, or ends. */
  async #resolveAgain(request: ShardRequest): Promise<void> {
    if (request.dispatchedBy === undefined) {
      await forward(request, 2, "", this.#ports);
      return;
    }
    const { devices, nodes } = this.#ports;
    const owner = (await devices.get(request.device))?.owner;
    const node = owner === undefined ? undefined : await nodes.get(owner.slot);
    // With a living owner it may be that one's: it then has until the deadline.
    if (owner === undefined || node?.bootId !== owner.bootId) await finish(request, INDETERMINATE, this.#ports);
  }
}

const INDETERMINATE: Answer = {
  status: "INDETERMINATE",
  result: "",
  error: "The operation may have been carried out: its node was lost before the device's answer came",
};

/** What is true of a request that nobody answered. */
function lapsedAnswer({ request, dispatchedBy }: ShardRequest): Answer {
  if (dispatchedBy !== undefined) return INDETERMINATE;
  const { method } = lwm2m.v1.RpcRequest.decode(request);
  // Without having passed the gate an operation of this kind was not sent.
  if (findMethod(method)?.sideEffect === "atMostOnce") {
    return { status: "EXPIRED", result: "", error: "The request lapsed before it could be carried out" };
  }
  return { status: "TIMEOUT", result: "", error: "The device did not answer before the request lapsed" };
}
