/** What kafkajs says about a failure, taken from the error or from what caused it. */
interface KafkaFailure {
  readonly type?: string;
  readonly cause?: unknown;
}

/** Kafka's name of the error, such as `UNKNOWN_TOPIC_OR_PARTITION`; undefined when it did not come from the broker. */
export function errorType(error: unknown): string | undefined {
  for (
    let each = error as KafkaFailure | undefined;
    each instanceof Error;
    each = each.cause as KafkaFailure | undefined
  ) {
    if (each.type !== undefined) return each.type;
  }
  return undefined;
}

/** What a log line says about an error. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
