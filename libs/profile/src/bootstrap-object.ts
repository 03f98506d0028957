import { formatPath, InvalidPathError, type LwM2mPath, parsePath } from "@ferry/lwm2m";
import { z } from "zod";
import type { BootstrapObject, BootstrapValue } from "./bootstrap-settings.ts";
import { ProfileError } from "./errors.ts";
import { formatField } from "./schema.ts";

/** Most Object Instances beside accounts. */
const MAX_OBJECTS = 32;
/** Most resources of one of them. */
const MAX_RESOURCES = 256;

/** Instances by path, their values by resource id or `id/instance`. */
export const OBJECTS: z.ZodType<Record<string, Record<string, BootstrapValue>>> = z.record(
  z.string(),
  z.record(
    z.string(),
    z.union([z.string(), z.number(), z.boolean()], {
      error:
        'is no text, number or boolean; each instance of a resource that has several is a member of its own: "6/0"',
    }),
  ),
);

/** Objects that are no values: Security and Server come of the accounts; of OSCORE (21) nothing is served. */
const REFUSED_OBJECTS: Readonly<Record<number, string>> = {
  0: "is written from `servers` and `bootstrapServer`: say it there",
  1: "is written from `servers`: say it there",
  21: "is OSCORE, which is not served: take it out",
};

/** `6` or `6/0`, without leading zeros, so that one resource has one name. */
const RESOURCE = /^(0|[1-9]\d{0,4})(\/(0|[1-9]\d{0,4}))?$/;
const MAX_ID = 65_535;

/** Checks what is written beside accounts. @throws {ProfileError} */
export function parseBootstrapObjects(
  objects: Readonly<Record<string, Readonly<Record<string, BootstrapValue>>>>,
  at: readonly PropertyKey[],
): readonly BootstrapObject[] {
  const count = Object.keys(objects).length;
  if (count > MAX_OBJECTS) throw new ProfileError(formatField(at), `has ${count} objects, at most ${MAX_OBJECTS}`);
  const owners = new Map<string, string>();
  return Object.entries(objects).map(([text, resources]) => {
    const field = formatField([...at, text]);
    const path = parseInstancePath(text, field);
    const owner = owners.get(formatPath(path));
    if (owner !== undefined) throw new ProfileError(field, `names the instance of ${owner} again`);
    owners.set(formatPath(path), field);
    checkResources(resources, [...at, text]);
    return { path, resources };
  });
}

function parseInstancePath(text: string, field: string): BootstrapObject["path"] {
  const [objectId, instanceId, ...more] = parse(text, field);
  if (objectId === undefined || instanceId === undefined || more.length > 0) {
    throw new ProfileError(field, `"${text}" is the path of no object instance; write one such as /10/0`);
  }
  const refusal = REFUSED_OBJECTS[objectId];
  if (refusal !== undefined) throw new ProfileError(field, refusal);
  return [objectId, instanceId];
}

function parse(text: string, field: string): LwM2mPath {
  try {
    return parsePath(text);
  } catch (error) {
    if (error instanceof InvalidPathError) throw new ProfileError(field, error.message);
    throw error;
  }
}

function checkResources(resources: Readonly<Record<string, unknown>>, at: readonly PropertyKey[]): void {
  const names = Object.keys(resources);
  if (names.length > MAX_RESOURCES) {
    throw new ProfileError(formatField(at), `has ${names.length} resources, at most ${MAX_RESOURCES}`);
  }
  for (const name of names) {
    const [, id, , instance] = RESOURCE.exec(name) ?? [];
    if (id === undefined || Number(id) > MAX_ID || Number(instance ?? 0) > MAX_ID) {
      throw new ProfileError(
        formatField([...at, name]),
        'is no resource: write its id, or "id/instance", such as "6/0"',
      );
    }
    if (instance !== undefined && id in resources) {
      throw new ProfileError(formatField([...at, name]), `is an instance of ${id}, which has a value itself`);
    }
  }
}
