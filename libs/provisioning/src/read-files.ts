import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { DocumentError } from "./document.ts";

/** Largest file that is read, bytes. */
const MAX_FILE_BYTES = 8_388_608;
const EXTENSIONS: ReadonlySet<string> = new Set([".xml", ".yaml", ".yml", ".json"]);

/** Files of documents: those that are named, and those in directories that are named, with what lies below them, hidden files left out. */
export async function listFiles(paths: readonly string[], errors: DocumentError[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(notFound);
    if (found === undefined) errors.push({ file: path, line: undefined, field: "", reason: "does not exist" });
    else if (found.isDirectory()) files.push(...(await listDirectory(path)));
    else if (isDocument(path)) files.push(path);
    else errors.push({ file: path, line: undefined, field: "", reason: "is not *.xml, *.yaml, *.yml or *.json" });
  }
  return [...new Set(files)];
}

function isDocument(file: string): boolean {
  return EXTENSIONS.has(extname(file).toLowerCase());
}

async function listDirectory(path: string): Promise<readonly string[]> {
  const names = (await readdir(path)).filter((name) => !name.startsWith(".")).sort();
  const files: string[] = [];
  for (const name of names) {
    const full = join(path, name);
    // stat, not the directory entry: a mounted ConfigMap is made of links.
    if ((await stat(full).catch(notFound))?.isDirectory()) files.push(...(await listDirectory(full)));
    else if (isDocument(name)) files.push(full);
  }
  return files;
}

/** The text of a file; undefined when it cannot be had, which `errors` then tells. */
export async function readText(file: string, errors: DocumentError[]): Promise<string | undefined> {
  const text = await readOrReason(file);
  if (typeof text === "string") return text;
  errors.push({ file, line: undefined, field: "", reason: text.reason });
  return undefined;
}

async function readOrReason(file: string): Promise<string | { readonly reason: string }> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) return { reason: `has ${size} bytes, at most ${MAX_FILE_BYTES} are read` };
    return decodeText(await readFile(file)) ?? { reason: "is not a text in UTF-8, or UTF-16 with a byte order mark" };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException; // Of node:fs; all else is ours and has no code.
    if (code === undefined) throw error;
    return { reason: `cannot be read: ${message}` };
  }
}

/** The text without byte order mark; undefined when the bytes are none. */
function decodeText(bytes: Uint8Array): string | undefined {
  const encoding =
    BYTE_ORDER_MARKS.find(([mark]) => mark.every((byte, index) => bytes[index] === byte))?.[1] ?? "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_ENCODING_INVALID_ENCODED_DATA") return undefined;
    throw error;
  }
}

const BYTE_ORDER_MARKS: readonly (readonly [readonly number[], string])[] = [
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];

function notFound(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}
