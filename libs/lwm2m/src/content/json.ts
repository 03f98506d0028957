import { decodeUtf8 } from "../bytes.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import { exactInteger } from "../value.ts";
import type { Scalar } from "./scalar.ts";

/** Parses a JSON payload of the format `name`; integers stay exact, beyond the safe range as bigint. @throws {UndecodableContentError} */
export function parseJson(payload: Uint8Array, name: string): unknown {
  const text = decodeUtf8(payload);
  if (text === undefined) throw new UndecodableContentError(`${name} is not UTF-8`);
  try {
    // Only integers of 16 digits and more can lose some as a number.
    return /\d{16}/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UndecodableContentError(`${name}: ${error.message}`, { cause: error });
    // With a reviver, JSON.parse recurses into what is nested.
    if (error instanceof RangeError) throw new UndecodableContentError(`${name} is nested too deep`, { cause: error });
    throw error;
  }
}

/** A reviver that reads integers from their source text; TypeScript's declaration of `JSON.parse` does not have `context` yet. */
function exactNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
  return /^-?\d+$/.test(source) ? exactInteger(BigInt(source)) : value;
}

/** A JSON object of scalars, members in order; `formatBytes` says how bytes become text. @throws {UnencodableContentError} a number that is not finite */
export function formatJsonObject(members: object, name: string, formatBytes: (bytes: Uint8Array) => string): string {
  const texts = Object.entries(members).map(([key, value]: [string, Scalar]) => {
    const scalar = value instanceof Uint8Array ? formatBytes(value) : value;
    return `${JSON.stringify(key)}:${typeof scalar === "string" ? JSON.stringify(scalar) : formatScalar(scalar, name)}`;
  });
  return `{${texts.join(",")}}`;
}

function formatScalar(value: number | bigint | boolean, name: string): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new UnencodableContentError(`${name} cannot carry ${value}`);
  }
  return Object.is(value, -0) ? "-0" : String(value);
}
