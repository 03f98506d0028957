import type { Machine } from "./machine.ts";
import type { StackInput, StackOutput } from "./stack-io.ts";
import type { StackLimits } from "./stack-limits.ts";
import type { TransmissionParameters } from "./transmission-parameters.ts";

/** Uniformly random bytes, this many. */
export type Random = (size: number) => Uint8Array;

/** What a {@link CoapStack} is made of; only randomness has no default. */
export interface CoapStackSettings {
  readonly random: Random;
  readonly parameters?: Partial<TransmissionParameters>;
  readonly limits?: Partial<StackLimits>;
}

export declare class CoapStack implements Machine<StackInput, StackOutput> {
  constructor(settings: CoapStackSettings);
  handle(input: StackInput, nowMs: number): StackOutput[];
  tick(nowMs: number): StackOutput[];
  readonly deadlineMs: number | undefined;
}
