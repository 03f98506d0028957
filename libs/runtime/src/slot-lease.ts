import assert from "node:assert";
import type { NodeDirectory, NodeEntry, SlotRange } from "@ferry/state";
import { onlySlot, StateUnavailableError } from "@ferry/state";

/** Three renewals fit into a lease. */
const RENEWALS = 3.3;
/** A node that was stopped, or starved, for so long may have lost its slot without knowing. */
const CLOCK_GAP_MS = 5_000;
/** How often this node looks whether it was stopped. */
const LOOK_MS = 1_000;

/** What the lease needs from the world. */
export interface SlotLeaseParts {
  readonly nodes: NodeDirectory;
  readonly entry: Omit<NodeEntry, "slot" | "draining" | "ready">;
  /** Slots to take one of: the lowest that is free. */
  readonly slots: SlotRange;
  /** How long the slot stays ours without renewal, ms. */
  readonly leaseMs: number;
  readonly monotonicMs: () => number;
  /** Ownership can no longer be proved: everything that hangs on it must be discarded before anything is sent. */
  readonly onLost: (reason: string) => void;
  /** Whether the store was emptied or rolled back of late. @throws {StateUnavailableError} */
  readonly isStoreLost: () => Promise<boolean>;
  readonly onUnavailable: (error: StateUnavailableError) => void;
  readonly onAvailable: () => void;
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Keeps this node's slot: takes it, renews it, tells when it is lost. */
export class SlotLease {
  readonly #parts: SlotLeaseParts;
  readonly #stopped = new AbortController();
  #entry: NodeEntry;
  /** When this process was last seen to run, monotonic ms. */
  #seenMs: number;
  /** How often this process was held up: the slot may then have gone to another node, until a renewal that began later shows that it has not. */
  #gaps = 0;
  /** Gaps of which the slot is known to have outlived them. */
  #outlived = 0;
  #loops: Promise<unknown> = Promise.resolve();

  private constructor(parts: SlotLeaseParts, entry: NodeEntry) {
    this.#parts = parts;
    this.#entry = entry;
    this.#seenMs = parts.monotonicMs();
  }

  /** Waits for a slot: a held one is never shared. `onWait` is called once when others hold all of them. */
  static async take(parts: SlotLeaseParts, onWait: () => void, signal: AbortSignal): Promise<SlotLease | undefined> {
    let told = false;
    while (!signal.aborted) {
      try {
        const wanted = { ...parts.entry, draining: false, ready: false };
        const entry = await parts.nodes.lease(wanted, parts.slots, parts.leaseMs);
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
    this.#loops = Promise.all([this.#keep(), this.#look()]);
  }

  /**
   * Whether this node may speak for its devices. False once it was stopped for so long that others may have taken them, until a renewal of its slot that began
   * after that has succeeded; `onLost` is called by then, so that ownership is discarded before anything is sent.
   */
  mayServe(): boolean {
    const nowMs = this.#parts.monotonicMs();
    const gapMs = nowMs - this.#seenMs;
    this.#seenMs = nowMs;
    if (gapMs > CLOCK_GAP_MS) {
      this.#gaps++;
      this.#parts.onLost(`this process was held up for ${Math.round(gapMs)} ms`);
    }
    return this.#outlived === this.#gaps;
  }

  /** Gives the slot back. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loops;
    try {
      await this.#parts.nodes.release(this.#entry);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error; // It lapses by itself.
    }
  }

  async #keep(): Promise<void> {
    const everyMs = Math.floor(this.#parts.leaseMs / RENEWALS);
    while (!this.#stopped.signal.aborted) {
      await this.#parts.delay(everyMs, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      this.mayServe();
      await this.#renew();
    }
  }

  /** A gap shows only to who looks more often, also while the store does not answer a renewal, and while nothing comes from devices. */
  async #look(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.mayServe();
      await this.#parts.delay(LOOK_MS, this.#stopped.signal);
    }
  }

  async #renew(): Promise<void> {
    const { nodes, leaseMs, onAvailable, onUnavailable, onLost, isStoreLost } = this.#parts;
    // What the store answers is of a time after these gaps only.
    const gaps = this.#gaps;
    try {
      const ours = await nodes.renew(this.#entry, leaseMs);
      onAvailable();
      if (ours) this.#outlived = Math.max(this.#outlived, gaps);
      // Asked each time, so that a store which fell back by seconds shows.
      const storeLost = await isStoreLost();
      if (ours) return;
      const { slot } = this.#entry;
      const retaken = await nodes.lease(this.#entry, onlySlot(slot), leaseMs);
      // Tokens, commands and epochs carry the slot: two nodes with one cannot both serve. This process ends; its next life takes a free slot, or waits.
      assert(retaken !== undefined, `slot ${slot} was not renewed in time and is another node's now`);
      this.#entry = retaken;
      this.#outlived = Math.max(this.#outlived, gaps);
      // An emptied store forgot the lease with all else: what is in memory is then all that is left.
      if (!storeLost) onLost(`the lease of slot ${slot} had lapsed`);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      // Redis is away: owned devices go on from memory, and nobody else can take a slot either.
      onUnavailable(error);
    }
  }
}
