/** Method and response codes: the number as on the wire, class << 5 | detail (RFC 7252 §12.1, RFC 7959 §6, RFC 8132 §6). */
export const CODE = {
  EMPTY: 0x00,

  GET: 0x01,
  POST: 0x02,
  PUT: 0x03,
  DELETE: 0x04,
  FETCH: 0x05,
  PATCH: 0x06,
  IPATCH: 0x07,

  CREATED: 0x41,
  DELETED: 0x42,
  VALID: 0x43,
  CHANGED: 0x44,
  CONTENT: 0x45,
  CONTINUE: 0x5f,

  BAD_REQUEST: 0x80,
  UNAUTHORIZED: 0x81,
  BAD_OPTION: 0x82,
  FORBIDDEN: 0x83,
  NOT_FOUND: 0x84,
  METHOD_NOT_ALLOWED: 0x85,
  NOT_ACCEPTABLE: 0x86,
  REQUEST_ENTITY_INCOMPLETE: 0x88,
  CONFLICT: 0x89,
  PRECONDITION_FAILED: 0x8c,
  REQUEST_ENTITY_TOO_LARGE: 0x8d,
  UNSUPPORTED_CONTENT_FORMAT: 0x8f,
  UNPROCESSABLE_ENTITY: 0x96,
  TOO_MANY_REQUESTS: 0x9d,

  INTERNAL_SERVER_ERROR: 0xa0,
  NOT_IMPLEMENTED: 0xa1,
  BAD_GATEWAY: 0xa2,
  SERVICE_UNAVAILABLE: 0xa3,
  GATEWAY_TIMEOUT: 0xa4,
  PROXYING_NOT_SUPPORTED: 0xa5,
} as const;

/** The class of a code: 0 request or empty, 2 success, 4 client error, 5 server error. */
export function codeClass(code: number): number {
  return code >> 5;
}

/** A method code, 0.01–0.31. */
export function isRequestCode(code: number): boolean {
  return code > 0 && code < 0x20;
}

/** A response code: class 2, 4 or 5 (RFC 7252 §5.9). */
export function isResponseCode(code: number): boolean {
  const kind = codeClass(code);
  return kind === 2 || kind === 4 || kind === 5;
}

/** A code as the standards print it, `2.05`. */
export function formatCode(code: number): string {
  return `${codeClass(code)}.${String(code & 0x1f).padStart(2, "0")}`;
}
