/** The store cannot be reached, or did not answer in time. Whether the step was done is unknown; every step is safe to repeat. */
export class StateUnavailableError extends Error {
  override readonly name = "StateUnavailableError";
  readonly code = "STATE_UNAVAILABLE";
}

/** A value in the store that does not parse: it is quarantined and counted, and counts as absent. */
export class StoredValueError extends Error {
  override readonly name = "StoredValueError";
  readonly code = "STORED_VALUE";
}
