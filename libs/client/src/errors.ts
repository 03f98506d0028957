/** Nobody answered a request in time. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
  readonly code = "NO_ANSWER";
}

/** A desired value is none; the message names the member and says what it must be. */
export class InvalidValueError extends Error {
  override readonly name = "InvalidValueError";
  readonly code = "INVALID_VALUE";
}

/** The console's HTTP API refused a request, or cannot be reached. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code = "API";
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
