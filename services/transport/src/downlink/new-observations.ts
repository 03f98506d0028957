import { type DeviceRef, type Observation, observationToken, shardOf } from "@ferry/state";
import type { DesiredObservation } from "../serving.ts";

/** The observations that a profile wants of a device, each under a token of its own, to be stored before they are made. */
export function newObservations(
  { tenant, endpoint }: DeviceRef,
  desired: Iterable<DesiredObservation>,
  random: (size: number) => Uint8Array,
): readonly Observation[] {
  const shard = shardOf(tenant, endpoint);
  return Array.from(desired, ({ texts, contentFormat }) => ({
    token: observationToken(shard, random),
    paths: texts,
    source: "profile",
    contentFormat,
  }));
}
