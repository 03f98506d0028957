/** What a process counts of the store, whichever service it is. */
export const STORE_METRICS = {
  quarantined: {
    type: "counter",
    name: "lwm2m_store_quarantined_total",
    help: "Values in Redis that did not parse and were moved out of the way, to keys with `:bad:`, for a week.",
  },
  outboxDropped: {
    type: "counter",
    name: "lwm2m_outbox_dropped_total",
    help: "Lifecycle records and final answers that waited in Redis for Kafka and were dropped, because too many of a shard did.",
  },
} as const;
