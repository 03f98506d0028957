import { CODE } from "@ferry/coap";

/** A request of the server that the device refuses; `response` is the CoAP code it answers with, `diagnostic` the text beside it. */
export class RequestRefusedError extends Error {
  override readonly name = "RequestRefusedError";
  readonly code = "SIMULATOR_REQUEST_REFUSED";
  readonly response: number;
  readonly diagnostic: string;

  constructor(response: number, message: string, diagnostic: string = message) {
    super(message);
    this.response = response;
    this.diagnostic = diagnostic;
  }
}

/** Like most devices it says no more than the code. */
export function notFound(what: string): RequestRefusedError {
  return new RequestRefusedError(CODE.NOT_FOUND, `${what} is not here`, "");
}

export function notAllowed(what: string): RequestRefusedError {
  return new RequestRefusedError(CODE.METHOD_NOT_ALLOWED, `${what} is not allowed`, "");
}

export function badRequest(why: string): RequestRefusedError {
  return new RequestRefusedError(CODE.BAD_REQUEST, why);
}
