/** Bytes or text that do not form what a CoAP standard describes; the message says what was found and where. */
export class CoapFormatError extends Error {
  override readonly name = "CoapFormatError";
  readonly code = "COAP_FORMAT";
}
