import { randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { deviceKey, provisioningKey } from "@ferry/proto";
import { LineCounter, parseAllDocuments } from "yaml";
import { parseDeviceDocument } from "./device-document.ts";
import { DEFAULT_TENANT, type DocumentError, type ProvisioningDocument } from "./document.ts";
import { InvalidDocumentsError, ProvisioningError } from "./errors.ts";
import { checkTenant } from "./names.ts";
import { modelId, parseBody, parseDdfText } from "./parse-record.ts";
import { sealCredentials } from "./seal-credentials.ts";
import type { SealingKeys } from "./sealing.ts";

/** Largest file that is read, bytes. */
const MAX_FILE_BYTES = 8_388_608;
/** How many times a document may use what it has anchored (`&a`, `*a`): more would let a small file unfold into a huge one. */
const MAX_ALIASES = 100;
const EXTENSIONS: ReadonlySet<string> = new Set([".xml", ".yaml", ".yml", ".json"]);
/** A record can be in force only when what it refers to is. */
const ORDER = { model: 0, profile: 1, device: 2, credential: 3 } as const;

export interface ReadOptions {
  /** Tenant of what names none. */
  readonly tenant?: string;
  /** Seals plain secrets on the way in. */
  readonly sealingKeys?: SealingKeys;
}

/**
 * Reads files and directories: `*.xml` are object models, `*.yaml`, `*.yml` and `*.json` hold profiles, devices and models.
 *
 * Directories are read with what lies below them, hidden files left out. Models come first, then profiles, then devices, each in the order of the files.
 * @throws {InvalidDocumentsError} names every problem with file, line and field
 */
export async function readDocuments(
  paths: readonly string[],
  { tenant = DEFAULT_TENANT, sealingKeys }: ReadOptions = {},
): Promise<readonly ProvisioningDocument[]> {
  const errors: DocumentError[] = [];
  const read: ProvisioningDocument[] = [];
  for (const file of await listFiles(paths, errors)) {
    const text = await readText(file, errors);
    if (text === undefined) continue;
    read.push(
      ...(extname(file) === ".xml"
        ? parseModelFile(file, text, tenant, errors)
        : parseYamlFile(file, text, tenant, errors)),
    );
  }
  refuseRepeats(read, errors);
  if (read.length === 0 && errors.length === 0) {
    errors.push({
      file: paths.join(", "),
      line: undefined,
      field: "",
      reason: "holds no *.xml, *.yaml, *.yml or *.json document",
    });
  }
  if (errors.length > 0) throw new InvalidDocumentsError(errors);
  const sorted = read.toSorted((a, b) => ORDER[a.kind] - ORDER[b.kind]);
  return sealingKeys === undefined ? sorted : sorted.map((document) => seal(document, sealingKeys));
}

async function listFiles(paths: readonly string[], errors: DocumentError[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(notFound);
    if (found === undefined) errors.push({ file: path, line: undefined, field: "", reason: "does not exist" });
    else if (found.isDirectory()) files.push(...(await listDirectory(path)));
    else if (EXTENSIONS.has(extname(path))) files.push(path);
    else errors.push({ file: path, line: undefined, field: "", reason: "is not *.xml, *.yaml, *.yml or *.json" });
  }
  return [...new Set(files)];
}

async function listDirectory(path: string): Promise<readonly string[]> {
  const names = (await readdir(path)).filter((name) => !name.startsWith(".")).sort();
  const files: string[] = [];
  for (const name of names) {
    const full = join(path, name);
    // stat, not the directory entry: a mounted ConfigMap is made of links.
    if ((await stat(full)).isDirectory()) files.push(...(await listDirectory(full)));
    else if (EXTENSIONS.has(extname(name))) files.push(full);
  }
  return files;
}

async function readText(file: string, errors: DocumentError[]): Promise<string | undefined> {
  const { size } = await stat(file);
  if (size <= MAX_FILE_BYTES) return await readFile(file, "utf8");
  errors.push({ file, line: undefined, field: "", reason: `has ${size} bytes, at most ${MAX_FILE_BYTES} are read` });
  return undefined;
}

function notFound(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}

function parseModelFile(
  file: string,
  xml: string,
  tenant: string,
  errors: DocumentError[],
): readonly ProvisioningDocument[] {
  try {
    return parseDdfText(xml).map((model) =>
      checked({ kind: "model", tenant, id: modelId(model), body: { model: { xml } }, source: file }),
    );
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    errors.push({ file, line: undefined, field: "", reason: error.reason });
    return [];
  }
}

function parseYamlFile(
  file: string,
  text: string,
  tenant: string,
  errors: DocumentError[],
): readonly ProvisioningDocument[] {
  const lines = new LineCounter();
  const documents: ProvisioningDocument[] = [];
  for (const yaml of parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })) {
    const lineAt = (offset: number) => lines.linePos(offset).line;
    const [syntaxError] = yaml.errors;
    if (syntaxError !== undefined) {
      errors.push({ file, line: lineAt(syntaxError.pos[0]), field: "", reason: syntaxError.message });
      continue;
    }
    if (yaml.contents === null) continue;
    try {
      const value: unknown = toValue(yaml);
      const line = lineAt(yaml.contents.range?.[0] ?? 0);
      documents.push({ ...parseDocument(value, tenant), source: `${file}:${line}` });
    } catch (error) {
      if (!(error instanceof ProvisioningError)) throw error;
      errors.push({ file, line: lineAt(offsetOf(yaml, error.field)), field: error.field, reason: error.reason });
    }
  }
  return documents;
}

