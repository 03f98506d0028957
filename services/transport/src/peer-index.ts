import type { PeerKey } from "@ferry/coap";
import type { OwnedDevice } from "./owned-device.ts";

/** Devices by where they were last heard. A simulator, or a NAT that gave a port to the next device, has several at one address. */
export class PeerIndex {
  readonly #devices = new Map<PeerKey, OwnedDevice | Set<OwnedDevice>>();

  /** The one device at an address; `ambiguous` when there are several. */
  find(peer: PeerKey): OwnedDevice | "ambiguous" | undefined {
    const found = this.#devices.get(peer);
    return found instanceof Set ? "ambiguous" : found;
  }

  add(peer: PeerKey, device: OwnedDevice): void {
    const known = this.#devices.get(peer);
    if (known === undefined || known === device) this.#devices.set(peer, device);
    else if (known instanceof Set) known.add(device);
    else this.#devices.set(peer, new Set([known, device]));
  }

  remove(peer: PeerKey, device: OwnedDevice): void {
    const known = this.#devices.get(peer);
    if (known === device) this.#devices.delete(peer);
    if (!(known instanceof Set) || !known.delete(device)) return;
    const [last, ...others] = known.size <= 1 ? known : [];
    if (last !== undefined && others.length === 0) this.#devices.set(peer, last);
  }

  clear(): void {
    this.#devices.clear();
  }
}
