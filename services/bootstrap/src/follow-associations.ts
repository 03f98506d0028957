import type { DtlsHandlers } from "@ferry/dtls-endpoint";
import type { BootstrapPorts } from "./ports.ts";

/** What the DTLS listener tells means for the devices that are bootstrapped: requests come by it, and sessions end with the association that they run over. */
export function followAssociations(ports: () => BootstrapPorts): DtlsHandlers {
  const nothing = (): void => {};
  return {
    datagram: (bytes, peer) => ports().coap.receive(bytes, peer),
    established: nothing,
    takenOver: nothing,
    moved: nothing,
    confirmed: nothing,
    // Requests in hand fail, and with them the session. One that is idle, or went to another process, may come back.
    closed: (peer, reason) => {
      if (reason === "closed" || reason === "replaced") ports().coap.forget(peer);
    },
    refused: ({ device, address, reason, detail }) => {
      const { logger, events, metrics } = ports();
      logger.info({ ...device, address, reason, detail }, "A DTLS handshake with the bootstrap server did not succeed");
      metrics.handshakesRefused.inc();
      if (device !== undefined) events.refused(device, { reason: `DTLS handshake from ${address}: ${detail}` });
    },
  };
}
