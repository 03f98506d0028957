import type { Machine } from "@ferry/coap";
import type { DeviceInput, DeviceOutput } from "./device-io.ts";
import { earliest } from "./earliest.ts";
import { seededNumbers } from "./seeded-random.ts";

/** What a bad link does to each datagram, in both directions. */
export interface Impairment {
  /** Share of datagrams that are lost, 0 to 1. */
  readonly lossRate?: number;
  /** Share of datagrams that arrive twice, 0 to 1. */
  readonly duplicateRate?: number;
  /** Each copy is delayed by 0 up to this, evenly spread, so datagrams overtake each other. */
  readonly maxDelayMs?: number;
  /** The same seed impairs the same datagrams. */
  readonly seed: number;
}

type Datagram = Extract<DeviceInput | DeviceOutput, { readonly bytes: Uint8Array }>;

/** Datagrams under way at once; more are lost, as a full queue loses them. */
const MAX_DELAYED = 4096;

/** A device at the end of a bad link: what it sends and receives is lost, doubled and delayed. Its commands and events are not. */
export class ImpairedMachine implements Machine<DeviceInput, DeviceOutput> {
  readonly #device: Machine<DeviceInput, DeviceOutput>;
  readonly #impairment: Impairment;
  readonly #next: () => number;
  /** What is under way, the earliest first. */
  readonly #delayed: { readonly dueMs: number; readonly datagram: Datagram }[] = [];

  constructor(device: Machine<DeviceInput, DeviceOutput>, impairment: Impairment) {
    this.#device = device;
    this.#impairment = impairment;
    this.#next = seededNumbers(impairment.seed);
  }

  handle(input: DeviceInput, nowMs: number): DeviceOutput[] {
    const inputs = input.type === "datagram" ? this.#travel(input, nowMs) : [input];
    return inputs.flatMap((it) => this.#impair(this.#device.handle(it, nowMs), nowMs));
  }

  tick(nowMs: number): DeviceOutput[] {
    const outputs: DeviceOutput[] = [];
    while (this.#delayed[0] !== undefined && this.#delayed[0].dueMs <= nowMs) {
      const { datagram } = this.#delayed[0];
      this.#delayed.shift();
      if (datagram.type === "send") outputs.push(datagram);
      else outputs.push(...this.#impair(this.#device.handle(datagram, nowMs), nowMs));
    }
    outputs.push(...this.#impair(this.#device.tick(nowMs), nowMs));
    return outputs;
  }

  get deadlineMs(): number | undefined {
    return earliest([this.#delayed[0]?.dueMs, this.#device.deadlineMs]);
  }

  #impair(outputs: readonly DeviceOutput[], nowMs: number): DeviceOutput[] {
    return outputs.flatMap((output): DeviceOutput[] =>
      output.type === "send" ? this.#travel(output, nowMs) : [output],
    );
  }

  /** The copies that arrive at once; delayed ones arrive with `tick`. */
  #travel<D extends Datagram>(datagram: D, nowMs: number): D[] {
    const { lossRate = 0, duplicateRate = 0, maxDelayMs = 0 } = this.#impairment;
    if (this.#next() < lossRate) return [];
    const copies = this.#next() < duplicateRate ? [datagram, datagram] : [datagram];
    return copies.filter((copy) => {
      const delayMs = Math.floor(this.#next() * (maxDelayMs + 1));
      if (delayMs > 0) this.#delay(copy, nowMs + delayMs);
      return delayMs === 0;
    });
  }

  #delay(datagram: Datagram, dueMs: number): void {
    if (this.#delayed.length >= MAX_DELAYED) return;
    const after = this.#delayed.findIndex((it) => it.dueMs > dueMs);
    this.#delayed.splice(after < 0 ? this.#delayed.length : after, 0, { dueMs, datagram });
  }
}