type Yaml = ReturnType<typeof parseAllDocuments>[number];

function toValue(yaml: Yaml): unknown {
  try {
    return yaml.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    // The one ReferenceError of `yaml`: too many aliases, or one that names nothing.
    throw new ProvisioningError("", cause instanceof ReferenceError ? cause.message : "cannot be read", { cause });
  }
}

/** Where a field stands, or the closest thing around it. */
function offsetOf(yaml: Yaml, field: string): number {
  const path = [...field.matchAll(/\["([^"]*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, name]) =>
    index === undefined ? (quoted ?? name) : Number(index),
  );
  for (let length = path.length; length >= 0; length--) {
    const node = yaml.getIn(path.slice(0, length), true) as
      | { range?: readonly [number, number, number] | null }
      | undefined; // `true` asks for the node
    if (node?.range) return node.range[0];
  }
  return 0;
}

/** Reads one document, whatever kind it is of. @throws {ProvisioningError} */
function parseDocument(value: unknown, defaultTenant: string): ProvisioningDocument {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProvisioningError("", "is not a document: it has no `kind: profile`, `kind: device` or `kind: model`");
  }
  const members = value as Record<string, unknown>;
  const tenant = members.tenant ?? defaultTenant;
  if (typeof tenant !== "string") throw new ProvisioningError("tenant", "is not a text: put it in quotes");
  checkTenant(tenant);
  switch (kindOf(members)) {
    case "device": {
      const device = parseDeviceDocument(members);
      return checked({ kind: "device", tenant, id: device.endpoint ?? "", body: { device } });
    }
    case "profile": {
      const { kind, tenant: _, name, ...profile } = members;
      const id = requireText("name", name);
      return checked({ kind: "profile", tenant, id, body: { profile: { json: JSON.stringify(profile) } } });
    }
    case "model": {
      const { xml } = members;
      const [model] = parseDdfText(requireText("xml", xml));
      return checked({
        kind: "model",
        tenant,
        id: model === undefined ? "" : modelId(model),
        body: { model: { xml: String(xml) } },
      });
    }
  }
}

/** What ThingsBoard exports has no `kind`. */
function kindOf({
  kind,
  profileData,
  transportConfiguration,
}: Record<string, unknown>): "device" | "profile" | "model" {
  if (kind === "device" || kind === "profile" || kind === "model") return kind;
  if (kind === undefined && (profileData !== undefined || transportConfiguration !== undefined)) return "profile";
  throw new ProvisioningError(
    "kind",
    kind === undefined ? "is missing: profile, device or model" : "is not profile, device or model",
  );
}

function requireText(field: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  if (value === undefined) throw new ProvisioningError(field, "is missing");
  throw new ProvisioningError(field, typeof value === "number" ? "is a number: put it in quotes" : "is not a text");
}

/** @throws {ProvisioningError} what the materialiser would refuse for its own sake */
function checked(document: ProvisioningDocument): ProvisioningDocument {
  parseBody(document, document.body);
  return document;
}

function refuseRepeats(documents: readonly ProvisioningDocument[], errors: DocumentError[]): void {
  const seen = new Map<string, ProvisioningDocument>();
  for (const document of documents) {
    const key = provisioningKey(document.kind, document.tenant, document.id);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, document);
    else
      errors.push({
        file: document.source ?? "",
        line: undefined,
        field: "",
        reason: `${key} stands also in ${first.source}`,
      });
  }
}

function seal(document: ProvisioningDocument, keys: SealingKeys): ProvisioningDocument {
  const { device } = document.body;
  if (!device) return document;
  const owner = deviceKey(document.tenant, document.id);
  const credentials = sealCredentials(device.credentials ?? [], owner, keys, randomBytes);
  return { ...document, body: { device: { ...device, credentials } } };
}
