import type { Token } from "@ferry/state";
import type { OwnedDevice } from "./owned-device.ts";
import { type TokenKey, tokenKey } from "./token-key.ts";

/** The devices that this node owns, found by what their datagrams show. */
export class Ownership {
  readonly #byDevice = new Map<string, OwnedDevice>();
  readonly #byRegistrationId = new Map<string, OwnedDevice>();
  readonly #byToken = new Map<TokenKey, OwnedDevice>();

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
    return this.#byDevice.get(`${tenant}/${endpoint}`);
  }

  byRegistrationId(registrationId: string): OwnedDevice | undefined {
    return this.#byRegistrationId.get(registrationId);
  }

  byToken(token: Token): OwnedDevice | undefined {
    return this.#byToken.get(tokenKey(token));
  }

  /** Takes a device in, in place of what was known of it. Its pending work ends with the old one. */
  adopt(device: OwnedDevice): void {
    const known = this.byDevice(device.tenant, device.endpoint);
    if (known !== undefined) this.drop(known);
    this.#byDevice.set(`${device.tenant}/${device.endpoint}`, device);
    this.#byRegistrationId.set(device.registration.registrationId, device);
    for (const key of device.observations.keys()) this.#byToken.set(key, device);
  }

  /** Forgets a device. Whoever still works on it finds `has` false. */
  drop(device: OwnedDevice): void {
    if (!this.has(device)) return;
    this.#byDevice.delete(`${device.tenant}/${device.endpoint}`);
    this.#byRegistrationId.delete(device.registration.registrationId);
    for (const key of device.observations.keys()) this.#byToken.delete(key);
    device.work.clear();
  }

  has(device: OwnedDevice): boolean {
    return this.#byDevice.get(`${device.tenant}/${device.endpoint}`) === device;
  }

  /** Adds the tokens of observations that the device got since it was adopted. */
  index(device: OwnedDevice, token: Token): void {
    this.#byToken.set(tokenKey(token), device);
  }

  /** Removes an observation. */
  unobserve(device: OwnedDevice, token: Token): void {
    const key = tokenKey(token);
    device.observations.delete(key);
    this.#byToken.delete(key);
  }

  /** Forgets everything: the node cannot prove any more that it owns what it holds. */
  clear(): void {
    for (const device of this.#byDevice.values()) device.work.clear();
    this.#byDevice.clear();
    this.#byRegistrationId.clear();
    this.#byToken.clear();
  }
}
