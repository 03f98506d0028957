import { CODE, type CoapOption, OPTION, uintOption } from "@ferry/coap";

/** Our answer to a request of a device. */
export interface Answer {
  readonly code: number;
  readonly options?: readonly CoapOption[];
  readonly payload?: Uint8Array;
}

/** An error with its diagnostic payload (RFC 7252 §5.5.2). */
export function refuse(code: number, diagnostic: string): Answer {
  return { code, payload: Buffer.from(diagnostic) };
}

/** 5.03 Service Unavailable: try again after some seconds, spread so that a fleet does not come back at once. */
export function tryLater(random: (size: number) => Uint8Array): Answer {
  const [byte = 0] = random(1);
  return { code: CODE.SERVICE_UNAVAILABLE, options: [uintOption(OPTION.MAX_AGE, 10 + (byte % 50))] };
}
