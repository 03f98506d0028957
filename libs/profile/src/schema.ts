import type { NotificationAttributes } from "@ferry/lwm2m";
import { z } from "zod";
import { ProfileError } from "./errors.ts";

/** Seconds of `pmin` and its like (and records, of `hqmax`), as the 32-bit integers that devices keep. */
const seconds = z.number().int().min(0).max(4_294_967_295).nullable().optional();

/** LwM2M 1.2 §7.3: 0 or 1. */
const flag = z.literal([0, 1], { error: "is 0 or 1" }).nullable().optional();

const members = {
  pmin: seconds,
  pmax: seconds,
  epmin: seconds,
  epmax: seconds,
  gt: z.number().nullable().optional(),
  lt: z.number().nullable().optional(),
  st: z.number().min(0).nullable().optional(),
  edge: flag,
  con: flag,
  hqmax: seconds,
};

/** Longest of all durations: what a timer takes, some 24 days. */
export const MAX_DURATION_MS = 2_147_483_647;

// An optional member of zod's may be present and undefined, which no JSON or YAML document can express.
type AttributesSchema = z.ZodType<NotificationAttributes>;

/** Notification attributes, each by its own rules (OMA LwM2M Core 1.1.1 §5.1.2). `null` clears one on the device. */
export const STRICT_ATTRIBUTES: AttributesSchema = strictObject(members) as unknown as AttributesSchema;

/** As `STRICT_ATTRIBUTES`, but without what ThingsBoard may have beside and without members that are null: it writes them for absent ones. */
export const LOOSE_ATTRIBUTES: AttributesSchema = z
  .object(members)
  .transform((attributes) =>
    Object.fromEntries(Object.entries(attributes).filter(([, value]) => value != null)),
  ) as unknown as AttributesSchema;

/** A whole number of a range, which a refusal says. */
export function wholeNumber(min: number, max: number): z.ZodType<number, number> {
  const error = ({ input }: { readonly input?: unknown }): string =>
    `is ${input === undefined ? "missing:" : "not"} a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

/** An object without other members than those of `shape`; a refusal lists them. */
export function strictObject<Shape extends z.core.$ZodShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: ({ code }) => (code === "unrecognized_keys" ? `there is no such member; there are ${known}` : undefined),
  });
}

/** Parses by a schema. @throws {ProfileError} naming the first field that is wrong, below `prefix` */
export function parseBySchema<T>(schema: z.ZodType<T>, input: unknown, prefix: readonly PropertyKey[] = []): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0] as z.core.$ZodIssue; // A failure has at least one.
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    throw new ProfileError(formatField([...path, issue.keys[0] ?? ""]), issue.message);
  }
  throw new ProfileError(formatField(path), lowerFirst(issue.message));
}

/** `resources["/3/0/9"].attributes.pmin` */
export function formatField(path: readonly PropertyKey[]): string {
  return path.reduce<string>((field, part) => {
    if (typeof part === "number") return `${field}[${part}]`;
    if (!/^\w+$/.test(String(part))) return `${field}[${JSON.stringify(String(part))}]`;
    return field === "" ? String(part) : `${field}.${String(part)}`;
  }, "");
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
