import type { Bus, IncomingRecord } from "./bus.ts";

/** The last record of each key of a compacted topic, in the order of their offsets per partition; what ends with a tombstone is left out. Reads to the end that the topic has now. `keep` says which keys are wanted, of a topic that may be large. */
export async function readTable(
  bus: Bus,
  topic: string,
  { keep = () => true }: { readonly keep?: (key: string) => boolean } = {},
): Promise<ReadonlyMap<string, IncomingRecord>> {
  const last = new Map<string, IncomingRecord>();
  const { promise: caughtUp, resolve: onCaughtUp } = Promise.withResolvers<void>();
  const reader = bus.subscribe({
    type: "reader",
    topic,
    from: "earliest",
    handle: (record) => {
      if (record.key === null || !keep(record.key)) return;
      last.delete(record.key); // So that the map keeps the order of the offsets.
      if (record.value !== null) last.set(record.key, record);
    },
    onCaughtUp,
  });
  try {
    await caughtUp;
  } finally {
    await reader.stop();
  }
  return last;
}
