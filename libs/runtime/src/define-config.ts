import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";
import { ConfigError } from "./errors.ts";
import { type SettingMeta, type Shape, sectionMeta, settingMeta } from "./setting.ts";

/** Where the values come from. */
export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A YAML file; the variable `LWM2M_CONFIG` names one too. */
  readonly file?: string | undefined;
}

/** One row of the documentation. */
export interface SettingRow {
  readonly env: string;
  /** As in the YAML file, such as `kafka.lingerMs`. */
  readonly yaml: string;
  readonly type: string;
  /** As a user would write it; undefined when there is none. */
  readonly defaultText: string | undefined;
  readonly required: boolean;
  readonly secret: boolean;
  readonly description: string;
}

/** The settings of one service: read from defaults < YAML < environment, documented and checked from one declaration. */
export interface Config<Values> {
  /** @throws {ConfigError} with one line for every problem */
  load(source: ConfigSource): Values;
  describe(): readonly SettingRow[];
  /** JSON Schema of the YAML file, which is also a part of the Helm chart's values. */
  jsonSchema(): ObjectSchema;
  /** The settings in force by YAML name, as texts, with secrets masked: for the log. */
  effective(values: Values): Readonly<Record<string, string>>;
}

/** A declared setting, found in the schema. */
interface Declared {
  /** Of the value in the configuration object. */
  readonly path: readonly string[];
  readonly env: string;
  readonly yaml: readonly string[];
  readonly meta: SettingMeta;
  readonly schema: z.ZodType;
}

/** A value on its way to the schema: a text still has to be parsed. */
interface Given {
  readonly value: unknown;
  /** What the user would recognise: a variable, or a key in a file. */
  readonly name: string;
}

const CONFIG_FILE = "LWM2M_CONFIG";

/** Variables that Kubernetes sets in every pod for each Service, such as `KAFKA_PORT` and `KAFKA_SERVICE_HOST`. */
const SERVICE_LINK = /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT(_[0-9]+_(TCP|UDP)(_[A-Z]+)?)?$/;

/**
 * Declares the settings of a service.
 *
 * A key `ackTimeoutMs` is the variable `LWM2M_ACK_TIMEOUT` and the YAML key `ackTimeout`; in `section("KAFKA", …)`, which keeps
 * Kafka's own names, `lingerMs` is `KAFKA_LINGER_MS` and `kafka.lingerMs` (or `linger.ms`).
 */
export function defineConfig<Values extends object>(shape: Shape<Values>): Config<Values> {
  const schema = z.strictObject(shape as z.ZodRawShape) as unknown as z.ZodType<Values>;
  const declared = findSettings(shape as Readonly<Record<string, z.ZodType>>);
  return {
    load: (source) => load(schema, declared, source),
    describe: () => declared.map(toRow),
    jsonSchema: () => toJsonSchema(declared),
    effective: (values) => toEffective(declared, values),
  };
}

function findSettings(shape: Readonly<Record<string, z.ZodType>>): readonly Declared[] {
  return Object.entries(shape).flatMap(([key, schema]) => {
    const group = sectionMeta(schema);
    if (group === undefined) return [declare([key], "LWM2M", schema, false)];
    return Object.entries(group.shape).map(([inner, setting]) =>
      declare([key, inner], group.envPrefix, setting, group.keepsUnits),
    );
  });
}

function declare(path: readonly string[], envPrefix: string, schema: z.ZodType, keepsUnit: boolean): Declared {
  const meta = settingMeta(schema);
  if (meta === undefined) throw new TypeError(`${path.join(".")} is not made by a builder of setting.ts`);
  const key = path.at(-1) ?? "";
  const name = keepsUnit || meta.unit === undefined || !key.endsWith(meta.unit) ? key : key.slice(0, -meta.unit.length);
  return {
    path,
    env: `${envPrefix}_${name.replace(/[A-Z]/g, "_$&").toUpperCase()}`,
    yaml: [...path.slice(0, -1), name],
    meta,
    schema,
  };
}

