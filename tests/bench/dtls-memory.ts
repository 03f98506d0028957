/** What an idle association takes in memory, in a process of its own with `--expose-gc`: PSK, with Connection ID, made by real handshakes. */
import { DtlsLockstepLoad } from "./dtls-lockstep-load.ts";

/** Bytes for one association; `resident` has what the allocator did not give back. */
export interface AssociationMemory {
  readonly associations: number;
  readonly heapBytes: number;
  /** Outside of the heap: packed keys. */
  readonly externalBytes: number;
  readonly residentBytes: number;
}

const ASSOCIATIONS = 100_000;
const STEP = 1_000;

function make(count: number): void {
  for (let made = 0; made < count; made += STEP) {
    load.handshakes(STEP);
    load.forgetClients();
  }
  load.rest();
}

function usage(): NodeJS.MemoryUsage {
  for (let times = 0; times < 3; times++) globalThis.gc?.();
  return process.memoryUsage();
}

const load = await DtlsLockstepLoad.of("PSK", false);
make(STEP);
// What is made once, and code that is compiled, is not any association's.
const before = usage();
make(ASSOCIATIONS);
const after = usage();
const associations = load.server.usage.associations - STEP;
const each = (field: "heapUsed" | "external" | "rss"): number =>
  Math.round((after[field] - before[field]) / associations);
process.send?.({
  associations,
  heapBytes: each("heapUsed"),
  externalBytes: each("external"),
  residentBytes: each("rss"),
} satisfies AssociationMemory);
process.disconnect?.();
