import { concat } from "../bytes.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { ObjectModel } from "../model/object-model.ts";
import type { LwM2mNode, ResourceInstanceNode, ResourceNode, TimedValue } from "../node.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
import type { Decoding } from "./decoding.ts";
import { decodeTlvValue, encodeTlvValue } from "./tlv-value.ts";

/*
 * OMA LwM2M Core 1.1.1 §7.4.5:
 *
 *  7 6 5 4 3 2 1 0
 * +---+-+---+-----+----------------+-------------------+-----------+
 * | T |I| L | len | id (1+I bytes) | length (L bytes)  |   value   |
 * +---+-+---+-----+----------------+-------------------+-----------+
 * T: 0 Object Instance, 1 Resource Instance, 2 multiple Resource, 3 Resource with value. `len` is the length where L is 0.
 */
const OBJECT_INSTANCE = 0;
const RESOURCE_INSTANCE = 1;
const MULTIPLE_RESOURCE = 2;
const RESOURCE = 3;

/** Level of a path at which each kind of TLV stands: index of its id. */
const LEVEL_OF_KIND = [1, 3, 2, 2] as const;
const NAME_OF_KIND = ["Object Instance", "Resource Instance", "multiple Resource", "Resource"] as const;

/**
 * Decodes a TLV payload for `path` into its values, in payload order.
 *
 * A payload may begin at the level below `path` or repeat the levels of `path` itself: both are in the field.
 * @throws {UndecodableContentError}
 */
export function decodeTlv(payload: Uint8Array, decoding: Decoding): TimedValue[] {
  const [objectId] = decoding.path;
  if (objectId === undefined) throw new UndecodableContentError("TLV cannot carry the root: it has no object ids");
  return new TlvDecoder(payload, decoding, decoding.models.object(objectId)).decode(objectId);
}

/** One TLV: what it is, where it starts, and where its value is. */
interface Entry {
  readonly kind: number;
  readonly id: number;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/** Ids of Object, Object Instance and Resource around a TLV; where a level is not known yet, its id is not used. */
type Enclosing = readonly [objectId: number, objectInstanceId: number, resourceId: number];

const NO_ID = -1;

/** One pass over one payload. */
class TlvDecoder {
  readonly #bytes: Uint8Array;
  readonly #path: LwM2mPath;
  readonly #model: ObjectModel | undefined;
  readonly #empties: LwM2mPath[];
  readonly #onFault: Decoding["onFault"];
  readonly #values: TimedValue[] = [];

  constructor(bytes: Uint8Array, { path, empties, onFault }: Decoding, model: ObjectModel | undefined) {
    this.#bytes = bytes;
    this.#path = path;
    this.#model = model;
    this.#empties = empties;
    this.#onFault = onFault;
  }

  decode(objectId: number): TimedValue[] {
    // A resource outside an Object Instance belongs to that of the path, or to the only one of a single-instance object.
    this.#sequence(0, this.#bytes.length, [objectId, this.#path[1] ?? 0, this.#path[2] ?? NO_ID], undefined);
    return this.#values;
  }

  /** Decodes the TLVs from `start` to `end`, which stand inside a TLV of `parent` kind, or at the top. */
  #sequence(start: number, end: number, enclosing: Enclosing, parent: number | undefined): void {
    for (let next = start; next < end; ) {
      const entry = this.#entry(next, end);
      this.#checkPlace(entry, parent);
      this.#contents(entry, enclosing);
      next = entry.end;
    }
  }

  /** Reads the header of the TLV at `start`, which must end by `limit`. */
  #entry(start: number, limit: number): Entry {
    const bytes = this.#bytes;
    const head = bytes[start] as number; // The loop of #sequence() bounds it, and the next check the rest of the header.
    const idWidth = head & 0x20 ? 2 : 1;
    const lengthWidth = (head >> 3) & 3;
    const valueStart = start + 1 + idWidth + lengthWidth;
    if (valueStart > limit) throw this.#error(start, "is cut off in its header");