function load<Values>(schema: z.ZodType<Values>, declared: readonly Declared[], source: ConfigSource): Values {
  const problems: string[] = [];
  const file = source.file ?? source.env[CONFIG_FILE];
  const given = new Map<Declared, Given>([
    ...(file ? readYaml(file, declared, problems) : []),
    ...readEnvironment(source.env, declared, problems),
  ]);

  const raw: Record<string, unknown> = {};
  for (const setting of declared) {
    const target = setting.path.length === 1 ? raw : section(raw, setting.path[0] ?? "");
    const from = given.get(setting);
    if (from !== undefined) target[setting.path.at(-1) ?? ""] = typed(setting, from.value);
  }

  const parsed = schema.safeParse(raw);
  for (const issue of parsed.error?.issues ?? []) problems.push(toProblem(issue, declared, given));
  if (parsed.data === undefined || problems.length > 0) throw new ConfigError([...new Set(problems)]);
  return parsed.data;
}

function section(raw: Record<string, unknown>, key: string): Record<string, unknown> {
  raw[key] ??= {};
  return raw[key] as Record<string, unknown>;
}

/** A text becomes what it stands for; one that stands for nothing is left for the schema to refuse. */
function typed(setting: Declared, value: unknown): unknown {
  return typeof value === "string" ? (setting.meta.parse(value) ?? value) : value;
}

function readEnvironment(
  env: ConfigSource["env"],
  declared: readonly Declared[],
  problems: string[],
): readonly (readonly [Declared, Given])[] {
  const known = new Set([CONFIG_FILE, ...declared.map((setting) => setting.env)]);
  const found: (readonly [Declared, Given])[] = [];
  for (const setting of declared) {
    const value = env[setting.env];
    if (value) found.push([setting, { value, name: setting.env }]);
    if (!setting.meta.secret) continue;
    const fileName = `${setting.env}_FILE`;
    known.add(fileName);
    const secretFile = env[fileName];
    if (!secretFile) continue;
    if (value) problems.push(`${setting.env} and ${fileName} are both set: leave one of them out`);
    const secret = readSecret(fileName, secretFile, problems);
    if (secret !== undefined) found.push([setting, { value: secret, name: fileName }]);
  }
  for (const name of Object.keys(env)) {
    if (known.has(name) || SERVICE_LINK.test(name)) continue;
    const nearest = nearestOf(name, known);
    if (nearest !== undefined) problems.push(`${name} is not a setting: did you mean ${nearest}?`);
    else if (name.startsWith("LWM2M_")) problems.push(`${name} is not a setting of this service: remove it`);
  }
  return found;
}

function readYaml(
  file: string,
  declared: readonly Declared[],
  problems: string[],
): readonly (readonly [Declared, Given])[] {
  const root = parseYaml(file, problems);
  const byName = new Map(declared.map((setting) => [setting.yaml.join("."), setting]));
  for (const setting of declared) {
    if (setting.meta.secret) byName.set(`${setting.yaml.join(".")}File`, setting);
  }
  const sections = new Set(declared.filter(({ yaml }) => yaml.length === 2).map(({ yaml }) => yaml[0]));
  const found: (readonly [Declared, Given])[] = [];

  const take = (name: string, value: unknown): void => {
    const setting = byName.get(name);
    if (setting === undefined) {
      const nearest = nearestOf(name, byName.keys());
      problems.push(`${file}: ${name} is not a setting: ${nearest ? `did you mean ${nearest}?` : "remove it"}`);
    } else if (name === setting.yaml.join(".")) {
      if (value !== null) found.push([setting, { value, name: `${file}: ${name}` }]);
    } else {
      const secret = readSecret(`${file}: ${name}`, String(value), problems);
      if (secret !== undefined) found.push([setting, { value: secret, name: `${file}: ${name}` }]);
    }
  };

  for (const [key, value] of Object.entries(root)) {
    if (!sections.has(key)) take(key, value);
    else if (isMap(value)) for (const [inner, leaf] of Object.entries(value)) take(`${key}.${undot(inner)}`, leaf);
    else if (value !== null) problems.push(`${file}: ${key} holds settings: write them below it, indented`);
  }
  return found;
}

