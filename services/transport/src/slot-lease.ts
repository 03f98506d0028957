import assert from "node:assert";
import type { NodeDirectory, NodeEntry } from "@ferry/state";
import { StateUnavailableError } from "@ferry/state";

/** Three renewals fit into a lease. */
const RENEWALS = 3.3;
/** A node that was stopped for so long may have lost its slot without knowing. */
const CLOCK_GAP_MS = 5_000;

/** What the lease needs from the world. */
export interface SlotLeaseParts {
  readonly nodes: NodeDirectory;
  readonly entry: Omit<NodeEntry, "slot" | "draining" | "ready">;
  /** Slot to take; undefined for the lowest free one. */
  readonly slot: number | undefined;
  /** How long the slot stays ours without renewal, ms. */
  readonly leaseMs: number;
  readonly monotonicMs: () => number;
  /** Ownership can no longer be proved: everything that hangs on it must be discarded before anything is sent. */
  readonly onLost: (reason: string) => void;
  readonly onUnavailable: (error: StateUnavailableError) => void;
  readonly onAvailable: () => void;
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Keeps this node's slot: takes it, renews it, tells when it is lost. */
export class SlotLease {
  readonly #parts: SlotLeaseParts;
  readonly #stopped = new AbortController();
  #entry: NodeEntry;
  #loop: Promise<void> = Promise.resolve();

  private constructor(parts: SlotLeaseParts, entry: NodeEntry) {
    this.#parts = parts;
    this.#entry = entry;
  }

  /** Waits for the slot: a held one is never shared. `onWait` is called once when it is held by another. */
  static async take(parts: SlotLeaseParts, onWait: () => void, signal: AbortSignal): Promise<SlotLease | undefined> {
    let told = false;
    while (!signal.aborted) {
      try {
        const wanted = {
          ...parts.entry,
          draining: false,
          ready: false,
          ...(parts.slot === undefined ? {} : { slot: parts.slot }),
        };
        const entry = await parts.nodes.lease(wanted, parts.leaseMs);
        parts.onAvailable();
        if (entry !== undefined) return new SlotLease(parts, entry);
        if (!told) onWait();
        told = true;
      } catch (error) {
        if (!(error instanceof StateUnavailableError)) throw error;
        parts.onUnavailable(error);
      }
      await parts.delay(1000, signal);
    }
    return undefined;
  }

  get entry(): NodeEntry {
    return this.#entry;
  }

  /** Changes what the directory shows, at once. */
  async announce(change: { readonly ready?: boolean; readonly draining?: boolean }): Promise<void> {
    this.#entry = { ...this.#entry, ...change };
    await this.#renew();
  }

  start(): void {
    this.#loop = this.#keep();
  }

  /** Gives the slot back. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    try {
      await this.#parts.nodes.release(this.#entry);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error; // It lapses by itself.
    }
  }

  async #keep(): Promise<void> {
    const everyMs = Math.floor(this.#parts.leaseMs / RENEWALS);
    let lastMs = this.#parts.monotonicMs();
    while (!this.#stopped.signal.aborted) {
      await this.#parts.delay(everyMs, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      const nowMs = this.#parts.monotonicMs();
      // The process was stopped or starved: others may have taken its devices meanwhile.
      if (nowMs - lastMs > everyMs + CLOCK_GAP_MS)
        this.#parts.onLost(`the clock jumped by ${Math.round(nowMs - lastMs)} ms`);
      lastMs = nowMs;
      await this.#renew();
    }
  }

  async #renew(): Promise<void> {
    try {
      const ours = await this.#parts.nodes.renew(this.#entry, this.#parts.leaseMs);
      this.#parts.onAvailable();
      if (ours) return;
      this.#parts.onLost(`slot ${this.#entry.slot} is no longer ours`);
      const { slot } = this.#entry;
      const retaken = await this.#parts.nodes.lease({ ...this.#entry, slot }, this.#parts.leaseMs);
      // Tokens, commands and epochs carry the slot: two nodes with one cannot both serve. This process ends; its next life takes a free slot, or waits.
      assert(retaken !== undefined, `slot ${slot} was not renewed in time and is another node's now`);
      this.#entry = retaken;
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      // Redis is away: owned devices go on from memory, and nobody else can take a slot either.
      this.#parts.onUnavailable(error);
    }
  }
}
