import type { Random } from "@ferry/coap";

/** When a flight is sent again (RFC 6347 §4.2.4.1). */
export interface RetransmissionSchedule {
  /** Until the first retransmission. */
  readonly initialMs: number;
  /** It doubles each time, up to this. */
  readonly maxMs: number;
  /** The handshake is given up after so many, when the last one's time is over too. */
  readonly maxRetransmissions: number;
}

/** 1, 2, 4, 8 and 16 s, and given up after 63 s: a datagram that one in five loses is then lost every time once in 15 000. */
export const DEFAULT_RETRANSMISSION: RetransmissionSchedule = {
  initialMs: 1_000,
  maxMs: 60_000,
  maxRetransmissions: 5,
};

/** Devices that were cut off together do not come back in step. */
const JITTER = 0.1;

/**
 * How long to wait for an answer to a flight that is sent for the `transmission`th time (1 is the first), ms.
 * Undefined: it is not to be sent so often; the handshake is given up.
 */
export function retransmissionDelayMs(
  transmission: number,
  random: Random,
  schedule: RetransmissionSchedule = DEFAULT_RETRANSMISSION,
): number | undefined {
  if (transmission > 1 + schedule.maxRetransmissions) return undefined;
  const delayMs = Math.min(schedule.initialMs * 2 ** (transmission - 1), schedule.maxMs);
  const [byte = 0] = random(1);
  return delayMs * (1 + (JITTER * byte) / 0xff);
}