function parseYaml(file: string, problems: string[]): Readonly<Record<string, unknown>> {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    problems.push(`${file} cannot be read (${codeOf(error)}): name a readable YAML file`);
    return {};
  }
  const document = parseDocument(content);
  for (const { message, linePos } of document.errors) {
    problems.push(`${file}:${linePos?.[0].line ?? 1}: ${message.split(/ at line|\n/)[0]}: correct the YAML`);
  }
  const root: unknown = document.errors.length > 0 ? null : document.toJS();
  if (root === null || isMap(root)) return root ?? {};
  problems.push(`${file} is not a map of settings: write lines such as "kafka:" and "log:"`);
  return {};
}

function readSecret(name: string, file: string, problems: string[]): string | undefined {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    problems.push(`${name}: ${file} cannot be read (${codeOf(error)}): name a readable file`);
    return undefined;
  }
}

/** One line: the key, what is wrong with its value, and the fix. */
function toProblem(
  issue: z.core.$ZodIssue,
  declared: readonly Declared[],
  given: ReadonlyMap<Declared, Given>,
): string {
  const setting = declared.find(({ path }) => path.every((key, index) => key === issue.path[index]));
  if (setting === undefined) return issue.message;
  const from = given.get(setting);
  const yaml = setting.yaml.join(".");
  if (issue.code === "custom") return `${from?.name ?? setting.env}: ${issue.message}`;
  if (from === undefined) {
    return `${setting.env} is not set: give ${setting.meta.expects}, there or as ${yaml} in the YAML file`;
  }
  const shown = setting.meta.secret ? "the secret" : JSON.stringify(from.value);
  return `${from.name}: ${shown} is not valid: give ${setting.meta.expects}`;
}

function toRow({ env, yaml, meta, schema }: Declared): SettingRow {
  return {
    env,
    yaml: yaml.join("."),
    type: meta.type,
    defaultText:
      meta.shownAs ?? (meta.defaultValue === undefined ? undefined : meta.format(meta.defaultValue as never)),
    required: meta.defaultValue === undefined && !schema.safeParse(undefined).success,
    secret: meta.secret ?? false,
    description: schema.description ?? "",
  };
}

function toJsonSchema(declared: readonly Declared[]): ObjectSchema {
  const root = objectSchema();
  for (const setting of declared) {
    const [name = "", group] = [...setting.yaml].reverse();
    const { defaultText, description, required } = toRow(setting);
    if (group !== undefined) root.properties[group] ??= objectSchema();
    const target = group === undefined ? root : (root.properties[group] as ObjectSchema);
    const value = setting.meta.jsonSchema.type === "integer" || setting.meta.jsonSchema.type === "boolean";
    target.properties[name] = {
      ...setting.meta.jsonSchema,
      description,
      ...(defaultText === undefined || setting.meta.shownAs
        ? {}
        : { default: value ? setting.meta.defaultValue : defaultText }),
    };
    if (setting.meta.secret) {
      target.properties[`${name}File`] = { type: "string", description: `File that holds \`${name}\`.` };
    } else if (required) {
      target.required.push(name);
    }
  }
  return root;
}

/** JSON Schema of a map of settings. */
export interface ObjectSchema {
  readonly type: "object";
  readonly additionalProperties: false;
  readonly properties: Record<string, unknown>;
  readonly required: string[];
}

function objectSchema(): ObjectSchema {
  return { type: "object", additionalProperties: false, properties: {}, required: [] };
}

function toEffective(declared: readonly Declared[], values: object): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const { path, yaml, meta } of declared) {
    const value = path.reduce<unknown>((at, key) => (isMap(at) ? at[key] : undefined), values);
    if (value !== undefined) texts[yaml.join(".")] = maskPassword(meta.format(value as never));
  }
  return texts;
}

/** `redis://user:password@host` without the password. */
function maskPassword(shown: string): string {
  return shown.replace(/(:\/\/[^:/@\s]*):[^@/\s]*@/g, "$1:******@");
}

/** `linger.ms` as in Kafka's documentation is `lingerMs` here. */
function undot(key: string): string {
  return key.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** The known name that differs by at most two edits: what was probably meant. */
function nearestOf(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let fewest = 3;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= fewest) continue;
    const edits = editDistance(name, candidate);
    if (edits < fewest) [nearest, fewest] = [candidate, edits];
  }
  return nearest;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 0; i < left.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < right.length; j++) {
      const substituted = (row[j] ?? 0) + (left[i] === right[j] ? 0 : 1);
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
