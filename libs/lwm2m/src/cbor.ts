import { concat, decodeUtf8, encodeUtf8 } from "./bytes.ts";
import { UndecodableContentError } from "./errors.ts";
import { exactInteger } from "./value.ts";

/** A CBOR data item (RFC 8949 §2). Integers beyond the safe range are bigint. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | CborTag
  | readonly CborValue[]
  | CborMap;

export type CborMap = ReadonlyMap<CborValue, CborValue>;

/** A tagged data item (RFC 8949 §3.4). */
export class CborTag {
  readonly tag: number;
  readonly value: CborValue;

  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

/** Deepest nesting that is decoded. LwM2M needs 3: pack, record, tagged value. */
const MAX_DEPTH = 16;

/*
 * RFC 8949 §3: an initial byte holds the major type (3 bits) and additional information (5 bits): the argument itself
 * up to 23; 24 to 27 say that it follows in 1, 2, 4 or 8 bytes; 31 stands for indefinite length, or in major type 7 for its end ("break").
 */
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const SIMPLE = 7;
const INDEFINITE = 31;
const BREAK = 0xff;
const FALSE = 20;
const TRUE = 21;
const NULL = 22;
const UNDEFINED = 23;
const HALF = 25;
const SINGLE = 26;
const DOUBLE = 27;

/** Decodes the one data item that `bytes` are. @throws {UndecodableContentError} */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const decoder = new CborDecoder(bytes);
  const value = decoder.item(0);
  decoder.end();
  return value;
}

/**
 * The items of the array that `bytes` are, up to the first that cannot be decoded though it is well-formed: too deep, not UTF-8, a key twice.
 *
 * Undefined when `bytes` are no well-formed array (RFC 8949 §5.3.1): then there is no telling where its items are.
 */
export function decodeLeadingItems(bytes: Uint8Array): CborValue[] | undefined {
  try {
    const check = new CborDecoder(bytes);
    check.skip();
    check.end();
    const items: CborValue[] = [];
    return new CborDecoder(bytes).leadingItems(items) ? items : undefined;
  } catch (error) {
    if (error instanceof UndecodableContentError) return undefined;
    throw error;
  }
}

class CborDecoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #next = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  end(): void {
    const left = this.#bytes.length - this.#next;
    if (left > 0)
      throw new UndecodableContentError(`CBOR has ${left} bytes after its data item, from byte ${this.#next}`);
  }

  item(depth: number): CborValue {
    if (depth > MAX_DEPTH) throw this.#error(`nests deeper than ${MAX_DEPTH}`);
    const head = this.#byte();
    const major = head >> 5;
    const info = head & 0x1f;
    switch (major) {
      case UNSIGNED:
        return this.#argument(info);
      case NEGATIVE: {
        const argument = this.#argument(info);
        // -1 - 2^53+1 is no safe integer: the bigint way decides.
        return typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER
          ? -1 - argument
          : exactInteger(-1n - BigInt(argument));
      }
      case BYTES:
        return info === INDEFINITE ? concat(this.#chunks(BYTES)) : this.#take(this.#length(info));
      case TEXT:
        return info === INDEFINITE
          ? this.#chunks(TEXT)
              .map((chunk) => this.#text(chunk))
              .join("")
          : this.#text(this.#take(this.#length(info)));
      case ARRAY:
        return this.#array(info, depth);
      case MAP:
        return this.#map(info, depth);
      case TAG:
        return new CborTag(this.#smallArgument(info), this.item(depth + 1));
      default:
        return this.#simple(info);
    }
  }

  /** Adds the items of an array to `items` until one cannot be decoded; false when this is no array. */
  leadingItems(items: CborValue[]): boolean {
    const head = this.#byte();
    if (head >> 5 !== ARRAY) return false;
    const info = head & 0x1f;
    let left = info === INDEFINITE ? Number.POSITIVE_INFINITY : this.#length(info);
    try {
      while (left-- > 0 && !(info === INDEFINITE && this.#atBreak())) items.push(this.item(1));
    } catch (error) {
      if (!(error instanceof UndecodableContentError)) throw error;
    }
    return true;
  }

  /** Moves past one data item, however deep it nests. @throws {UndecodableContentError} when it is not well-formed */
  skip(): void {
    /** For each item that is open, how many data items it still needs; negative: until its break. */
    const open = [1];
    for (let left = open.pop(); left !== undefined; left = open.pop()) {
      if (left === 0 || (left < 0 && this.#atBreak())) continue;
      open.push(left - 1);
      const head = this.#byte();
      const major = head >> 5;
      const info = head & 0x1f;
      if (info === INDEFINITE && (major === ARRAY || major === MAP)) open.push(-1);
      else if (info === INDEFINITE && (major === BYTES || major === TEXT)) this.#chunks(major);
      else if (major === BYTES || major === TEXT) this.#skip(this.#length(info));
      else if (major === ARRAY) open.push(this.#length(info));
      else if (major === MAP) open.push(2 * this.#length(info));
      else if (major === TAG) {
        this.#argument(info);
        open.push(1);
      } else if (major === SIMPLE) this.#simple(info);
      else this.#argument(info);
    }
  }

  #array(info: number, depth: number): CborValue[] {
    const items: CborValue[] = [];
    if (info === INDEFINITE) {
      while (!this.#atBreak()) items.push(this.item(depth + 1));
      return items;
    }
    for (let left = this.#length(info); left > 0; left--) items.push(this.item(depth + 1));
    return items;
  }

  #map(info: number, depth: number): CborMap {
    const map = new Map<CborValue, CborValue>();
    const addEntry = () => {
      const key = this.item(depth + 1);
      if (map.has(key)) throw this.#error(`repeats map key ${String(key)}`);
      map.set(key, this.item(depth + 1));
    };
    if (info === INDEFINITE) {
      while (!this.#atBreak()) addEntry();
      return map;
    }
    for (let left = this.#length(info); left > 0; left--) addEntry();
    return map;
  }

  #simple(info: number): CborValue {
    switch (info) {
      case FALSE:
        return false;
      case TRUE:
        return true;
      case NULL:
        return null;
      case UNDEFINED:
        return undefined;
      case HALF:
        return this.#view.getFloat16(this.#skip(2));
      case SINGLE:
        return this.#view.getFloat32(this.#skip(4));
      case DOUBLE:
        return this.#view.getFloat64(this.#skip(8));
      default:
        throw this.#error(`has simple value or break ${info} out of place`);
    }
  }

  /** The chunks of a string of indefinite length: each is a string of definite length (RFC 8949 §3.2.3). */
  #chunks(major: number): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    while (!this.#atBreak()) {
      const head = this.#byte();
      if (head >> 5 !== major) throw this.#error("mixes types in the chunks of a string");
      chunks.push(this.#take(this.#length(head & 0x1f)));
    }
    return chunks;
  }

  #text(bytes: Uint8Array): string {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw this.#error("has a text that is not UTF-8");
    return text;
  }

  #argument(info: number): number | bigint {
    if (info < 24) return info;
    if (info === 24) return this.#byte();
    if (info === 25) return this.#view.getUint16(this.#skip(2));
    if (info === 26) return this.#view.getUint32(this.#skip(4));
    if (info === 27) return exactInteger(this.#view.getBigUint64(this.#skip(8)));
    throw this.#error(`has reserved additional information ${info}`);
  }

  #smallArgument(info: number): number {
    const argument = this.#argument(info);
    if (typeof argument === "bigint") throw this.#error(`has an argument of ${argument}`);
    return argument;
  }

  /** A length or count; each counted byte or item takes at least one byte, so no more can be there than bytes are left. */
  #length(info: number): number {
    const length = this.#smallArgument(info);
    const left = this.#bytes.length - this.#next;
    if (length > left) throw this.#error(`announces ${length} bytes or items with ${left} bytes left`);
    return length;
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)] as number; // #skip() has checked that it is there.
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.slice(start, start + length);
  }

  /** Moves on by `length` bytes; returns where they start. */
  #skip(length: number): number {
    const start = this.#next;
    if (start + length > this.#bytes.length) throw this.#error("is cut off");
    this.#next = start + length;
    return start;
  }

  /** Whether the next byte is the break that ends an item of indefinite length; takes it if so. */
  #atBreak(): boolean {
    if (this.#bytes[this.#next] !== BREAK) return false;
    this.#next++;
    return true;
  }

  #error(what: string): UndecodableContentError {
    return new UndecodableContentError(`CBOR ${what} at byte ${this.#next}`);
  }
}

/** Marks a number that is to be encoded as a float even if it is whole. */
export class CborFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** What can be encoded: whole numbers become integers, others floats of 4 bytes where that is exact, else 8; small decoders lack those of 2. */
export type CborInput = CborValue | CborFloat | readonly CborInput[] | ReadonlyMap<CborInput, CborInput>;

/** Encodes a data item, with definite lengths and the shortest arguments (RFC 8949 §4.2.1). */
export function encodeCbor(value: CborInput): Uint8Array {
  const chunks: Uint8Array[] = [];
  write(value, chunks);
  return concat(chunks);
}

function write(value: CborInput, chunks: Uint8Array[]): void {
  if (value instanceof CborFloat) chunks.push(float(value.value));
  else if (typeof value === "bigint") chunks.push(integer(value));
  else if (typeof value === "number")
    chunks.push(Number.isSafeInteger(value) && !Object.is(value, -0) ? integer(value) : float(value));
  else if (typeof value === "string") {
    const bytes = encodeUtf8(value);
    chunks.push(head(TEXT, bytes.length), bytes);
  } else if (typeof value === "boolean") chunks.push(Uint8Array.of(0xe0 | (value ? TRUE : FALSE)));
  else if (value === null) chunks.push(Uint8Array.of(0xe0 | NULL));
  else if (value === undefined) chunks.push(Uint8Array.of(0xe0 | UNDEFINED));
  else if (value instanceof Uint8Array) chunks.push(head(BYTES, value.length), value);
  else if (value instanceof CborTag) {
    chunks.push(head(TAG, value.tag));
    write(value.value, chunks);
  } else if (value instanceof Map) {
    chunks.push(head(MAP, value.size));
    for (const [key, item] of value) {
      write(key, chunks);
      write(item, chunks);
    }
  } else {
    const items = value as readonly CborInput[]; // All other members of the union are named above.
    chunks.push(head(ARRAY, items.length));
    for (const item of items) write(item, chunks);
  }
}

function integer(value: number | bigint): Uint8Array {
  if (value >= 0) return head(UNSIGNED, value);
  return head(NEGATIVE, typeof value === "bigint" ? -1n - value : -1 - value);
}

function head(major: number, argument: number | bigint): Uint8Array {
  const type = major << 5;
  if (argument < 24) return Uint8Array.of(type | Number(argument));
  if (argument < 0x100) return Uint8Array.of(type | 24, Number(argument));
  const view = new DataView(new ArrayBuffer(9));
  if (argument < 0x1_0000) return argumentBytes(view, type | 25, 2, () => view.setUint16(1, Number(argument)));
  if (argument < 0x1_0000_0000) return argumentBytes(view, type | 26, 4, () => view.setUint32(1, Number(argument)));
  return argumentBytes(view, type | 27, 8, () => view.setBigUint64(1, BigInt(argument)));
}

function float(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(9));
  if (Object.is(Math.fround(value), value))
    return argumentBytes(view, 0xe0 | SINGLE, 4, () => view.setFloat32(1, value));
  return argumentBytes(view, 0xe0 | DOUBLE, 8, () => view.setFloat64(1, value));
}

function argumentBytes(view: DataView<ArrayBuffer>, initialByte: number, width: number, set: () => void): Uint8Array {
  view.setUint8(0, initialByte);
  set();
  return new Uint8Array(view.buffer, 0, 1 + width);
}
