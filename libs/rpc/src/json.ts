/** A JSON value with numbers as they were written, so that none loses a digit. */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;

/** Members as they were written; the last of equal names counts: see `findRepeatedMember`. */
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

const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/** The first member that an object of valid JSON has twice, with those it lies in: `value.0`; undefined when there is none. `JSON.parse` would silently take the last. */
export function findRepeatedMember(text: string): string | undefined {
  const open: { readonly names: Set<string>; current: string }[] = [];
  let string = "";
  for (const [token] of text.matchAll(JSON_TOKEN)) {
    const level = open.at(-1);
    if (token === "{" || token === "[") open.push({ names: new Set(), current: "" });
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":") string = token;
    else if (level !== undefined) {
      level.current = JSON.parse(string) as string; // Names may be escaped.
      if (level.names.has(level.current)) return pathOf(open.map(({ current }) => current));
      level.names.add(level.current);
    }
  }
  return undefined;
}

/** Names from the outside in; arrays have none. */
function pathOf(names: readonly string[]): string {
  return names.filter((name, index) => name !== "" || index === names.length - 1).join(".");
}

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
