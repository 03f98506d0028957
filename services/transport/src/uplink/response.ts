import { CODE, type CoapOption, OPTION, stringOption, uintOption } from "@ferry/coap";
import type { TransportPorts } from "../ports.ts";

/** The answer to a request of a device, with what is to be done once it is on its way. */
export interface UplinkResponse {
  readonly code: number;
  readonly options?: readonly CoapOption[];
  readonly payload?: Uint8Array;
  readonly afterwards?: () => void;
}

/** An error with its diagnostic payload (RFC 7252 §5.5.2). */
export function refuse(code: number, diagnostic: string): UplinkResponse {
  return { code, payload: Buffer.from(diagnostic) };
}

/** 2.01 Created with the Location of the registration (OMA LwM2M Core 1.1.1 §6.2.1). */
export function created(registrationId: string): readonly CoapOption[] {
  return [stringOption(OPTION.LOCATION_PATH, "rd"), stringOption(OPTION.LOCATION_PATH, registrationId)];
}

/** 4.29 Too Many Requests: try again when that time has passed (RFC 8516). */
export function tooManyRequests(waitMs: number): UplinkResponse {
  return { code: CODE.TOO_MANY_REQUESTS, options: [uintOption(OPTION.MAX_AGE, Math.max(1, Math.ceil(waitMs / 1000)))] };
}

/** 5.03 Service Unavailable: try again after some seconds, spread so that a fleet does not come back at once. */
export function tryLater(random: (size: number) => Uint8Array): UplinkResponse {
  const [byte = 0] = random(1);
  return { code: CODE.SERVICE_UNAVAILABLE, options: [uintOption(OPTION.MAX_AGE, 10 + (byte % 50))] };
}

/** How long the store may take to be restored before what it does not know is answered, ms. */
const MAX_SILENCE_MS = 600_000;

/**
 * 4.04 Not Found for a registration that the store does not know, after which the device registers anew. Silence until an emptied or rolled-back store is
 * restored: the device sends its message once more, and is known then. 5.03 when that takes longer than 10 minutes: no router may live, and the device
 * learns at least when to ask again.
 */
export async function answerUnknown({
  storeWatch,
  metrics,
  random,
}: Pick<TransportPorts, "storeWatch" | "metrics" | "random">): Promise<UplinkResponse | undefined> {
  const unrestoredMs = await storeWatch.unrestoredMs();
  if (unrestoredMs === undefined) return { code: CODE.NOT_FOUND };
  if (unrestoredMs > MAX_SILENCE_MS) return tryLater(random);
  metrics.leftUnanswered.inc();
  return undefined;
}
