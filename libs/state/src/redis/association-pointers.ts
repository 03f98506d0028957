import type { StoredAssociation } from "../association-store.ts";
import type { DeviceRef } from "../device-store.ts";
import type { Realm } from "../realm.ts";
import type { RedisConnection } from "./connection.ts";
import { associationAddressKey, cidKey, nameOf, parseName } from "./keys.ts";
import { Scripts } from "./scripts.ts";

type Pointed = Pick<StoredAssociation, "device" | "cid" | "address">;

/**
 * Hints from Connection IDs, or source addresses where there are none, to the names of devices: only a device's association itself says whether it has that
 * Connection ID, or that address. They do not lie in the device's slot of a cluster.
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
    await this.#connection.run((client) => client.set(this.#keyOf(association), name, "PX", keptMs));
  }

  /** Removes what points to an association and no longer should, unless it is what points to the one after it. */
  async drop(association: Pointed, after?: Pointed): Promise<void> {
    const key = this.#keyOf(association);
    if (after !== undefined && key === this.#keyOf(after)) return;
    await this.#scripts.run("drop-pointer", key, nameOf(association.device));
  }

  byCid(cid: Uint8Array): Promise<DeviceRef | undefined> {
    return this.#follow(cidKey(cid, this.#realm));
  }

  byAddress(address: string): Promise<DeviceRef | undefined> {
    return this.#follow(associationAddressKey(address, this.#realm));
  }

  /** Who has a Connection ID has it in every record (RFC 9146 §3), from whatever address: nothing else leads to it. */
  #keyOf({ cid, address }: Pointed): string {
    return cid === undefined ? associationAddressKey(address, this.#realm) : cidKey(cid, this.#realm);
  }

  async #follow(key: string): Promise<DeviceRef | undefined> {
    const name = await this.#connection.run((client) => client.getBuffer(key));
    return name?.includes("/") ? parseName(name) : undefined;
  }
}
