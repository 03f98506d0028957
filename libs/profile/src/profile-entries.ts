import {
  formatVersionedPath,
  InvalidAttributesError,
  InvalidPathError,
  type NotificationAttributes,
  parseVersionedPath,
  type VersionedPath,
  validateAttributes,
} from "@ferry/lwm2m";
import type { ProfileEntry } from "./device-profile.ts";
import { ProfileError } from "./errors.ts";

/** Most paths that one profile may name. */
const MAX_ENTRIES = 1000;
const MAX_KEY_CHARACTERS = 255;

/** Levels of a path, by the number of its ids. */
const LEVELS = ["root", "object", "object instance", "resource", "resource instance"];

/** Collects what a document says about paths, in one entry per path and version. */
export class ProfileEntries {
  readonly #entries = new Map<string, ProfileEntry>();

  /**
   * Adds to the entry of `text`, a path that may carry a version; `levels` are the numbers of ids it may have. Returns whether the entry is new.
   *
   * @throws {ProfileError} naming `field`
   */
  add(field: string, text: string, levels: readonly number[], facts: Partial<ProfileEntry>): boolean {
    const versioned = parsePathOf(field, text, levels);
    const id = formatVersionedPath(versioned);
    const entry = this.#entries.get(id);
    if (entry === undefined && this.#entries.size === MAX_ENTRIES) {
      throw new ProfileError(field, `a profile names at most ${MAX_ENTRIES} paths`);
    }
    if (facts.key !== undefined) checkKey(field, facts.key, entry);
    if (facts.attributes !== undefined) checkAttributes(field, versioned, facts.attributes);
    this.#entries.set(id, { ...(entry ?? emptyEntry(id, versioned)), ...facts });
    return entry === undefined;
  }

  list(): readonly ProfileEntry[] {
    return [...this.#entries.values()];
  }
}

function emptyEntry(id: string, { path, version }: VersionedPath): ProfileEntry {
  const flags = { observe: false, attribute: false, telemetry: false };
  return { id, path, version, key: undefined, ...flags, attributes: undefined };
}

function parsePathOf(field: string, text: string, levels: readonly number[]): VersionedPath {
  const versioned = parse(field, text);
  if (!levels.includes(versioned.path.length)) {
    const wanted = levels.map((level) => LEVELS[level]).join(" or ");
    throw new ProfileError(field, `"${text}" is the path of no ${wanted}; ${EXAMPLES[levels[0] as number]}`);
  }
  return versioned;
}

/** What to write instead, by the first level that is allowed. */
const EXAMPLES: { readonly [level: number]: string } = {
  1: "write one such as /3303 or /3303_1.1/0",
  3: "write one such as /3/0/9 or /3_1.2/0/9",
};

function parse(field: string, text: string): VersionedPath {
  try {
    return parseVersionedPath(text);
  } catch (error) {
    if (error instanceof InvalidPathError) throw new ProfileError(field, error.message);
    throw error;
  }
}

function checkKey(field: string, key: string, entry: ProfileEntry | undefined): void {
  if (key === "" || key.length > MAX_KEY_CHARACTERS) {
    throw new ProfileError(field, `a key has 1 to ${MAX_KEY_CHARACTERS} characters`);
  }
  if (entry?.key !== undefined) throw new ProfileError(field, `${entry.id} has the key "${entry.key}" already`);
}

function checkAttributes(field: string, { path }: VersionedPath, attributes: NotificationAttributes): void {
  try {
    validateAttributes(path, attributes);
  } catch (error) {
    if (error instanceof InvalidAttributesError) throw new ProfileError(field, error.message);
    throw error;
  }
}
