import type { AssociationRef, StoredAssociation } from "../association-store.ts";
import type { DeviceRef } from "../device-store.ts";
import type { RedisConnection } from "./connection.ts";
import { associationAddressKey, cidKey, nameOf, parseName } from "./keys.ts";
import { Scripts } from "./scripts.ts";

type Pointed = Pick<StoredAssociation, "id" | "device" | "cid" | "address">;

/** Length of an association's id. */
const ID_LENGTH = 12;

/**
 * Hints from Connection IDs and source addresses to associations: the id (12 characters), then `tenant/endpoint`. Only the association itself says whether it
 * still has them. They do not lie in the device's slot of a cluster, so they are written after the association.
 */
export class AssociationPointers {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts<"drop-pointer">;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#scripts = new Scripts(connection, ["drop-pointer"]);
  }

  /** Points to an association for a while, ms. */
  async write(association: Pointed, keptMs: number): Promise<void> {
    const pointer = pointerTo(association);
    await Promise.all(
      keysOf(association).map((key) => this.#connection.run((client) => client.set(key, pointer, "PX", keptMs))),
    );
  }

  /** Removes what points to an association and no longer should: all, or what it does not have any more. */
  async drop(association: Pointed, after?: Pointed): Promise<void> {
    const kept = after === undefined ? [] : keysOf(after);
    const keys = keysOf(association).filter((key) => !kept.includes(key));
    await Promise.all(keys.map((key) => this.#scripts.run("drop-pointer", key, pointerTo(association))));
  }

  byCid(cid: Uint8Array): Promise<AssociationRef | undefined> {
    return this.#follow(cidKey(cid));
  }

  byAddress(address: string): Promise<AssociationRef | undefined> {
    return this.#follow(associationAddressKey(address));
  }

  async #follow(key: string): Promise<AssociationRef | undefined> {
    const pointer = await this.#connection.run((client) => client.getBuffer(key));
    if (pointer === null || pointer.indexOf("/") <= ID_LENGTH) return undefined;
    const device: DeviceRef = parseName(pointer.subarray(ID_LENGTH));
    return { id: pointer.toString("latin1", 0, ID_LENGTH), device };
  }
}

function keysOf({ cid, address }: Pointed): string[] {
  const byAddress = associationAddressKey(address);
  return cid === undefined ? [byAddress] : [cidKey(cid), byAddress];
}

function pointerTo({ id, device }: AssociationRef): string {
  return id + nameOf(device);
}
