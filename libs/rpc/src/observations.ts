import { formatPath, type LwM2mPath, pathsOverlap } from "@ferry/lwm2m";
import { REFUSALS, type Refusal } from "./errors.ts";

/** What an observation is of. */
export interface ObservedPaths {
  readonly paths: readonly LwM2mPath[];
  /** Made by Observe-Composite, also when it has one path only. */
  readonly composite: boolean;
}

/** The observation of exactly these paths, in whatever order. */
export function findObservation<T extends ObservedPaths>(existing: Iterable<T>, wanted: ObservedPaths): T | undefined {
  const sought = signature(wanted);
  for (const observation of existing) if (signature(observation) === sought) return observation;
  return undefined;
}

function signature({ paths, composite }: ObservedPaths): string {
  return [composite, ...paths.map(formatPath).sort()].join(" ");
}

/**
 * Why an observation cannot be made beside those that exist: the device would report the same values twice.
 *
 * The same single path again is no conflict: the request is repeated under the token that it has.
 */
export function findObservationConflict(existing: Iterable<ObservedPaths>, wanted: ObservedPaths): Refusal | undefined {
  for (const observation of existing) {
    const isRepeated = !wanted.composite && !observation.composite && samePath(observation, wanted);
    if (isRepeated) continue;
    for (const path of wanted.paths) {
      const other = observation.paths.find((observed) => pathsOverlap(observed, path));
      if (other === undefined) continue;
      if (observation.composite) return REFUSALS.registeredComposite(formatPath(path));
      return other.length === path.length
        ? REFUSALS.registeredSingle(formatPath(path))
        : REFUSALS.observationConflict(formatPath(path), formatPath(other));
    }
  }
  return undefined;
}

function samePath(a: ObservedPaths, b: ObservedPaths): boolean {
  return signature(a) === signature(b);
}
