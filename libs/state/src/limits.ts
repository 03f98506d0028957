/** How long a Register's repeat gets the answer of the first: EXCHANGE_LIFETIME (RFC 7252 §4.8.2). */
export const REGISTER_MEMORY_MS = 247_000;

/** How long a final answer is remembered. That there was one is remembered for as long after the request expires, if that is later. */
export const ANSWER_MEMORY_MS = 600_000;

/** How long a request that nobody ended is kept beyond its expiry, so that a router ends it as soon as there is one again. */
export const OPEN_MEMORY_MS = 86_400_000;

/** Requests of one device that its node has in memory, the first of those that are open; the others stay in the store until it is their turn. */
export const MAX_IN_HAND = 8;

/** A step hands over no further requests once it has so many bytes of them; it hands over one at least. */
export const PAGE_MAX_BYTES = 262_144;

/** How long a shard stays with the node that swept it last. */
export const SWEEP_LEASE_MS = 30_000;

/** How far the first Message ID moves when a device's owner does, so that two owners' exchanges do not meet. */
export const MESSAGE_ID_JUMP = 256;

/** Outbox entries that a shard holds while Kafka is away; beyond it the oldest are dropped and counted. */
export const OUTBOX_MAX_ENTRIES = 1_000;

/** How long a value that did not parse is kept for inspection. */
export const QUARANTINE_MS = 604_800_000;

/** Most keys of a device that have a desired value, and most whose last version is remembered. */
export const MAX_DESIRED_VALUES = 64;

/** How long a device's desired values and their versions are kept after the last change, for a device that never comes: 30 days. */
export const DESIRED_MEMORY_MS = 2_592_000_000;

/** How long the end of a registration is remembered, so that nobody restores it: longer than restoring takes after a lost store. */
export const ENDED_MEMORY_MS = 3_600_000;

/** How long the hint from a source address to its device is kept at least; twice the lifetime when that is longer. */
export const PEER_HINT_MIN_MS = 86_400_000;

/** Most devices that the hint of a source address names; of more it only says that they are several. */
export const PEER_HINT_MAX_DEVICES = 4;
