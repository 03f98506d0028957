import {
  EXPIRY_GRACE_MS,
  type OutboxEntry,
  type Owner,
  type Registration,
  SHARDS,
  StateUnavailableError,
  TRANSPORT_SLOTS,
} from "@ferry/state";
import { logLine } from "./communication-log.ts";
import { publishStored } from "./lifecycle.ts";
import type { TransportPorts } from "./ports.ts";
import { forgetElsewhere } from "./take-over.ts";

/** Every shard is looked at this often, ms. */
const ROUND_MS = 10_000;
/** Of the shards of the others a node comes by each in one of so many rounds: one that dies again and again, sooner than a round is over, must not leave its own to nobody. */
const OTHERS_EVERY = 8;
/** Who comes by another's shard and finds nothing to publish has it for so long, ms: over when its node comes. */
const VISIT_LEASE_MS = 2_000;
/** Shards per step, so that a round is spread evenly. */
const STEP = 32;
/** Outbox entries younger than this belong to the node that wrote them, ms. */
const OUTBOX_AGE_MS = 15_000;
/** Registrations and entries per call. */
const LIMIT = 200;
/** How soon a store that is away, or not restored, is looked at again, ms. */
const RETRY_MS = 1_000;

/** A shard that a node sweeps. */
export interface SweptShard {
  readonly shard: number;
  /** Whether it is the node's own, or another's that it comes by. */
  readonly own: boolean;
}

/**
 * The shards that a node sweeps in a round, ascending: every n-th of n live nodes, and of the others' those whose round it is, however many live. What two nodes come by at once, the leases settle.
 *
 * `turn`: the place of the node among them, from 0.
 */
export function shardsOfRound(turn: number, nodes: number, round: number): readonly SweptShard[] {
  const all = Array.from({ length: SHARDS }, (_, shard) => ({ shard, own: shard % nodes === turn }));
  return all.filter(({ shard, own }) => own || (shard + round) % OTHERS_EVERY === 0);
}

/**
 * Ends registrations whose lifetime lapsed, and publishes what their nodes could not: each shard by one live node at a time, under a lease.
 *
 * Not before the store is restored: one that fell back to an older copy does not know that its devices prolonged their registrations, and what its outbox
 * tells of may be older than what Kafka has of these devices.
 */
export class Sweeper {
  readonly #ports: TransportPorts;
  readonly #delay: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #stopped = new AbortController();
  /** Shards whose outbox is being published. */
  readonly #publishing = new Set<number>();
  #loop: Promise<void> = Promise.resolve();

  constructor(ports: TransportPorts, delay: (ms: number, signal: AbortSignal) => Promise<void>) {
    this.#ports = ports;
    this.#delay = delay;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    for (let round = 0; !signal.aborted; ) {
      try {
        const shards = await this.#shards(round);
        for (let at = 0; at < shards.length && !signal.aborted; at += STEP) {
          await this.#untilRestored(signal);
          await Promise.all(shards.slice(at, at + STEP).map((swept) => this.#sweep(swept)));
          await this.#delay((ROUND_MS * STEP) / shards.length, signal);
        }
        round += 1;
      } catch (error) {
        if (!(error instanceof StateUnavailableError)) throw error;
        this.#ports.stateEpisode.failed(error);
        await this.#delay(RETRY_MS, signal);
      }
    }
  }

  async #untilRestored(signal: AbortSignal): Promise<void> {
    const { storeWatch } = this.#ports;
    while (!(signal.aborted || (await storeWatch.isRestored()))) await this.#delay(RETRY_MS, signal);
  }

  async #shards(round: number): Promise<readonly SweptShard[]> {
    const slots = (await this.#ports.nodes.list(TRANSPORT_SLOTS)).map(({ slot }) => slot).sort((a, b) => a - b);
    return shardsOfRound(Math.max(0, slots.indexOf(this.#ports.node.slot)), Math.max(1, slots.length), round);
  }

  async #sweep({ shard, own }: SweptShard): Promise<void> {
    const { devices, node, clock, settings } = this.#ports;
    for (let more = true; more && !this.#stopped.signal.aborted; ) {
      const swept = await devices.sweep({
        shard,
        node,
        outboxAgeMs: OUTBOX_AGE_MS,
        graceMs: Math.min(settings.expiryGraceMs, EXPIRY_GRACE_MS),
        limit: LIMIT,
        ...(own ? {} : { leaseMs: VISIT_LEASE_MS }),
        nowMs: clock.wallMs(),
      });
      if (swept.type === "leased") return;
      for (const { registration, owner } of swept.expired) this.#expired(registration, owner);
      // Expiry needs only Redis: it does not wait for Kafka.
      if (swept.outbox.length > 0 && !this.#publishing.has(shard)) void this.#publish(shard, swept.outbox);
      more = swept.more && swept.expired.length > 0;
    }
  }

  #expired(registration: Registration, owner: Owner): void {
    const { ownership, metrics } = this.#ports;
    metrics.expirations.inc();
    const device = ownership.byDevice(registration.tenant, registration.endpoint);
    if (device?.registration.registrationId !== registration.registrationId) {
      forgetElsewhere(registration, owner, this.#ports);
      return;
    }
    logLine(device, "info: Client unRegistration", this.#ports);
    ownership.drop(device);
  }

  /** Publishes what the outbox of a shard holds; the sender keeps the order per device. What fails stays for a later round. */
  async #publish(shard: number, entries: readonly OutboxEntry[]): Promise<void> {
    const { devices, unpublished, stateEpisode } = this.#ports;
    this.#publishing.add(shard);
    const accepted: string[] = [];
    const publish = async (entry: OutboxEntry): Promise<void> => {
      try {
        await publishStored(entry, this.#ports);
        accepted.push(entry.id);
      } catch (error) {
        if (error instanceof StateUnavailableError) stateEpisode.failed(error);
        else unpublished(error);
      }
    };
    await Promise.all(entries.map(publish));
    try {
      if (accepted.length > 0) await devices.settle(shard, accepted);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      stateEpisode.failed(error);
    }
    this.#publishing.delete(shard);
  }
}
