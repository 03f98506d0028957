import { DEFAULT_STACK_LIMITS, DEFAULT_TRANSMISSION_PARAMETERS } from "@ferry/coap";
import { bytes, duration, flag, integer, port, ratio, type Section, section, text } from "./setting.ts";

/** A CoAP listener and the times of RFC 7252 §4.8. */
export interface CoapSettings {
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly receiveBufferBytes: number;
  readonly ackTimeoutMs: number;
  readonly ackRandomFactor: number;
  readonly maxRetransmit: number;
  readonly nstart: number;
  readonly maxLatencyMs: number;
  readonly processingDelayMs: number;
  readonly responseTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly blockSize: number;
}

/** The settings of a CoAP listener, under a prefix of its own: one process can have several. */
export function coapSettings(envPrefix: string, defaultPort: number): Section<CoapSettings> {
  return section<CoapSettings>(envPrefix, {
    host: text("::").describe("Address of the CoAP listener; `::` is all, IPv4 and IPv6."),
    port: port(defaultPort).describe("UDP port of the CoAP listener (NoSec)."),
    reusePort: flag(false).describe(
      "Share the port with other processes of this machine; the kernel keeps a device on one of them.",
    ),
    receiveBufferBytes: bytes("4MiB").describe(
      "Receive buffer asked of the kernel; its default overflows on a pause of 30 ms.",
    ),
    ackTimeoutMs: duration("2s").describe("ACK_TIMEOUT: first retransmission of a CON (RFC 7252 §4.8)."),
    ackRandomFactor: ratio(DEFAULT_TRANSMISSION_PARAMETERS.ackRandomFactor).describe(
      "ACK_RANDOM_FACTOR (RFC 7252 §4.8).",
    ),
    maxRetransmit: integer(DEFAULT_TRANSMISSION_PARAMETERS.maxRetransmit, { min: 0, max: 20 }).describe(
      "MAX_RETRANSMIT (RFC 7252 §4.8).",
    ),
    nstart: integer(DEFAULT_TRANSMISSION_PARAMETERS.nstart, { min: 1 }).describe(
      "NSTART: own exchanges at a time towards one device (RFC 7252 §4.7).",
    ),
    maxLatencyMs: duration("100s").describe("MAX_LATENCY (RFC 7252 §4.8.2)."),
    processingDelayMs: duration("2s").describe("PROCESSING_DELAY (RFC 7252 §4.8.2)."),
    responseTimeoutMs: duration("2m").describe(
      "How long a device may take to answer an operation that it has acknowledged.",
    ),
    maxBodyBytes: bytes("1MiB").describe("Largest body put together from blocks (RFC 7959); beyond it 4.13."),
    blockSize: integer(DEFAULT_STACK_LIMITS.blockSize, { min: 16, max: 1024 }).describe(
      "Block size that we offer: a power of two (RFC 7959 §2.2).",
    ),
  });
}
