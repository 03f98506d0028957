import type { TimedValue } from "@ferry/lwm2m";
import type { MappedSample } from "@ferry/profile";
import type { lwm2m, ValueSample } from "@ferry/proto";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { nextHead, type RecordSubject } from "./record-writer.ts";

/** Where values come from. */
export interface ValueOrigin {
  readonly source: lwm2m.v1.ValueSource;
  readonly eventId: Uint8Array;
  /** A newer notification of the observation came before: the values are data, but move no attribute. */
  readonly stale: boolean;
  /** Single resource instances were reported: a map of instances holds some of the resource's, not all. */
  readonly partial?: boolean;
  /** Time of values for which the device gave none, ms since 1970. */
  readonly nowMs: number;
}

/**
 * Publishes the values that the device's profile maps: those of one payload in one telemetry and one attributes record.
 *
 * Resolves once Kafka has them; `undefined` when the profile maps none.
 */
export function publishValues(
  device: RecordSubject & Pick<OwnedDevice, "serving">,
  values: readonly TimedValue[],
  { source, eventId, stale, nowMs, partial = false }: ValueOrigin,
  { records }: TransportPorts,
): Promise<void> | undefined {
  const { telemetry, attributes } = device.serving.values.map(values);
  const samples =
    telemetry.length === 0
      ? undefined
      : records.telemetry(nextHead(device, eventId, nowMs), {
          samples: telemetry.map((sample) => toSample(sample, nowMs, partial)),
          source,
          stale,
        });
  if (attributes.length === 0 || stale) return samples;
  const latest = records.attributes(nextHead(device, eventId, nowMs), {
    attributes: attributes.map((sample) => toSample(sample, nowMs, partial)),
    source,
  });
  return samples === undefined ? latest : Promise.all([samples, latest]).then(() => undefined);
}

function toSample({ key, path, value, timeMs, unit }: MappedSample, nowMs: number, partial: boolean): ValueSample {
  return {
    key,
    path,
    value,
    timeMs: timeMs ?? nowMs,
    deviceTime: timeMs !== undefined,
    unit,
    partial: partial && value.type === "multipleResource",
  };
}
