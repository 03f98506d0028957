import {
  ExecuteArgumentsError,
  formatPath,
  InvalidAttributesError,
  InvalidPathError,
  type LwM2mPath,
  type ModelView,
  type NotificationAttributes,
  type Operation,
  parseExecuteArguments,
  parseVersionedPath,
  type SupportedObjects,
  type VersionedPath,
  validateAttributes,
} from "@ferry/lwm2m";
import type { KeyMap } from "@ferry/profile";
import { REFUSALS, type Refusal } from "./errors.ts";
import { javaClassName } from "./java-text.ts";
import { isJsonObject, type Json, JsonNumber, type JsonObject, parseJson, scalarText } from "./json.ts";
import { findMethod, type Method, type OfferedMethod } from "./method.ts";
import { writeReplace, writeUpdate } from "./write.ts";

/** What of a device decides whether and how a request can be carried out. */
export interface OperationContext {
  readonly supported: SupportedObjects;
  readonly models: ModelView;
  readonly keys: KeyMap;
}

/** A request that can be carried out. */
export interface RpcOperation {
  readonly type: "operation";
  readonly method: Method;
  readonly operation: Operation;
  /** The target as the caller gave it, or as the profile has it for a key: `/3_1.2/0/9`. */
  readonly id: string;
}

/** The one target of an operation. */
export interface Target {
  /** As the caller gave it, or as the profile has it for a key. */
  readonly id: string;
  readonly path: LwM2mPath;
}

/**
 * Builds the operation that a request asks for. Any text may come in; what is wrong with it comes back as a refusal.
 *
 * Checked in this order: method, parameters, target, version, then what the method needs of model and value.
 */
export function buildOperation(name: string, params: string, context: OperationContext): RpcOperation | Refusal {
  const method = findMethod(name);
  if (method === undefined) return REFUSALS.unsupportedMethod(name);
  const members = parseParams(params);
  if (members === undefined) return REFUSALS.notJsonObject(params);

  const target = resolveTarget(members, params, context, method);
  if ("type" in target) return target;
  const operation = BUILDERS[name as OfferedMethod](target, members, context, params); // Found, so offered.
  return operation.type === "refused" ? operation : { type: "operation", method, operation, id: target.id };
}

/** The members of a JSON object; those of an empty one when there are no parameters. */
function parseParams(params: string): JsonObject | undefined {
  if (params === "") return {};
  const json = parseJson(params);
  if (json === null) return {};
  return json !== undefined && isJsonObject(json) ? json : undefined;
}

type Build = (target: Target, members: JsonObject, context: OperationContext, params: string) => Operation | Refusal;

/** What makes the operation of each method, once its target is known. */
const BUILDERS: { readonly [Name in OfferedMethod]: Build } = {
  Read: ({ path }) => ({ type: "read", path }),
  Discover: ({ path }) =>
    path.length === 4 ? REFUSALS.discoverResourceInstance(formatPath(path)) : { type: "discover", path },
  Observe: ({ path }) => ({ type: "observe", path }),
  ObserveCancel: ({ path }) => ({ type: "cancelObservation", path }),
  Execute: execute,
  WriteReplace: (target, { value }, { models }) => writeReplace(target, value, models),
  WriteUpdate: (target, { value }, { models }) => writeUpdate(target, value, models),
  WriteAttributes: writeAttributes,
};

/** Finds the target by `key`, which wins, or `id`. */
function resolveTarget(
  members: JsonObject,
  params: string,
  context: OperationContext,
  { local }: Method,
): Target | Refusal {
  const key = scalarText(members.key ?? "");
  const id = scalarText(members.id ?? "");
  if (key === undefined || id === undefined) return REFUSALS.notJsonObject(params);
  if (key !== "") return resolveKey(key, context);
  if (id === "") return REFUSALS.missingTarget();
  const versioned = parseId(id);
  if ("type" in versioned) return versioned;
  // What the server answers by itself concerns what was done before: it needs no check against the registration.
  const refusal = local ? undefined : checkVersion(id, versioned, context.supported);
  return refusal ?? { id, path: versioned.path };
}

function resolveKey(key: string, { keys }: OperationContext): Target | Refusal {
  const found = keys.pathOfKey(key);
  switch (found.type) {
    case "found":
      return { id: found.entry.id, path: found.entry.path };
    case "unknown":
      return REFUSALS.unknownKey(key);
    case "otherVersion":
      return found.registered === undefined
        ? REFUSALS.unsupportedObject(found.entry.path[0] as number) // A key names a resource.
        : REFUSALS.keyOfOtherVersion(key, found.entry.id, found.registered);
  }
}

function parseId(id: string): VersionedPath | Refusal {
  try {
    return parseVersionedPath(id);
  } catch (error) {
    if (error instanceof InvalidPathError) return REFUSALS.invalidPath(error.message);
    throw error;
  }
}

/** A path without version means the version that the device registered; with one it must be that. */
function checkVersion(id: string, { path, version }: VersionedPath, supported: SupportedObjects): Refusal | undefined {
  if (isTrigger(path)) return undefined;
  const object = supported.objects.get(path[0] ?? -1); // The root has no object.
  if (object === undefined) return REFUSALS.unsupportedObject(path[0] ?? null);
  if (version !== undefined && version !== object.version) return REFUSALS.otherVersion(id, object.version);
  return undefined;
}

/** The triggers of the Server object for Update and bootstrap, which every device has whatever it registered: `/1/0/8`, `/1/0/9`. */
function isTrigger(path: LwM2mPath): boolean {
  const [objectId, instanceId, resourceId, ...deeper] = path;
  return objectId === 1 && instanceId === 0 && (resourceId === 8 || resourceId === 9) && deeper.length === 0;
}

function execute({ id, path }: Target, { value }: JsonObject, context: OperationContext): Operation | Refusal {
  if (path.length !== 3) return REFUSALS.executeTarget(formatPath(path));
  const [objectId, , resourceId] = path as [number, number, number];
  if (!isTrigger(path)) {
    const resource = context.models.object(objectId)?.resources.get(resourceId);
    const version = context.supported.objects.get(objectId)?.version ?? "";
    if (resource === undefined) return REFUSALS.executeNoModel(id, objectId, version);
    if (!resource.operations.includes("E")) return REFUSALS.notExecutable(id);
  }

  if (value === undefined || value === null) return { type: "execute", path, arguments: undefined };
  const text = scalarText(value);
  if (text === undefined) return REFUSALS.executeArgumentType(javaClassName(value));
  const refusal = checkArguments(text);
  return refusal ?? { type: "execute", path, arguments: text === "" ? undefined : text };
}

function checkArguments(text: string): Refusal | undefined {
  if (text === "") return undefined;
  try {
    parseExecuteArguments(text);
    return undefined;
  } catch (error) {
    if (error instanceof ExecuteArgumentsError) return REFUSALS.executeArguments(error.message);
    throw error;
  }
}

/** Attributes that a device tells and nobody writes (OMA LwM2M Core 1.1.1 §5.1.1). */
const PROPERTIES_ATTRIBUTES = ["dim", "ssid", "uri", "ver", "lwm2m"];
const NOTIFICATION_ATTRIBUTES = ["pmin", "pmax", "epmin", "epmax", "gt", "lt", "st"] as const;
const KNOWN_ATTRIBUTES: ReadonlySet<string> = new Set([...PROPERTIES_ATTRIBUTES, ...NOTIFICATION_ATTRIBUTES]);

function writeAttributes(
  { path }: Target,
  { attributes: given }: JsonObject,
  _context: OperationContext,
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
