import { isUtf8 } from "node:buffer";
import { findRepeatedMember } from "@ferry/lwm2m";

/** Members of a JSON record by name. Numbers that JavaScript would write otherwise are kept as they were written: `JSON.stringify` gives them back. */
export type JsonMembers = { readonly [name: string]: unknown };

/** Reads a record that is a JSON object, or says what is wrong with it as a sentence about `what`, such as "The request". */
export function readJsonRecord(bytes: Uint8Array, what: string): JsonMembers | string {
  if (!isUtf8(bytes)) return `${what} is not UTF-8.`;
  try {
    const text = Buffer.from(bytes).toString("utf8");
    const value = parseExactly(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return `${what} is not a JSON object.`;
    const repeated = findRepeatedMember(text);
    return repeated === undefined
      ? (value as JsonMembers)
      : `Member "${quote(repeated.join("."))}" occurs more than once: name it once.`;
  } catch (error) {
    if (error instanceof SyntaxError) return `${what} is not JSON: ${error.message}.`;
    if (error instanceof RangeError) return `${what} is nested too deeply.`;
    throw error;
  }
}

/** Most characters of a member's name that a reason quotes. */
const MAX_QUOTED_CHARACTERS = 100;

function quote(name: string): string {
  return name.length > MAX_QUOTED_CHARACTERS ? `${name.slice(0, MAX_QUOTED_CHARACTERS)}…` : name;
}

/** `JSON` with source text access (ECMAScript 2026), which TypeScript's library does not declare yet. */
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver: (name: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
};

function parseExactly(text: string): unknown {
  return parse(text, (_, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  );
}
