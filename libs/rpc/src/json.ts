/** A JSON value with numbers as they were written, so that none loses a digit. */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;

/** Members as they were written; the last of equal names counts: see `findRepeatedMember` of libs/lwm2m. */
export interface JsonObject {
  readonly [name: string]: Json;
}

/** A number by its text. */
export class JsonNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  /** Written without fraction and exponent. */
  get isInteger(): boolean {
    return /^-?\d+$/.test(this.source);
  }
}

/** Parses JSON; undefined when the text is none, or nested too deeply to be read. */
export function parseJson(text: string): Json | undefined {
  try {
    return parse(text, (_, value, { source }) =>
      typeof value === "number" ? new JsonNumber(source as string) : value,
    );
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** `JSON.parse` with the third argument of its reviver (ECMAScript 2026), which TypeScript's library does not declare yet. */
const parse = JSON.parse as (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => Json;

/** Whether a value is an object: not an array, not a number. */
export function isJsonObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

/** Text of a string, number or boolean; undefined for all else. */
export function scalarText(value: Json): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  return value instanceof JsonNumber ? value.source : undefined;
}
