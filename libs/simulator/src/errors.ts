import { CODE } from "@ferry/coap";

/** A request of the server that the device refuses; `response` is the CoAP code it answers with. */
export class RequestRefusedError extends Error {
  override readonly name = "RequestRefusedError";
  readonly code = "SIMULATOR_REQUEST_REFUSED";
  readonly response: number;

  constructor(response: number, diagnostic: string) {
    super(diagnostic);
    this.response = response;
  }
}

export function notFound(what: string): RequestRefusedError {
  return new RequestRefusedError(CODE.NOT_FOUND, `${what} is not here`);
}

export function notAllowed(what: string): RequestRefusedError {
  return new RequestRefusedError(CODE.METHOD_NOT_ALLOWED, `${what} is not allowed`);
}

export function badRequest(why: string): RequestRefusedError {
  return new RequestRefusedError(CODE.BAD_REQUEST, why);
}
