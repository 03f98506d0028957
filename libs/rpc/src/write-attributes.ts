import {
  InvalidAttributesError,
  type LwM2mPath,
  type NotificationAttributes,
  type Operation,
  validateAttributes,
} from "@ferry/lwm2m";
import { REFUSALS, type Refusal } from "./errors.ts";
import { isJsonObject, type Json, JsonNumber, type JsonObject, scalarText } from "./json.ts";
import type { Target } from "./target.ts";

/** Attributes that a device tells and nobody writes (OMA LwM2M Core 1.1.1 §5.1.1). */
const PROPERTIES_ATTRIBUTES = ["dim", "ssid", "uri", "ver", "lwm2m"];
const NOTIFICATION_ATTRIBUTES = [
  ...["pmin", "pmax", "epmin", "epmax", "gt", "lt", "st"],
  ...["edge", "con", "hqmax"],
] as readonly (keyof NotificationAttributes)[];
const KNOWN_ATTRIBUTES: ReadonlySet<string> = new Set([...PROPERTIES_ATTRIBUTES, ...NOTIFICATION_ATTRIBUTES]);

/** Write-Attributes: PUT with a query (OMA LwM2M Core 1.1.1 §6.3.4). `params` is the text that a refusal quotes. */
export function writeAttributes(
  { path }: Target,
  { attributes: given }: JsonObject,
  params: string,
): Operation | Refusal {
  if (given === undefined || given === null) return REFUSALS.missingAttributes();
  if (!isJsonObject(given)) return REFUSALS.notJsonObject(params);
  const attributes = parseAttributeValues(given);
  if (attributes === undefined) return REFUSALS.notJsonObject(params);
  const refusal = checkProperties(given) ?? checkAttributes(path, attributes);
  return refusal ?? { type: "writeAttributes", path, attributes };
}

/** The attributes that can be written; undefined where a member is unknown or no number. `null` clears an attribute. */
function parseAttributeValues(given: JsonObject): NotificationAttributes | undefined {
  if (!Object.keys(given).every((name) => KNOWN_ATTRIBUTES.has(name))) return undefined;
  const attributes: { -readonly [Name in keyof NotificationAttributes]: NotificationAttributes[Name] } = {};
  for (const name of NOTIFICATION_ATTRIBUTES) {
    const value = given[name];
    if (value === undefined) continue;
    const number = value === null ? null : attributeNumber(value);
    if (number === undefined) return undefined;
    attributes[name] = number;
  }
  return attributes;
}

/** A number, or text that is one. */
function attributeNumber(value: Json): number | undefined {
  const text = typeof value === "string" || value instanceof JsonNumber ? scalarText(value) : undefined;
  if (text === undefined || text.trim() === "") return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

function checkProperties(given: JsonObject): Refusal | undefined {
  const name = PROPERTIES_ATTRIBUTES.find((property) => (given[property] ?? null) !== null);
  if (name === undefined) return undefined;
  const text = scalarText(given[name] ?? null) ?? "";
  if (name === "dim" && !(Number(text) >= 0 && Number(text) <= 255)) return REFUSALS.badDimension();
  if (name === "ver" && !/^\d+\.\d+$/.test(text)) return REFUSALS.badVersion(text);
  return REFUSALS.notNotificationAttribute(name);
}

function checkAttributes(path: LwM2mPath, attributes: NotificationAttributes): Refusal | undefined {
  try {
    validateAttributes(path, attributes);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidAttributesError) return REFUSALS.invalidAttributes(error.message);
    throw error;
  }
}
