import {
  comparePaths,
  formatPath,
  InvalidPathError,
  isWithin,
  type LwM2mPath,
  type ModelView,
  parseVersionedPath,
  type SupportedObjects,
  type VersionedPath,
} from "@ferry/lwm2m";
import type { DeviceProfile, KeyMap } from "@ferry/profile";
import { REFUSALS, type Refusal } from "./errors.ts";
import { type Json, type JsonObject, scalarText } from "./json.ts";
import { MAX_PATHS } from "./limits.ts";
import type { Method } from "./method.ts";

/** What of a device decides whether and how a request can be carried out. */
export interface OperationContext {
  readonly supported: SupportedObjects;
  readonly models: ModelView;
  readonly keys: KeyMap;
  /** What the profile knows of the device beyond its registration. */
  readonly profile: Pick<DeviceProfile, "contentFormats">;
}

/** What a request is about. */
export interface Target {
  /** As the caller gave it, or as the profile has it for a key. */
  readonly id: string;
  readonly path: LwM2mPath;
}

/** Finds the target by `key`, which wins, or `id`. */
export function resolveTarget(
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
  const target = parseTarget(id);
  if ("type" in target) return target;
  // What the server answers by itself concerns what was done before: it needs no check against the registration.
  const refusal = local ? undefined : checkVersion(id, target, context.supported);
  return refusal ?? target;
}

/**
 * Finds the targets of a composite operation by `keys`, which win, or `ids`.
 *
 * Versions are not compared: one request may well name what other devices have in another version.
 */
export function resolveTargets(
  { keys, ids }: JsonObject,
  params: string,
  context: OperationContext,
): { readonly type: "targets"; readonly targets: readonly Target[] } | Refusal {
  const keyTexts = scalarTexts(keys);
  const idTexts = scalarTexts(ids);
  if (keyTexts === undefined || idTexts === undefined) return REFUSALS.notJsonObject(params);
  const member = keyTexts.length > 0 ? "keys" : "ids";
  const texts = member === "keys" ? keyTexts : idTexts;
  if (texts.length === 0) return REFUSALS.missingTarget();
  if (texts.length > MAX_PATHS) return REFUSALS.tooManyPaths(member, texts.length, MAX_PATHS);

  const targets: Target[] = [];
  for (const text of texts) {
    const target = member === "keys" ? resolveKey(text, context) : parseTarget(text);
    if ("type" in target) return target;
    if (target.path.length === 0) return REFUSALS.unsupportedObject(null);
    targets.push(target);
  }
  return checkOverlap(targets.map(({ path }) => path)) ?? { type: "targets", targets };
}

/** Texts of an array of scalars; none when there is no array. */
function scalarTexts(json: Json | undefined): readonly string[] | undefined {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) return undefined;
  const texts = (json as readonly Json[]).map(scalarText).filter((text) => text !== undefined);
  return texts.length === json.length ? texts : undefined;
}

/** Refuses paths of which one is another or lies below it (OMA LwM2M Core 1.1.1 §6.3.8). */
export function checkOverlap(paths: readonly LwM2mPath[]): Refusal | undefined {
  // In this order whatever lies below a path comes right after it.
  const sorted = paths.toSorted(comparePaths);
  for (const [index, path] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next !== undefined && isWithin(next, path)) return REFUSALS.overlappedPaths(formatPath(path), formatPath(next));
  }
  return undefined;
}

/** The resource that a key of the profile names. */
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

function parseTarget(id: string): (Target & VersionedPath) | Refusal {
  try {
    return { id, ...parseVersionedPath(id) };
  } catch (error) {
    if (error instanceof InvalidPathError) return REFUSALS.invalidPath(error.message);
    throw error;
  }
}

/** What a member of `nodes` names: a path, or else a key. Versions are not compared, as in other composite operations. */
export function resolveNode(name: string, context: OperationContext): Target | Refusal {
  const target = parseTarget(name);
  return "type" in target && !name.startsWith("/") ? resolveKey(name, context) : target;
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
export function isTrigger(path: LwM2mPath): boolean {
  const [objectId, instanceId, resourceId, ...deeper] = path;
  return objectId === 1 && instanceId === 0 && (resourceId === 8 || resourceId === 9) && deeper.length === 0;
}
