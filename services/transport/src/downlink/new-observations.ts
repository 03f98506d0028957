import { type Observation, observationToken } from "@ferry/state";
import type { DesiredObservation } from "../serving.ts";

/** The observations that a profile wants of a device in `shard`, each under a token of its own, to be stored before they are made. */
export function newObservations(
  shard: number,
  desired: Iterable<DesiredObservation>,
  random: (size: number) => Uint8Array,
): readonly Observation[] {
  return Array.from(desired, ({ texts, contentFormat }) => ({
    token: observationToken(shard, random),
    paths: texts,
    source: "profile",
    contentFormat,
  }));
}
