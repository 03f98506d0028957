import type { StoredAssociation } from "../association-store.ts";
import type { DeviceRef } from "../device-store.ts";
import type { Realm } from "../realm.ts";
import type { RedisConnection } from "./connection.ts";
import { associationAddressKey, cidKey, nameOf, parseName } from "./keys.ts";
import { Scripts } from "./scripts.ts";

type Pointed = Pick<StoredAssociation, "device" | "cid" | "address">;

/**
 * Hints from Connection IDs and source addresses to the names of devices: only a device's association itself says whether it has that Connection ID, or that
 * address. They do not lie in the device's slot of a cluster, so they are written after the association.
 */
export class AssociationPointers {
  readonly #connection: RedisConnection;
  readonly #realm: Realm;
  readonly #scripts: Scripts<"drop-pointer">;

  constructor(connection: RedisConnection, realm: Realm) {
    this.#connection = connection;
    this.#realm = realm;
    this.#scripts = new Scripts(connection, ["drop-pointer"]);
  }

  /** Points to an association for a while, ms. */
  async write(association: Pointed, keptMs: number): Promise<void> {
    const name = nameOf(association.device);
    await Promise.all(
      this.#keysOf(association).map((key) => this.#connection.run((client) => client.set(key, name, "PX", keptMs))),
    );
  }

  /** Removes what points to an association and no longer should: all, or what it does not have any more. */
  async drop(association: Pointed, after?: Pointed): Promise<void> {
    const kept = after === undefined ? [] : this.#keysOf(after);
    const keys = this.#keysOf(association).filter((key) => !kept.includes(key));
    await Promise.all(keys.map((key) => this.#scripts.run("drop-pointer", key, nameOf(association.device))));
  }

  byCid(cid: Uint8Array): Promise<DeviceRef | undefined> {
    return this.#follow(cidKey(cid, this.#realm));
  }

  byAddress(address: string): Promise<DeviceRef | undefined> {
    return this.#follow(associationAddressKey(address, this.#realm));
  }

  #keysOf({ cid, address }: Pointed): string[] {
    const byAddress = associationAddressKey(address, this.#realm);
    return cid === undefined ? [byAddress] : [cidKey(cid, this.#realm), byAddress];
  }

  async #follow(key: string): Promise<DeviceRef | undefined> {
    const name = await this.#connection.run((client) => client.getBuffer(key));
    return name?.includes("/") ? parseName(name) : undefined;
  }
}
