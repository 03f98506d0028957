import { encodeMessage, MESSAGE_TYPE } from "@ferry/coap";
import type { IncomingNotification } from "./coap-server.ts";
import type { TransportPorts } from "./ports.ts";

/** A response that is older than this helps nobody, ms. */
const WORTH_MS = 60_000;

/** Hands a response that reached this node to the one whose token it shows. The device's CON is acknowledged here: the other node cannot be reached from where it came. */
export function forwardResponse(notification: IncomingNotification, slot: number, ports: TransportPorts): void {
  const { handle, peer, code, messageId, token, options, payload } = notification;
  ports.coap.acknowledge(handle);
  ports.metrics.forwardedResponses.inc();
  // As NON: it is acknowledged already, and the other node must not acknowledge it again.
  const datagram = encodeMessage({ type: MESSAGE_TYPE.NON, code, messageId, token, options, payload });
  const deadlineMs = ports.clock.wallMs() + WORTH_MS;
  void ports.records.command(slot, { deadlineMs, forwardedResponse: { peer, datagram } }).catch(ports.unpublished);
}
