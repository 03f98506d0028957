import { z } from "zod";

/** One setting: how its value is checked, and what the documentation says of it. Add `.describe(…)`, and `.optional()` where it may be absent. */
export type Setting<Value> = z.ZodType<Value>;

/** The settings of a configuration or a section by key. */
export type Shape<Values> = { readonly [Key in keyof Values]-?: Setting<Values[Key]> };

/** Settings that belong together: one level of the YAML file and one prefix of environment variables. */
export type Section<Values> = z.ZodType<Values>;

/** What is known of a setting beside its check. */
export interface SettingMeta {
  readonly type: string;
  /** Completes "give …" in an error. */
  readonly expects: string;
  /** The value that a text from the environment stands for; undefined when it stands for none. */
  readonly parse: (text: string) => unknown;
  readonly format: (value: never) => string;
  /** Ends the key but not the name: the value carries its unit. */
  readonly unit?: "Ms" | "Bytes";
  readonly secret?: boolean;
  readonly defaultValue?: unknown;
  /** In place of a default that differs by machine. */
  readonly shownAs?: string;
  /** JSON Schema of the value in a YAML file. */
  readonly jsonSchema: Readonly<Record<string, unknown>>;
}

export interface SectionMeta {
  /** Without the final underscore, such as `KAFKA`. */
  readonly envPrefix: string;
  /** Names keep `Ms` and `Bytes`, because they are somebody else's names. */
  readonly keepsUnits: boolean;
}

const settingMetas = z.registry<SettingMeta>();
const sectionMetas = z.registry<SectionMeta>();

/** Groups settings under one YAML key and one prefix of environment variables. */
export function section<Values extends object>(
  envPrefix: string,
  shape: Shape<Values>,
  {
    keepsUnits = false,
    check = () => [],
  }: {
    readonly keepsUnits?: boolean;
    /** What is wrong with the settings taken together, by the key to put right. */
    readonly check?: (values: Values) => readonly (readonly [keyof Values & string, string])[];
  } = {},
): Section<Values> {
  const schema = z.strictObject(shape as z.ZodRawShape).superRefine((values, context) => {
    for (const [key, message] of check(values as Values)) context.addIssue({ code: "custom", path: [key], message });
  });
  return schema.register(sectionMetas, { envPrefix, keepsUnits }) as unknown as Section<Values>;
}

/** A text. Without a default it must be set, unless `.optional()`. `shownAs` describes a default that differs by machine. */
export function text(defaultValue?: string, { shownAs }: { readonly shownAs?: string } = {}): Setting<string> {
  return setting(z.string().min(defaultValue === "" ? 0 : 1), defaultValue, {
    type: "text",
    ...(shownAs === undefined ? {} : { shownAs }),
    expects: "a text",
    parse: (given) => given,
    format: (value: string) => value,
    jsonSchema: { type: "string" },
  });
}

/** A file or folder. */
export function path(defaultValue?: string): Setting<string> {
  return setting(z.string().min(1), defaultValue, {
    type: "path",
    expects: "a path",
    parse: (given) => given,
    format: (value: string) => value,
    jsonSchema: { type: "string" },
  });
}

/** A text that is never shown. `NAME_FILE` in the environment, or `nameFile` in YAML, names a file that holds it. */
export function secret(): Setting<string> {
  return setting(z.string().min(1), undefined, {
    type: "secret",
    expects: "a text, or the name of a file that holds it",
    parse: (given) => given,
    format: () => "******",
    secret: true,
    jsonSchema: { type: "string" },
  });
}

/** A whole number from `min` to `max`. */
export function integer(
  defaultValue: number | undefined,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): Setting<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  return setting(z.int().min(min).max(max), defaultValue, {
    type: "integer",
    expects: `a whole number ${range}`,
    parse: parseNumber,
    format: String,
    jsonSchema: { type: "integer", minimum: min, ...(max === Number.MAX_SAFE_INTEGER ? {} : { maximum: max }) },
  });
}

/** A number from 0 to 1. */
export function ratio(defaultValue?: number): Setting<number> {
  return setting(z.number().min(0).max(1), defaultValue, {
    type: "ratio",
    expects: "a number from 0 to 1",
    parse: parseNumber,
    format: String,
    jsonSchema: { type: "number", minimum: 0, maximum: 1 },
  });
}

/** A UDP or TCP port; 0 lets the system choose one. */
export function port(defaultValue?: number): Setting<number> {
  return setting(z.int().min(0).max(65535), defaultValue, {
    type: "port",
    expects: "a port from 0 to 65535",
    parse: parseNumber,
    format: String,
    jsonSchema: { type: "integer", minimum: 0, maximum: 65535 },
  });
}

