/** What is wrong with something a device, a caller or a file gave us. `code` is stable; the message says what was found and where. */
export abstract class Lwm2mError extends Error {
  override readonly name: string = "Lwm2mError";
  abstract readonly code: string;
}

/** A text that is no LwM2M path; the message is `Invalid path <input>: <reason>`. */
export class InvalidPathError extends Lwm2mError {
  override readonly name = "InvalidPathError";
  readonly code = "LWM2M_PATH";
}

/** A payload that its content format, its path or the object model does not allow. */
export class UndecodableContentError extends Lwm2mError {
  override readonly name = "UndecodableContentError";
  readonly code = "LWM2M_UNDECODABLE_CONTENT";
}

/** A node or value that the content format cannot carry. */
export class UnencodableContentError extends Lwm2mError {
  override readonly name = "UnencodableContentError";
  readonly code = "LWM2M_UNENCODABLE_CONTENT";
}

/** Objects and Object Instances of a Register or Update that break RFC 6690 or OMA LwM2M Core 1.1.1 §6.2.1. */
export class ObjectLinksError extends Lwm2mError {
  override readonly name = "ObjectLinksError";
  readonly code = "LWM2M_OBJECT_LINKS";
}

/** Write-Attributes that their path or each other do not allow (OMA LwM2M Core 1.1.1 §5.1.2). */
export class InvalidAttributesError extends Lwm2mError {
  override readonly name = "InvalidAttributesError";
  readonly code = "LWM2M_ATTRIBUTES";
}

/** Execute arguments that break the grammar of OMA LwM2M Core 1.1.1 §6.3.5. */
export class ExecuteArgumentsError extends Lwm2mError {
  override readonly name = "ExecuteArgumentsError";
  readonly code = "LWM2M_EXECUTE_ARGUMENTS";
}

/** An object definition that cannot be used; the message names the element. */
export class InvalidModelError extends Lwm2mError {
  override readonly name = "InvalidModelError";
  readonly code = "LWM2M_MODEL";
}

/** A device's answer that does not fit the operation: a success code of another kind, another content format, or a payload that cannot be decoded. */
export class UnexpectedResponseError extends Lwm2mError {
  override readonly name = "UnexpectedResponseError";
  readonly code = "LWM2M_UNEXPECTED_RESPONSE";
  readonly reason: "code" | "contentFormat" | "payload";
  /** CoAP code of the answer as class * 100 + detail. */
  readonly responseCode: number;
  /** Content-Format of the answer; undefined when it had none. */
  readonly contentFormat: number | undefined;

  constructor(
    message: string,
    facts: Pick<UnexpectedResponseError, "reason" | "responseCode" | "contentFormat">,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.reason = facts.reason;
    this.responseCode = facts.responseCode;
    this.contentFormat = facts.contentFormat;
  }
}
