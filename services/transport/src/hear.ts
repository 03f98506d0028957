import type { PeerKey } from "@ferry/coap";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { isReachable } from "./reachability.ts";
import { rouse } from "./sleepers.ts";

/**
 * Notes an authenticated datagram: the device lives, and is where it came from. A Send is none: over NoSec nothing in it names the device but its address.
 *
 * What was sent to where the device is no longer is not waited for, or it would hold the device's queue for minutes; unless another device is there.
 * Nor is what it may not have heard because it had stopped listening: that is asked anew now.
 */
export function hear(device: OwnedDevice, peer: PeerKey, ports: TransportPorts): void {
  const { clock, settings, ownership, coap } = ports;
  const before = device.peer;
  const nowMs = clock.monotonicMs();
  const { underWay } = device;
  const mayHaveMissedIt = underWay?.repeatable && !isReachable(device, settings, nowMs);
  device.heard(peer, nowMs, settings.reachability.flowWindowMs);
  if (before !== peer) {
    ownership.moved(device, before);
    if (ownership.byPeer(before) === undefined) coap.forget(before);
  }
  rouse(device, ports);
  // The response may come with the very datagram by which it was heard: a notification answers an Observe.
  if (mayHaveMissedIt) queueMicrotask(() => underWay.abort());
}
