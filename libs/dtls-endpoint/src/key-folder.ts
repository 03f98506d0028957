import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceCertificate } from "./certificate.ts";
import { KeyFileError } from "./errors.ts";
import {
  type CertificateKey,
  type KeyPair,
  parseChain,
  parsePrivateKey,
  parseRevocationList,
  parseTrustAnchors,
} from "./key-files.ts";
import type { RevocationList } from "./revocation-list.ts";

/** What a folder of keys holds. */
export interface KeyFolder {
  readonly rawPublicKey: KeyPair | undefined;
  /** By server name, lower case; "" is the one for all others. */
  readonly certificates: ReadonlyMap<string, CertificateKey>;
  /** By file. */
  readonly trustAnchors: ReadonlyMap<string, readonly DeviceCertificate[]>;
  readonly revocationLists: ReadonlyMap<string, RevocationList>;
}

export const EMPTY_FOLDER: KeyFolder = {
  rawPublicKey: undefined,
  certificates: new Map(),
  trustAnchors: new Map(),
  revocationLists: new Map(),
};

/** A file that cannot be used: `field` is what is wrong and what to do. */
export interface KeyFileProblem {
  readonly file: string;
  readonly reason: string;
}

const RAW_KEY = "rpk.key";
const SERVER_CERTIFICATE = /^server(?:-(.+))?\.crt$/;
const TRUST = /^trust.*\.crt$/;
const REVOCATION_LIST = /\.crl$/;

const MAX_KEY_FILE_BYTES = 256 * 1024;
/** A list of some hundred thousand certificates. */
const MAX_REVOCATION_LIST_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 256;

/**
 * Reads a folder of keys, flat, so that a Kubernetes Secret can be one:
 *
 * ```
 * rpk.key · server.key, server.crt · server-<host name>.key, .crt · trust*.crt · *.crl        other files are passed over
 * ```
 *
 * A file that cannot be used leaves in force what it held in `before`, and is told of.
 */
export async function readKeyFolder(
  folder: string,
  before: KeyFolder,
): Promise<{ readonly keys: KeyFolder; readonly problems: readonly KeyFileProblem[] }> {
  const problems: KeyFileProblem[] = [];
  const names = await listFiles(folder, problems);
  if (names === undefined) return { keys: before, problems };

  const use = async <Value>(
    file: string,
    known: Value | undefined,
    parse: () => Promise<Value>,
  ): Promise<Value | undefined> => {
    try {
      return await parse();
    } catch (error) {
      if (!(error instanceof KeyFileError)) throw error;
      problems.push({ file: join(folder, file), reason: error.message });
      return known;
    }
  };
  const load = (file: string, maxBytes = MAX_KEY_FILE_BYTES): Promise<Buffer> =>
    readBounded(join(folder, file), maxBytes);
  const collect = async <Value>(
    files: readonly string[],
    keyOf: (file: string) => string,
    known: ReadonlyMap<string, Value>,
    parse: (file: string) => Promise<Value>,
  ): Promise<ReadonlyMap<string, Value>> => {
    const found = new Map<string, Value>();
    for (const file of files) {
      const value = await use(file, known.get(keyOf(file)), () => parse(file));
      if (value !== undefined) found.set(keyOf(file), value);
    }
    return found;
  };
  const keys: KeyFolder = {
    rawPublicKey: names.includes(RAW_KEY)
      ? await use(RAW_KEY, before.rawPublicKey, async () => parsePrivateKey(await load(RAW_KEY)))
      : undefined,
    certificates: await collect(
      names.filter((file) => SERVER_CERTIFICATE.test(file)),
      serverNameOf,
      before.certificates,
      async (file) => parseChain(await load(file), parsePrivateKey(await load(file.replace(/\.crt$/, ".key")))),
    ),
    trustAnchors: await collect(
      names.filter((file) => TRUST.test(file)),
      (file) => file,
      before.trustAnchors,
      async (file) => parseTrustAnchors(await load(file)),
    ),
    revocationLists: await collect(
      names.filter((file) => REVOCATION_LIST.test(file)),
      (file) => file,
      before.revocationLists,
      async (file) =>
        parseRevocationList(await load(file, MAX_REVOCATION_LIST_BYTES), before.revocationLists.get(file)),
    ),
  };
  return { keys, problems };
}

function serverNameOf(file: string): string {
  return (SERVER_CERTIFICATE.exec(file)?.[1] ?? "").toLowerCase();
}

/** Which files there are and since when: a changed text means that the folder is to be read anew. Follows the links of a mounted Secret. */
export async function folderState(folder: string): Promise<string> {
  const names = await listFiles(folder, []);
  if (names === undefined) return "";
  const states = await Promise.all(
    names.map(async (name) => {
      try {
        const { mtimeMs, size, ino } = await stat(join(folder, name));
        return `${name} ${mtimeMs} ${size} ${ino}`;
      } catch {
        return `${name} -`; // Gone between two calls: the next look shows it.
      }
    }),
  );
  return states.join("\n");
}

/** In the order of their names, without what begins with a dot, as the links of a mounted Secret do. */
async function listFiles(folder: string, problems: KeyFileProblem[]): Promise<readonly string[] | undefined> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort();
    if (names.length <= MAX_FILES) return names;
    problems.push({
      file: folder,
      reason: `holds ${names.length} files, at most ${MAX_FILES} are read: give keys a folder of their own`,
    });
  } catch (error) {
    problems.push({ file: folder, reason: `cannot be read (${codeOf(error)}): name a folder of keys` });
  }
  return undefined;
}

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new KeyFileError(`has ${size} bytes, at most ${maxBytes} are read`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(`${path} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
