import type { DtlsHandlers } from "@ferry/dtls-endpoint";
import { reconcile } from "../downlink/reconcile.ts";
import { publishRefused } from "../lifecycle.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { rouse } from "../sleepers.ts";
import { linkTo, sourceOf } from "../source.ts";

/** What came with a taken-over association has its turn first: it may take the device over itself, ms. */
const SETTLE_MS = 500;

/**
 * What the DTLS listener tells means for the devices that are served here.
 *
 * A device is where it was heard last: a new association counts from its first request on.
 */
export function followAssociations(
  ports: () => TransportPorts,
  later: (ms: number, then: () => void) => void,
): DtlsHandlers {
  const owned = (peer: string): OwnedDevice | undefined => {
    const device = ports().ownership.byPeer(peer);
    return device === "ambiguous" ? undefined : device;
  };
  return {
    datagram: (bytes, peer) => ports().coap.receive(bytes, peer),
    established: () => {},
    takenOver: (peer) => {
      const device = owned(peer);
      if (device !== undefined) device.link = linkTo(peer, ports().dtls);
      later(SETTLE_MS, () => void bringHere(peer, ports()));
    },
    moved: (peer) => {
      const device = owned(peer);
      const source = sourceOf(peer, ports().dtls);
      if (device === undefined || source === undefined || device.address === source.address) return;
      device.movedTo(source.address, ports().clock.monotonicMs());
      ports().takeOver.revalidate(device);
    },
    confirmed: (peer) => {
      const device = owned(peer);
      if (device === undefined) return;
      device.link = linkTo(peer, ports().dtls);
      rouse(device, ports());
      reconcile(device, ports());
    },
    closed: (peer, reason) => {
      const device = owned(peer);
      if (device !== undefined) {
        device.link = "closed";
        // What may be sent twice waits until the device comes back; of what may not nobody knows any more what became of it.
        if (device.underWay?.repeatable) device.underWay.abort();
      }
      if (reason === "closed" || reason === "replaced") ports().coap.forget(peer);
    },
    refused: ({ device, address, reason, detail }) => {
      const { logger } = ports();
      logger.info({ ...device, address, reason, detail }, "A DTLS handshake did not succeed");
      if (device !== undefined) publishRefused(device, `DTLS handshake from ${address}: ${detail}`, ports());
    },
  };
}

/** Who has a device's association serves it: what waits for it can only be sent from here. */
async function bringHere(peer: string, ports: TransportPorts): Promise<void> {
  const source = sourceOf(peer, ports.dtls);
  if (source === undefined || ports.ownership.bySender(source.sender) !== undefined) return;
  await ports.takeOver.claim({ type: "identity" }, source);
}
