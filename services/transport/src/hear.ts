import type { PeerKey } from "@ferry/coap";
import { publishState } from "./lifecycle.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { isReachable } from "./reachability.ts";
import { rouse } from "./sleepers.ts";
import { linkTo, sourceOf } from "./source.ts";

/**
 * Notes an authenticated datagram: the device lives, and is where it came from. A Send without DTLS is none: nothing in it names the device but its address.
 *
 * What was sent to where the device is no longer is not waited for, or it would hold the device's queue for minutes; unless another device is there.
 * Nor is what it may not have heard because it had stopped listening: that is asked anew now.
 */
export function hear(device: OwnedDevice, peer: PeerKey, ports: TransportPorts): void {
  const { clock, settings, ownership, coap, dtls } = ports;
  const source = sourceOf(peer, dtls);
  // Its association went to another node meanwhile, which hears the device from now on.
  if (source === undefined) return;
  const before = device.peer;
  const nowMs = clock.monotonicMs();
  const { underWay } = device;
  const mayHaveMissedIt = underWay?.repeatable && !isReachable(device, settings, nowMs);
  device.heard(source, nowMs, settings.reachability.flowWindowMs);
  device.link = linkTo(peer, dtls);
  if (before !== peer) {
    ownership.moved(device, before);
    if (ownership.byPeer(before) === undefined) coap.forget(before);
    if (dtls?.peer(peer) !== undefined) publishState(device, ports);
  }
  rouse(device, ports);
  // The response may come with the very datagram by which it was heard: a notification answers an Observe.
  if (mayHaveMissedIt) queueMicrotask(() => underWay.abort());
}
