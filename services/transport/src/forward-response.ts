import { encodeMessage, MESSAGE_TYPE } from "@ferry/coap";
import type { IncomingNotification } from "@ferry/runtime";
import type { TransportPorts } from "./ports.ts";

/** A response that is older than this helps nobody, ms. */
const WORTH_MS = 60_000;

/**
 * Hands a response that reached this node to the one whose token it shows. The device's CON is acknowledged here: the other node cannot be reached from where it came.
 *
 * For a slot that nobody holds it is answered with RST: whoever asked has gone, and a forged token gets no further.
 */
export async function forwardResponse(
  notification: IncomingNotification,
  slot: number,
  ports: TransportPorts,
): Promise<void> {
  const live = await ports.liveSlots.has(slot);
  if (live === undefined) {
    ports.coap.abandon(notification.handle);
    return;
  }
  if (!live) {
    ports.coap.reset(notification.handle);
    return;
  }
  const { handle, peer, code, messageId, token, options, payload } = notification;
  ports.coap.acknowledge(handle);
  ports.metrics.forwardedResponses.inc();
  // As NON: it is acknowledged already, and the other node must not acknowledge it again.
  const datagram = encodeMessage({ type: MESSAGE_TYPE.NON, code, messageId, token, options, payload });
  const deadlineMs = ports.clock.wallMs() + WORTH_MS;
  void ports.records.command(slot, { deadlineMs, forwardedResponse: { peer, datagram } }).catch(ports.unpublished);
}
