import type { PeerKey } from "@ferry/coap";
import { deviceKey } from "@ferry/proto";
import { isSenders, type Sender, type Token } from "@ferry/state";
import type { OwnedDevice } from "./owned-device.ts";
import { PeerIndex } from "./peer-index.ts";
import { provenDevice } from "./source.ts";
import { type TokenKey, tokenKey } from "./token-key.ts";

/** The devices that this node owns, found by what their datagrams show. */
export class Ownership {
  /** By `OwnedDevice.name`. */
  readonly #byDevice = new Map<string, OwnedDevice>();
  readonly #byRegistrationId = new Map<string, OwnedDevice>();
  readonly #byToken = new Map<TokenKey, OwnedDevice>();
  readonly #byPeer = new PeerIndex();

  get size(): number {
    return this.#byDevice.size;
  }

  get observations(): number {
    return this.#byToken.size;
  }

  devices(): IterableIterator<OwnedDevice> {
    return this.#byDevice.values();
  }

  byDevice(tenant: string, endpoint: string): OwnedDevice | undefined {
    return this.#byDevice.get(deviceKey(tenant, endpoint));
  }

  /** The device that a sender is proved to be, as far as it registered so; undefined without DTLS. */
  bySender(sender: Sender): OwnedDevice | undefined {
    const proven = provenDevice(sender);
    return proven && ofSender(this.byDevice(proven.tenant, proven.endpoint), sender);
  }

  /** Undefined, as without such a registration, when it is another's than the sender's. */
  byRegistrationId(registrationId: string, sender: Sender): OwnedDevice | undefined {
    return ofSender(this.#byRegistrationId.get(registrationId), sender);
  }

  /** Undefined, as without such an observation, when it is of another device than the sender. */
  byToken(token: Token, sender: Sender): OwnedDevice | undefined {
    return ofSender(this.#byToken.get(tokenKey(token)), sender);
  }

  /** The device that was last heard as a peer: without DTLS an address, which proves nothing; `ambiguous` when there are several. */
  byPeer(peer: PeerKey): OwnedDevice | "ambiguous" | undefined {
    return this.#byPeer.find(peer);
  }

  /** The device is no longer where it was, see `hear`. Nothing happens for a device that was dropped meanwhile. */
  moved(device: OwnedDevice, before: PeerKey): void {
    if (!this.has(device)) return;
    this.#byPeer.remove(before, device);
    this.#byPeer.add(device.peer, device);
  }

  /** Takes a device in, in place of what was known of it, whose pending work is dropped. What is known is kept, and returned, when it is of a newer epoch. */
  adopt(device: OwnedDevice): OwnedDevice {
    const known = this.#byDevice.get(device.name);
    if (known !== undefined && known.owner.epoch > device.owner.epoch) return known;
    // The new one is in place before the old one's work is dropped: who asks again finds it.
    if (known !== undefined) {
      this.#forget(known);
      device.inherit(known);
    }
    this.#byDevice.set(device.name, device);
    this.#byRegistrationId.set(device.registration.registrationId, device);
    this.#byPeer.add(device.peer, device);
    for (const key of device.observations.keys()) this.#byToken.set(key, device);
    if (known !== undefined) giveUp(known, device.registration.registrationId);
    return device;
  }

  /** Forgets a device. Whoever still works on it finds `has` false. `registrationId`: of the registration that its new owner serves, when that is known. */
  drop(device: OwnedDevice, registrationId?: string): void {
    if (!this.has(device)) return;
    this.#forget(device);
    giveUp(device, registrationId);
  }

  #forget(device: OwnedDevice): void {
    this.#byDevice.delete(device.name);
    this.#byRegistrationId.delete(device.registration.registrationId);
    this.#byPeer.remove(device.peer, device);
    for (const key of device.observations.keys()) this.#byToken.delete(key);
  }

  has(device: OwnedDevice): boolean {
    return this.#byDevice.get(device.name) === device;
  }

  /** Makes an observation that the device got since it was adopted known by its token. Nothing happens for a device that was dropped meanwhile. */
  index(device: OwnedDevice, token: Token): void {
    if (this.has(device)) this.#byToken.set(tokenKey(token), device);
  }

  /** Removes an observation. A token that is another device object's by now stays. */
  unobserve(device: OwnedDevice, token: Token): void {
    const key = tokenKey(token);
    device.observations.delete(key);
    if (this.#byToken.get(key) === device) this.#byToken.delete(key);
  }

  /** Forgets everything: the node cannot prove any more that it owns what it holds. */
  clear(): void {
    const devices = [...this.#byDevice.values()];
    this.#byDevice.clear();
    this.#byRegistrationId.clear();
    this.#byToken.clear();
    this.#byPeer.clear();
    for (const device of devices) giveUp(device);
  }
}

function ofSender(device: OwnedDevice | undefined, sender: Sender): OwnedDevice | undefined {
  return device !== undefined && isSenders(device.registration, sender) ? device : undefined;
}

/**
 * Drops what is to be done on a device, and what is under way: it could come after what its next owner sends. What does something each time ends by itself
 * while the device's registration lives on: the answer may still come, on whatever way. A device that registered anew may have rebooted; it would take a repeat
 * for a new message, and do it once more.
 */
function giveUp({ work, underWay, registration }: OwnedDevice, registrationId?: string): void {
  work.clear();
  if (underWay?.repeatable || registration.registrationId !== registrationId) underWay?.abort();
}
