import { decodeUtf8, encodeUtf8 } from "../bytes.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
import { type DataType, exactInteger, isTimeMs, type ResourceValue } from "../value.ts";

const scratch: DataView = new DataView(new ArrayBuffer(8));

/**
 * Decodes the value of a TLV, `bytes` from `offset` to `end`, by its data type (OMA LwM2M Core 1.1.1 appendix C.1).
 *
 * @throws {UndecodableContentError} naming `path`
 */
export function decodeTlvValue(
  type: DataType,
  bytes: Uint8Array,
  offset: number,
  end: number,
  path: LwM2mPath,
): ResourceValue {
  switch (type) {
    case "STRING":
    case "CORELINK": {
      const value = decodeUtf8(bytes, offset, end);
      if (value === undefined) throw wrongBytes(type, "that are not UTF-8", end - offset, path);
      return { type, value };
    }
    case "INTEGER":
      return { type, value: readInteger(type, bytes, offset, end, path, true) };
    case "UNSIGNED_INTEGER":
      return { type, value: readInteger(type, bytes, offset, end, path, false) };
    case "FLOAT":
      return { type, value: readFloat(bytes, offset, end, path) };
    case "BOOLEAN": {
      const byte = bytes[offset];
      if (end - offset !== 1 || byte === undefined || byte > 1) throw wrongBytes(type, "", end - offset, path);
      return { type, value: byte === 1 };
    }
    case "OPAQUE":
      return { type, value: bytes.slice(offset, end) };
    case "TIME": {
      const seconds = readInteger(type, bytes, offset, end, path, true);
      const value = Number(seconds) * 1000;
      if (!isTimeMs(value)) throw wrongBytes(type, `of ${seconds} s`, end - offset, path);
      return { type, value };
    }
    case "OBJLNK":
      if (end - offset !== 4) throw wrongBytes(type, "", end - offset, path);
      return { type, value: { objectId: readUint16(bytes, offset), objectInstanceId: readUint16(bytes, offset + 2) } };
  }
}

function wrongBytes(type: DataType, what: string, length: number, path: LwM2mPath): UndecodableContentError {
  return new UndecodableContentError(`${formatPath(path)}: ${length} bytes ${what} are no ${type}`.replace("  ", " "));
}

/** 1, 2, 4 or 8 bytes, most significant first. */
function readInteger(
  type: DataType,
  bytes: Uint8Array,
  offset: number,
  end: number,
  path: LwM2mPath,
  signed: boolean,
): number | bigint {
  const width = end - offset;
  if (width === 1) return signed ? ((bytes[offset] as number) << 24) >> 24 : (bytes[offset] as number);
  if (width === 2) return signed ? (readUint16(bytes, offset) << 16) >> 16 : readUint16(bytes, offset);
  if (width === 4) return signed ? readInt32(bytes, offset) : readInt32(bytes, offset) >>> 0;
  if (width !== 8) throw wrongBytes(type, "", width, path);
  const high = readInt32(bytes, offset);
  const low = readInt32(bytes, offset + 4) >>> 0;
  const value = (signed ? high : high >>> 0) * 0x1_0000_0000 + low;
  if (Number.isSafeInteger(value)) return value;
  return exactInteger((BigInt(signed ? high : high >>> 0) << 32n) | BigInt(low));
}

function readFloat(bytes: Uint8Array, offset: number, end: number, path: LwM2mPath): number {
  const width = end - offset;
  if (width !== 4 && width !== 8) throw wrongBytes("FLOAT", "", width, path);
  scratch.setInt32(0, readInt32(bytes, offset));
  if (width === 4) return scratch.getFloat32(0);
  scratch.setInt32(4, readInt32(bytes, offset + 4));
  return scratch.getFloat64(0);
}

function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number); // Callers have checked the width.
}

function readInt32(bytes: Uint8Array, offset: number): number {
  return (readUint16(bytes, offset) << 16) | readUint16(bytes, offset + 2);
}

/** The inverse of {@link decodeTlvValue}: numbers in the fewest bytes that are exact. */
export function encodeTlvValue(value: ResourceValue): Uint8Array {
  switch (value.type) {
    case "STRING":
    case "CORELINK":
      return encodeUtf8(value.value);
    case "INTEGER":
      return encodeInteger(BigInt(value.value), true);
    case "UNSIGNED_INTEGER":
      return encodeInteger(BigInt(value.value), false);
    case "FLOAT":
      return encodeFloat(value.value);
    case "BOOLEAN":
      return Uint8Array.of(value.value ? 1 : 0);
    case "OPAQUE":
      return value.value;
    case "TIME":
      return encodeInteger(BigInt(Math.floor(value.value / 1000)), true);
    case "OBJLNK": {
      const { objectId, objectInstanceId } = value.value;
      return Uint8Array.of(objectId >> 8, objectId & 0xff, objectInstanceId >> 8, objectInstanceId & 0xff);
    }
  }
}

function encodeInteger(value: bigint, signed: boolean): Uint8Array {
  for (const width of [1, 2, 4, 8]) {
    const wrapped = signed ? BigInt.asIntN(width * 8, value) : BigInt.asUintN(width * 8, value);
    if (wrapped !== value) continue;
    scratch.setBigInt64(0, value);
    return new Uint8Array(scratch.buffer.slice(8 - width));
  }
  throw new UnencodableContentError(`${value} is no ${signed ? "INTEGER" : "UNSIGNED_INTEGER"} of 64 bits`);
}

function encodeFloat(value: number): Uint8Array {
  const isSingle = Object.is(Math.fround(value), value);
  if (isSingle) scratch.setFloat32(0, value);
  else scratch.setFloat64(0, value);
  return new Uint8Array(scratch.buffer.slice(0, isSingle ? 4 : 8));
}
