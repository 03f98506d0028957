import { randomBytes } from "node:crypto";
import { extname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { splitDdf } from "@ferry/lwm2m";
import { provisioningKey } from "@ferry/proto";
import { LineCounter, parseAllDocuments } from "yaml";
import { parseDeviceDocument } from "./device-document.ts";
import { DEFAULT_TENANT, type DocumentError, type ProvisioningDocument } from "./document.ts";
import { InvalidDocumentsError, ProvisioningError } from "./errors.ts";
import { checkTenant } from "./names.ts";
import { modelId, parseBody, parseModelXml } from "./parse-record.ts";
import { listFiles, readText } from "./read-files.ts";
import { sealSecrets } from "./seal-secrets.ts";
import type { SealingKeys } from "./sealing.ts";

/** Most that is read at once, characters: documents are held until they are applied. */
const MAX_CHARACTERS = 268_435_456;
/** How many times a document may use what it has anchored (`&a`, `*a`): more would let a small file unfold into a huge one. */
const MAX_ALIASES = 100;
/** A record can be in force only when what it refers to is. */
const ORDER = { model: 0, profile: 1, device: 2, credential: 3 } as const;

export interface ReadOptions {
  /** Tenant of what names none. */
  readonly tenant?: string;
  /** Seals plain secrets on the way in. */
  readonly sealingKeys?: SealingKeys;
}

/** What was found in files. */
export interface ReadResult {
  /** Models first, then profiles, then devices, each in the order of the files. */
  readonly documents: readonly ProvisioningDocument[];
  /** What is wrong, document by document; the others are not affected. */
  readonly errors: readonly DocumentError[];
}

/**
 * Reads files and directories as {@link readValidDocuments} does, all or nothing.
 *
 * @throws {InvalidDocumentsError} names every problem with file, line and field
 */
export async function readDocuments(
  paths: readonly string[],
  options: ReadOptions = {},
): Promise<readonly ProvisioningDocument[]> {
  const { documents, errors } = await readValidDocuments(paths, options);
  if (errors.length > 0) throw new InvalidDocumentsError(errors);
  return documents;
}

/**
 * Reads files and directories: `*.xml` are object models, `*.yaml`, `*.yml` and `*.json` hold profiles, devices and models.
 *
 * Directories are read with what lies below them, hidden files left out. An XML file may define several objects; of a model in two files the first counts.
 * @throws {InvalidDocumentsError} a path names nothing that can be read, or there is nothing valid
 */
export async function readValidDocuments(
  paths: readonly string[],
  { tenant = DEFAULT_TENANT, sealingKeys }: ReadOptions = {},
): Promise<ReadResult> {
  const errors: DocumentError[] = [];
  checkTenantOf(paths, tenant);
  const files = await listFiles(paths, errors);
  if (errors.length > 0) throw new InvalidDocumentsError(errors);
  const read: ProvisioningDocument[] = [];
  let characters = 0;
  for (const file of files) {
    const text = await readText(file, errors);
    if (text === undefined) continue;
    characters += text.length;
    if (characters > MAX_CHARACTERS) {
      const reason = `with it the files have more than ${MAX_CHARACTERS} characters: apply them in parts`;
      throw new InvalidDocumentsError([{ file, line: undefined, field: "", reason }]);
    }
    const parse = extname(file).toLowerCase() === ".xml" ? parseModelFile : parseYamlFile;
    read.push(...parse(file, text, tenant, errors));
  }
  const documents = withoutRepeats(read, errors);
  if (documents.length === 0 && errors.length === 0) {
    errors.push({
      file: paths.join(", "),
      line: undefined,
      field: "",
      reason: "holds no *.xml, *.yaml, *.yml or *.json document",
    });
  }
  if (documents.length === 0) throw new InvalidDocumentsError(errors);
  const sorted = documents.toSorted((a, b) => ORDER[a.kind] - ORDER[b.kind]);
  return { documents: sealingKeys === undefined ? sorted : sorted.map((one) => seal(one, sealingKeys)), errors };
}

function checkTenantOf(paths: readonly string[], tenant: string): void {
  try {
    checkTenant(tenant);
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    const { field, reason } = error;
    throw new InvalidDocumentsError([{ file: paths.join(", "), line: undefined, field, reason }]);
  }
}

/** One record for each object that the file defines. */
function parseModelFile(
  file: string,
  text: string,
  tenant: string,
  errors: DocumentError[],
): readonly ProvisioningDocument[] {
  return splitDdf(text).flatMap((xml) => {
    try {
      return [{ ...modelDocument(tenant, xml), source: file }];
    } catch (error) {
      if (!(error instanceof ProvisioningError)) throw error;
      errors.push({ file, line: undefined, field: "", reason: error.reason });
      return [];
    }
  });
}

/** @throws {ProvisioningError} */
function modelDocument(tenant: string, xml: string): ProvisioningDocument {
  const model = parseModelXml(xml);
  return { kind: "model", tenant, id: modelId(model), body: { model: { xml } } };
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
    case "model":
      return modelDocument(tenant, requireText("xml", members.xml));
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

/**
 * What is declared twice counts for nothing, for nobody knows which is meant. Of a model the first counts, for registries keep old copies of a version beside
 * the current one; a copy that says the same is passed over, one that says something else is named.
 */
function withoutRepeats(
  documents: readonly ProvisioningDocument[],
  errors: DocumentError[],
): readonly ProvisioningDocument[] {
  return [...Map.groupBy(documents, ({ kind, tenant, id }) => provisioningKey(kind, tenant, id))].flatMap(
    ([key, [first, ...others]]) => {
      if (first === undefined || others.length === 0) return first ?? [];
      const report = ({ source = "" }: ProvisioningDocument, reason: string): void => {
        errors.push({ file: source, line: undefined, field: "", reason });
      };
      if (first.kind === "model") {
        const differing = others.filter((other) => !isSameModel(first, other));
        for (const other of differing) {
          report(other, `${key} stands also in ${first.source}, with other content: that one counts, keep one`);
        }
        return [first];
      }
      report(first, `${key} stands also in ${others[0]?.source}`);
      for (const other of others) report(other, `${key} stands also in ${first.source}`);
      return [];
    },
  );
}

/** Whether two models define the same, whatever their comments and descriptions. */
function isSameModel(a: ProvisioningDocument, b: ProvisioningDocument): boolean {
  const one = a.body.model?.xml ?? "";
  const other = b.body.model?.xml ?? "";
  return one === other || isDeepStrictEqual(parseModelXml(one), parseModelXml(other));
}

function seal(document: ProvisioningDocument, keys: SealingKeys): ProvisioningDocument {
  const { tenant, id, body } = document;
  return { ...document, body: sealSecrets(body, { tenant, endpoint: id }, keys, randomBytes) };
}