/** True or false. */
export function flag(defaultValue?: boolean): Setting<boolean> {
  return setting(z.boolean(), defaultValue, {
    type: "boolean",
    expects: "true or false",
    parse: (given) => ({ true: true, false: false })[given.toLowerCase()],
    format: String,
    jsonSchema: { type: "boolean" },
  });
}

/** One of a closed set of texts. */
export function choice<const Value extends string>(values: readonly Value[], defaultValue?: Value): Setting<Value> {
  return setting(z.enum(values) as unknown as z.ZodType<Value>, defaultValue, {
    type: values.map((value) => `\`${value}\``).join(", "),
    expects: `one of ${values.join(", ")}`,
    parse: (given) => given,
    format: (value: string) => value,
    jsonSchema: { enum: values },
  });
}

/** Texts, separated by commas in the environment. */
export function list(defaultValue?: readonly string[]): Setting<readonly string[]> {
  return setting(z.array(z.string().min(1)) as z.ZodType<readonly string[]>, defaultValue, {
    type: "list",
    expects: "a list, separated by commas",
    parse: (given) =>
      given
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== ""),
    format: (values: readonly string[]) => values.join(","),
    jsonSchema: { oneOf: [{ type: "array", items: { type: "string" } }, { type: "string" }] },
  });
}

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time span in ms; written as `500ms`, `2s`, `5m`, `1h`, `7d`; a bare number is ms. Name the key `…Ms`. */
export function duration(defaultText?: string, { min = "0ms" }: { readonly min?: string } = {}): Setting<number> {
  const minMs = parseQuantity(min, DURATION_UNITS) ?? 0;
  return setting(
    z.number().min(minMs),
    defaultText === undefined ? undefined : parseQuantity(defaultText, DURATION_UNITS),
    {
      type: "duration",
      expects: `a duration such as 500ms, 2s or 5m${minMs > 0 ? `, at least ${min}` : ""}`,
      parse: (given) => parseQuantity(given, DURATION_UNITS),
      format: (value: number) => formatQuantity(value, DURATION_UNITS),
      unit: "Ms",
      jsonSchema: { type: ["string", "number"], pattern: "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)?$", minimum: 0 },
    },
  );
}

const BYTE_UNITS = { B: 1, KiB: 1024, MiB: 1_048_576, GiB: 1_073_741_824 } as const;

/** A size in bytes; written as `512KiB`, `4MiB`, `1GiB`; a bare number is bytes. Name the key `…Bytes`. */
export function bytes(defaultText?: string): Setting<number> {
  return setting(z.int().min(0), defaultText === undefined ? undefined : parseQuantity(defaultText, BYTE_UNITS), {
    type: "size",
    expects: "a size such as 512KiB or 4MiB",
    parse: (given) => parseQuantity(given, BYTE_UNITS),
    format: (value: number) => formatQuantity(value, BYTE_UNITS),
    unit: "Bytes",
    jsonSchema: { type: ["string", "integer"], pattern: "^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)?$", minimum: 0 },
  });
}

/** What the builders above noted about a setting, through `.optional()` and refinements. */
export function settingMeta(schema: z.ZodType): SettingMeta | undefined {
  const inner = schema._zod.def as { readonly innerType?: z.ZodType };
  return settingMetas.get(schema) ?? (inner.innerType === undefined ? undefined : settingMeta(inner.innerType));
}

/** The prefix of a section and its settings; undefined for a setting. */
export function sectionMeta(
  schema: z.ZodType,
): (SectionMeta & { readonly shape: Readonly<Record<string, z.ZodType>> }) | undefined {
  const meta = sectionMetas.get(schema);
  return meta && { ...meta, shape: (schema as z.ZodObject).shape as Readonly<Record<string, z.ZodType>> };
}

/** Makes a setting of a kind of its own. */
export function setting<Value>(
  schema: z.ZodType<Value>,
  defaultValue: NoInfer<Value> | undefined,
  meta: SettingMeta,
): Setting<Value> {
  const withDefault =
    defaultValue === undefined
      ? schema
      : (schema.default(defaultValue as z.util.NoUndefined<Value>) as z.ZodType<Value>);
  return withDefault.register(settingMetas, { ...meta, defaultValue }) as Setting<Value>;
}

function parseNumber(given: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(given.trim()) ? Number(given) : undefined;
}

function parseQuantity(given: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(given.trim()) ?? [];
  const factor = unit === "" ? 1 : units[unit ?? ""];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

/** The largest unit that leaves a whole number. */
function formatQuantity(value: number, units: Readonly<Record<string, number>>): string {
  const [smallest = ""] = Object.keys(units);
  const [unit, factor] = Object.entries(units).findLast(([, size]) => value !== 0 && value % size === 0) ?? [
    smallest,
    1,
  ];
  return `${value / factor}${unit}`;
}
