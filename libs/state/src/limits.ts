/** How long a Register's repeat gets the answer of the first: EXCHANGE_LIFETIME (RFC 7252 §4.8.2). */
export const REGISTER_MEMORY_MS = 247_000;

/** How long a final answer, or a request that never got one, is remembered beyond its end or expiry. */
export const ANSWER_MEMORY_MS = 600_000;

/** How long a shard stays with the node that swept it last. */
export const SWEEP_LEASE_MS = 30_000;

/** How far the first Message ID moves when a device's owner does, so that two owners' exchanges do not meet. */
export const MESSAGE_ID_JUMP = 256;

/** Outbox entries that a shard holds while Kafka is away; beyond it the oldest are dropped and counted. */
export const OUTBOX_MAX_ENTRIES = 1_000;

/** How long a value that did not parse is kept for inspection. */
export const QUARANTINE_MS = 604_800_000;
