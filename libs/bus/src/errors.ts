/** The buffer in front of the bus is full; nothing was taken. */
export class BusOverflowError extends Error {
  override readonly name = "BusOverflowError";
  readonly code = "BUS_OVERFLOW";
}

/** The bus did not accept a record within the delivery deadline; whether it was written is unknown. */
export class BusUnavailableError extends Error {
  override readonly name = "BusUnavailableError";
  readonly code = "BUS_UNAVAILABLE";
}

/** The bus refuses a record because of its size. */
export class RecordTooLargeError extends Error {
  override readonly name = "RecordTooLargeError";
  readonly code = "RECORD_TOO_LARGE";
}
