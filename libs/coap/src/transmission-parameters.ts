/**
 * The times that both ends of a CoAP link must agree on (RFC 7252 §4.8).
 *
 * DEFAULT_LEISURE and PROBING_RATE have no field here: this stack does not speak multicast, and it does not go on
 * sending to a peer that stays silent, since every exchange ends by a timeout.
 */
export interface TransmissionParameters {
  /** ACK_TIMEOUT: how long to wait for the first acknowledgement at least, ms. */
  readonly ackTimeoutMs: number;
  /** ACK_RANDOM_FACTOR: the first wait lies between ACK_TIMEOUT and this many times ACK_TIMEOUT; at least 1. */
  readonly ackRandomFactor: number;
  /** MAX_RETRANSMIT: how often a CON is repeated; the wait doubles each time. */
  readonly maxRetransmit: number;
  /** NSTART: how many own confirmable requests, notifications and pings may be unacknowledged towards one peer; the next ones queue. */
  readonly nstart: number;
  /** MAX_LATENCY: the longest a datagram is expected to travel, ms. */
  readonly maxLatencyMs: number;
  /** PROCESSING_DELAY: how long a peer takes to acknowledge, ms. */
  readonly processingDelayMs: number;
  /** How long to wait for a response once the request was acknowledged (or sent as NON) when the request does not say, ms. */
  readonly responseTimeoutMs: number;
}

/** The defaults of RFC 7252 §4.8; the response timeout, of which the RFC says nothing, is MAX_TRANSMIT_WAIT. */
export const DEFAULT_TRANSMISSION_PARAMETERS: TransmissionParameters = {
  ackTimeoutMs: 2_000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
  nstart: 1,
  maxLatencyMs: 100_000,
  processingDelayMs: 2_000,
  responseTimeoutMs: 93_000,
};

/** The times that follow from the parameters (RFC 7252 §4.8.2). */
export interface DerivedTimes {
  /** MAX_TRANSMIT_SPAN: from the first transmission of a CON to its last. */
  readonly maxTransmitSpanMs: number;
  /** MAX_TRANSMIT_WAIT: from the first transmission of a CON until its sender gives up. */
  readonly maxTransmitWaitMs: number;
  /** MAX_RTT: the longest round trip. */
  readonly maxRttMs: number;
  /** EXCHANGE_LIFETIME: how long the Message ID of a CON must not be used again. */
  readonly exchangeLifetimeMs: number;
  /** NON_LIFETIME: how long the Message ID of a NON must not be used again. */
  readonly nonLifetimeMs: number;
}

/** Computes {@link DerivedTimes}; with the defaults 45 s, 93 s, 202 s, 247 s and 145 s. */
export function deriveTimes(parameters: TransmissionParameters): DerivedTimes {
  const { ackTimeoutMs, ackRandomFactor, maxRetransmit, maxLatencyMs, processingDelayMs } = parameters;
  const maxTransmitSpanMs = ackTimeoutMs * (2 ** maxRetransmit - 1) * ackRandomFactor;
  const maxTransmitWaitMs = ackTimeoutMs * (2 ** (maxRetransmit + 1) - 1) * ackRandomFactor;
  const maxRttMs = 2 * maxLatencyMs + processingDelayMs;
  return {
    maxTransmitSpanMs,
    maxTransmitWaitMs,
    maxRttMs,
    exchangeLifetimeMs: maxTransmitSpanMs + maxRttMs,
    nonLifetimeMs: maxTransmitSpanMs + maxLatencyMs,
  };
}
