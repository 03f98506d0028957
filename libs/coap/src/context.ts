import type { Body } from "./blockwise.ts";
import type { DeadlineQueue } from "./deadline-queue.ts";
import type { Deduplicator } from "./deduplicator.ts";
import type { Exchange } from "./exchange.ts";
import type { Peer } from "./peer.ts";
import type { Pending } from "./pending.ts";
import type { StackLimits } from "./stack-limits.ts";
import type { DerivedTimes, TransmissionParameters } from "./transmission-parameters.ts";

/** Uniformly random bytes, this many. */
export type Random = (size: number) => Uint8Array;

/** Everything in a stack that can be due. */
export type Due = Peer | Exchange | Pending | Body;

/** What the parts of one stack share. */
export interface Context {
  readonly random: Random;
  readonly parameters: TransmissionParameters;
  readonly times: DerivedTimes;
  readonly limits: StackLimits;
  readonly deadlines: DeadlineQueue<Due>;
  readonly deduplicator: Deduplicator;
}
