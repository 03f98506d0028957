import { decodeUtf8, encodeUtf8 } from "../bytes.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
import { type DataType, formatDecimal, formatObjectLink, type ResourceValue } from "../value.ts";
import { fromScalar, type Scalar } from "./scalar.ts";

/**
 * Decodes a plain-text value (OMA LwM2M Core 1.1.1 §7.4.1, appendix C.2): decimals, `0` and `1`, Base64, `3:0`.
 *
 * @throws {UndecodableContentError} naming `path`
 */
export function decodeText(payload: Uint8Array, path: LwM2mPath, type: DataType = "STRING"): ResourceValue {
  const text = decodeUtf8(payload);
  if (text === undefined) throw new UndecodableContentError(`${formatPath(path)}: text is not UTF-8`);
  // What is no text of its type stays text, and is refused as such.
  return fromScalar(type, parseScalar(text, type) ?? text, path);
}

function parseScalar(text: string, type: DataType): Scalar | undefined {
  switch (type) {
    case "INTEGER":
    case "UNSIGNED_INTEGER":
      return /^[+-]?\d{1,20}$/.test(text) ? BigInt(text.replace("+", "")) : undefined;
    case "FLOAT":
      return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
    case "TIME":
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
    case "BOOLEAN":
      return text === "1" ? true : text === "0" ? false : undefined;
    case "OPAQUE":
      return parseBase64(text);
    default:
      return text;
  }
}

/** The bytes of a Base64 text (RFC 4648 §4), with or without padding; undefined when it is none. */
export function parseBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.replace(/=+$/, "").length % 4 === 1) return undefined;
  return Uint8Array.from(Buffer.from(text, "base64"));
}

/** The inverse of {@link decodeText}. @throws {UnencodableContentError} FLOAT that is not finite */
export function encodeText(value: ResourceValue): Uint8Array {
  return encodeUtf8(formatText(value));
}

function formatText(value: ResourceValue): string {
  switch (value.type) {
    case "STRING":
    case "CORELINK":
      return value.value;
    case "FLOAT":
      if (!Number.isFinite(value.value)) throw new UnencodableContentError(`text cannot carry ${value.value}`);
      return formatDecimal(value.value);
    case "BOOLEAN":
      return value.value ? "1" : "0";
    case "OPAQUE":
      return Buffer.from(value.value).toString("base64");
    case "TIME":
      return String(Math.floor(value.value / 1000));
    case "OBJLNK":
      return formatObjectLink(value.value);
    default:
      return String(value.value);
  }
}
