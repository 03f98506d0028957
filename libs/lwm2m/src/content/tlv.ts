import { concat } from "../bytes.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { ModelView, ObjectModel } from "../model/object-model.ts";
import type { LwM2mNode, ResourceInstanceNode, ResourceNode, TimedValue } from "../node.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
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
 * Containers without values are added to `empties`.
 * @throws {UndecodableContentError}
 */
export function decodeTlv(
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  empties: LwM2mPath[] = [],
): TimedValue[] {
  const [objectId] = path;
  if (objectId === undefined) throw new UndecodableContentError("TLV cannot carry the root: it has no object ids");
  return new TlvDecoder(payload, path, models.object(objectId), empties).decode(objectId);
}

/** One pass over one payload: the ids of the levels that enclose the cursor are in its fields. */
class TlvDecoder {
  readonly #bytes: Uint8Array;
  readonly #path: LwM2mPath;
  readonly #model: ObjectModel | undefined;
  readonly #empties: LwM2mPath[];
  readonly #values: TimedValue[] = [];

  constructor(bytes: Uint8Array, path: LwM2mPath, model: ObjectModel | undefined, empties: LwM2mPath[]) {
    this.#bytes = bytes;
    this.#path = path;
    this.#model = model;
    this.#empties = empties;
  }

  decode(objectId: number): TimedValue[] {
    // A resource outside an Object Instance belongs to that of the path, or to the only one of a single-instance object.
    this.#decodeSequence(0, this.#bytes.length, [objectId, this.#path[1] ?? 0, this.#path[2] ?? -1], -1);
    return this.#values;
  }

  /** Decodes the TLVs in `[offset, end)` that stand inside a TLV of `parent` kind; `-1` at the top. */
  #decodeSequence(offset: number, end: number, enclosing: readonly [number, number, number], parent: number): void {
    const bytes = this.#bytes;
    let next = offset;
    while (next < end) {
      const start = next;
      const head = bytes[next++] as number; // The loop condition bounds it.
      const kind = head >> 6;
      const idWidth = head & 0x20 ? 2 : 1;
      const lengthWidth = (head >> 3) & 3;
      if (next + idWidth + lengthWidth > end) throw this.#error(start, "is cut off in its header");

      let id = bytes[next++] as number;
      if (idWidth === 2) id = (id << 8) | (bytes[next++] as number);
      let length = head & 7;
      if (lengthWidth > 0) {
        length = 0;
        for (let i = 0; i < lengthWidth; i++) length = (length << 8) | (bytes[next++] as number);
      }
      if (length > end - next) {
        throw new UndecodableContentError(
          `TLV length ${length} exceeds the ${end - next} bytes left at byte ${next} (${formatPath(this.#path)})`,
        );
      }
      this.#decodeEntry(kind, id, start, next, next + length, enclosing, parent);
      next += length;
    }
  }

  #decodeEntry(
    kind: number,
    id: number,
    start: number,
    offset: number,
    end: number,
    enclosing: readonly [number, number, number],
    parent: number,
  ): void {
    const level = LEVEL_OF_KIND[kind] as number; // Two bits.
    this.#checkPlace(kind, id, level, start, parent);
    const [objectId, objectInstanceId, resourceId] = enclosing;
    if (kind === RESOURCE) {
      this.#addValue([objectId, objectInstanceId, id], id, offset, end);
    } else if (kind === RESOURCE_INSTANCE) {
      this.#addValue([objectId, objectInstanceId, resourceId, id], resourceId, offset, end);
    } else if (kind === MULTIPLE_RESOURCE) {
      if (offset === end) this.#empties.push([objectId, objectInstanceId, id]);
      this.#decodeSequence(offset, end, [objectId, objectInstanceId, id], kind);
    } else {
      if (offset === end) this.#empties.push([objectId, id]);
      this.#decodeSequence(offset, end, [objectId, id, -1], kind);
    }
  }

  /** Refuses a TLV that cannot stand where it stands, or that is of another id than the path names. */
  #checkPlace(kind: number, id: number, level: number, start: number, parent: number): void {
    const wrongPlace =
      parent === MULTIPLE_RESOURCE
        ? kind !== RESOURCE_INSTANCE
        : parent === OBJECT_INSTANCE
          ? kind !== RESOURCE && kind !== MULTIPLE_RESOURCE
          : kind === RESOURCE_INSTANCE && this.#path.length < 3;
    if (wrongPlace) throw this.#error(start, `is a ${NAME_OF_KIND[kind]} out of place`);
    const expected = this.#path[level];
    if (expected !== undefined && expected !== id) {
      throw this.#error(start, `is ${NAME_OF_KIND[kind]} ${id}, not ${expected}`);
    }
    if (kind === RESOURCE && this.#path.length === 4) throw this.#error(start, "is a Resource without instances");
  }

  #addValue(path: number[], resourceId: number, offset: number, end: number): void {
    const type = this.#model?.resources.get(resourceId)?.type ?? "OPAQUE";
    this.#values.push({ path, value: decodeTlvValue(type, this.#bytes, offset, end, path) });
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