    let next = start + 1;
    let id = bytes[next++] as number;
    if (idWidth === 2) id = (id << 8) | (bytes[next++] as number);
    let length = lengthWidth === 0 ? head & 7 : 0;
    while (next < valueStart) length = (length << 8) | (bytes[next++] as number);
    if (length > limit - valueStart) {
      throw new UndecodableContentError(
        `TLV length ${length} exceeds the ${limit - valueStart} bytes left at byte ${valueStart} (${formatPath(this.#path)})`,
      );
    }
    return { kind: head >> 6, id, start, valueStart, end: valueStart + length };
  }

  /** Refuses a TLV that cannot stand where it stands, or that is of another id than the path names. */
  #checkPlace({ kind, id, start }: Entry, parent: number | undefined): void {
    if (!this.#mayStand(kind, parent)) throw this.#error(start, `is a ${NAME_OF_KIND[kind]} out of place`);
    const expected = this.#path[LEVEL_OF_KIND[kind] as number]; // A kind has two bits.
    if (expected !== undefined && expected !== id) {
      throw this.#error(start, `is ${NAME_OF_KIND[kind]} ${id}, not ${expected}`);
    }
    if (kind === RESOURCE && this.#path.length === 4) throw this.#error(start, "is a Resource without instances");
  }

  #mayStand(kind: number, parent: number | undefined): boolean {
    if (parent === MULTIPLE_RESOURCE) return kind === RESOURCE_INSTANCE;
    if (parent === OBJECT_INSTANCE) return kind === RESOURCE || kind === MULTIPLE_RESOURCE;
    return kind !== RESOURCE_INSTANCE || this.#path.length >= 3; // At the top: only the path can say of which resource it is.
  }

  #contents(entry: Entry, [objectId, objectInstanceId, resourceId]: Enclosing): void {
    const { kind, id, valueStart, end } = entry;
    if (kind === RESOURCE) {
      this.#value(entry, [objectId, objectInstanceId, id], id);
    } else if (kind === RESOURCE_INSTANCE) {
      this.#value(entry, [objectId, objectInstanceId, resourceId, id], resourceId);
    } else if (kind === MULTIPLE_RESOURCE) {
      if (valueStart === end) this.#empties.push([objectId, objectInstanceId, id]);
      this.#sequence(valueStart, end, [objectId, objectInstanceId, id], kind);
    } else {
      if (valueStart === end) this.#empties.push([objectId, id]);
      this.#sequence(valueStart, end, [objectId, id, NO_ID], kind);
    }
  }

  #value({ valueStart, end }: Entry, path: number[], resourceId: number): void {
    const type = this.#model?.resources.get(resourceId)?.type ?? "OPAQUE";
    try {
      this.#values.push({ path, value: decodeTlvValue(type, this.#bytes, valueStart, end, path) });
    } catch (error) {
      if (!(error instanceof UndecodableContentError)) throw error;
      this.#onFault(error.message);
    }
  }

  #error(start: number, what: string): UndecodableContentError {
    return new UndecodableContentError(`TLV at byte ${start} ${what} (${formatPath(this.#path)})`);
  }
}

/** Encodes the content of `node` as TLV: below an object its instances, below an Object Instance its resources. */
export function encodeTlv(node: LwM2mNode): Uint8Array {
  const chunks: Uint8Array[] = [];
  switch (node.type) {
    case "object":
      for (const instance of node.instances) {
        chunks.push(...entry(OBJECT_INSTANCE, instance.id, concat(instance.resources.flatMap(resourceEntry))));
      }
      break;
    case "objectInstance":
      chunks.push(...node.resources.flatMap(resourceEntry));
      break;
    case "resourceInstance":
      chunks.push(...instanceEntry(node));
      break;
    default:
      chunks.push(...resourceEntry(node));
  }
  return concat(chunks);
}

function resourceEntry(node: ResourceNode): Uint8Array[] {
  if (node.type === "singleResource") return entry(RESOURCE, node.id, encodeTlvValue(node.value));
  return entry(MULTIPLE_RESOURCE, node.id, concat(node.instances.flatMap(instanceEntry)));
}

function instanceEntry(node: ResourceInstanceNode): Uint8Array[] {
  return entry(RESOURCE_INSTANCE, node.id, encodeTlvValue(node.value));
}

function entry(kind: number, id: number, value: Uint8Array): Uint8Array[] {
  const idBytes = id < 0x100 ? [id] : [id >> 8, id & 0xff];
  const lengthBytes = lengthField(value.length);
  const head =
    (kind << 6) |
    ((idBytes.length - 1) << 5) |
    (lengthBytes.length << 3) |
    (lengthBytes.length === 0 ? value.length : 0);
  return [Uint8Array.from([head, ...idBytes, ...lengthBytes]), value];
}

/** The length field has at most 24 bits. */
const MAX_LENGTH = 0xff_ffff;

function lengthField(length: number): number[] {
  if (length < 8) return [];
  if (length < 0x100) return [length];
  if (length < 0x1_0000) return [length >> 8, length & 0xff];
  if (length > MAX_LENGTH) throw new UnencodableContentError(`TLV cannot carry ${length} bytes, at most ${MAX_LENGTH}`);
  return [length >> 16, (length >> 8) & 0xff, length & 0xff];
}
