import type { DocumentError } from "./document.ts";

/** A provisioning record that is not valid; the message is "field: reason". */
export class ProvisioningError extends Error {
  override readonly name = "ProvisioningError";
  readonly code = "PROVISIONING";
  /** The field that is wrong, such as `credentials[0].psk.key`; empty when it is the record as a whole. */
  readonly field: string;
  /** What is wrong with it, and what to write instead. */
  readonly reason: string;

  constructor(field: string, reason: string, options?: ErrorOptions) {
    super(field === "" ? reason : `${field}: ${reason}`, options);
    this.field = field;
    this.reason = reason;
  }
}

/** Files that hold something else than valid documents; every problem is listed. */
export class InvalidDocumentsError extends Error {
  override readonly name = "InvalidDocumentsError";
  readonly code = "INVALID_DOCUMENTS";
  readonly errors: readonly DocumentError[];

  constructor(errors: readonly DocumentError[]) {
    super(errors.map(formatDocumentError).join("\n"));
    this.errors = errors;
  }
}

/** Records that nobody said APPLIED or REJECTED about in time: the rpc-router is not running, or far behind. */
export class ProvisioningTimeoutError extends Error {
  override readonly name = "ProvisioningTimeoutError";
  readonly code = "PROVISIONING_TIMEOUT";
  /** Keys of the records that are unanswered. */
  readonly keys: readonly string[];

  constructor(keys: readonly string[], timeoutMs: number) {
    super(`no word about ${keys.length} of the records within ${timeoutMs / 1000} s: is the rpc-router running?`);
    this.keys = keys;
  }
}

/** A sealed secret that none of the keys opens, or a sealing key that is not one. */
export class SealingError extends Error {
  override readonly name = "SealingError";
  readonly code = "SEALING";
}

/** `file:line: field: reason`, what is not known left out. */
export function formatDocumentError({ file, line, field, reason }: DocumentError): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return field === "" ? `${place}: ${reason}` : `${place}: ${field}: ${reason}`;
}
