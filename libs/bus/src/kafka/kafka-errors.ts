/** Kafka's name of an error or of what caused it, such as `UNKNOWN_TOPIC_OR_PARTITION`; undefined when it did not come from the broker. */
export function errorType(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ("type" in each && typeof each.type === "string") return each.type;
  }
  return undefined;
}

/** What a log line says about an error. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
