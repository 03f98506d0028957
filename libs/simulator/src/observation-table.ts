import { isDeepStrictEqual } from "node:util";
import { type LwM2mNode, type LwM2mPath, pathsOverlap } from "@ferry/lwm2m";
import type { DeviceObservation } from "./device-io.ts";
import { earliest } from "./earliest.ts";
import { type AssignedAttributes, isSignificant } from "./notification-attributes.ts";

/** One relation by which the server observes the device (RFC 7641), and what it was told last. */
export interface Observation extends DeviceObservation {
  readonly tokenBytes: Uint8Array;
  /** Content-Format that the server asked for; undefined leaves it to the device. */
  readonly accept: number | undefined;
  sequence: number;
  lastSentMs: number;
  /** By path; undefined where there was nothing to tell. */
  lastNodes: readonly (LwM2mNode | undefined)[];
  /** What it observes changed since, and so that its attributes want it told. */
  changed: boolean;
  /** A CON notification waits for its ACK; the next one waits for that (RFC 7641 §4.5.1). */
  outstanding: boolean;
}

/** Observations beyond these are answered as a plain Read (RFC 7641 §4.1). */
const MAX_OBSERVATIONS = 64;

/** The relations of a device, and when each is to be told something. */
export class ObservationTable {
  readonly #byToken = new Map<string, Observation>();
  readonly #attributesOf: (path: LwM2mPath) => AssignedAttributes;

  /** `attributesOf` gives what holds at a path: `pmin` and `pmax` in seconds, thresholds. */
  constructor(attributesOf: (path: LwM2mPath) => AssignedAttributes) {
    this.#attributesOf = attributesOf;
  }

  get full(): boolean {
    return this.#byToken.size >= MAX_OBSERVATIONS;
  }

  /** Starts a relation; `nodes` are what the answer to the Observe tells. */
  add(
    token: Uint8Array,
    what: Pick<Observation, "paths" | "composite" | "accept">,
    nodes: Observation["lastNodes"],
    nowMs: number,
  ): Observation {
    const observation: Observation = {
      ...what,
      token: toHex(token),
      tokenBytes: Uint8Array.from(token),
      sequence: 1,
      lastSentMs: nowMs,
      lastNodes: nodes,
      changed: false,
      outstanding: false,
    };
    this.#byToken.set(observation.token, observation);
    return observation;
  }

  find(token: Uint8Array): Observation | undefined {
    return this.#byToken.get(toHex(token));
  }

  /** Ends a relation; tells whether it was still there. */
  remove({ token }: DeviceObservation): boolean {
    return this.#byToken.delete(token);
  }

  list(): readonly Observation[] {
    return [...this.#byToken.values()];
  }

  /** Something at `path` changed: marks the relations that are to be told. `read` gives undefined for what is gone. */
  mark(path: LwM2mPath, read: (path: LwM2mPath) => LwM2mNode | undefined): void {
    for (const observation of this.#byToken.values()) {
      if (observation.changed) continue;
      observation.changed = observation.paths.some((observed, index) => {
        if (!pathsOverlap(path, observed)) return false;
        const [before, after] = [observation.lastNodes[index], read(observed)];
        if (before === undefined || after === undefined) return before !== after;
        return !isDeepStrictEqual(before, after) && isSignificant(before, after, this.#attributesOf(observed));
      });
    }
  }

  /** The relations to be told something now. */
  due(nowMs: number): readonly Observation[] {
    return this.list().filter((observation) => (this.#dueMs(observation) ?? Number.POSITIVE_INFINITY) <= nowMs);
  }

  get deadlineMs(): number | undefined {
    return earliest(this.list().map((observation) => this.#dueMs(observation)));
  }

  /** A change waits for `pmin`; without one, `pmax` repeats what is (OMA LwM2M Core 1.1.1 §5.1.2). Of several paths the shortest periods count. */
  #dueMs({ paths, lastSentMs, changed, outstanding }: Observation): number | undefined {
    if (outstanding) return undefined;
    const periods = paths.map((path) => this.#attributesOf(path));
    const pminS = Math.min(...periods.map(({ pmin = 0 }) => pmin));
    if (changed) return lastSentMs + pminS * 1000;
    const pmaxS = Math.min(...periods.map(({ pmax = 0 }) => (pmax > 0 ? pmax : Number.POSITIVE_INFINITY)));
    return Number.isFinite(pmaxS) ? lastSentMs + Math.max(pminS, pmaxS) * 1000 : undefined;
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
