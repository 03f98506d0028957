import {
  type DataType,
  formatVersionedPath,
  type ModelRegistry,
  type ObjectModel,
  type ResourceModel,
} from "@ferry/lwm2m";
import type { DeviceProfile, ProfileEntry } from "@ferry/profile";
import { bootstrapObjectNode } from "./bootstrap-object-node.ts";

/** What a profile says that no device can do, as far as the models tell: one sentence each, the path first. A profile is valid all the same: devices may come with models of their own. */
export function checkProfile(profile: DeviceProfile, tenant: string, models: ModelRegistry): readonly string[] {
  const byObject = Map.groupBy(models.list(tenant), ({ id }) => id);
  const problems = profile.entries.flatMap((entry) => {
    const versions = byObject.get(entry.path[0] as number) ?? []; // No entry names the root.
    const problem = problemOf(
      entry,
      versions,
      (version) => models.resolve(tenant, entry.path[0] as number, version)?.model,
    );
    return problem === undefined ? [] : [`${entry.id}${entry.key === undefined ? "" : ` (${entry.key})`}: ${problem}`];
  });
  const bootstrapProblems = profile.bootstrap.objects.flatMap((object) => {
    const outcome = bootstrapObjectNode(object, byObject.get(object.path[0]) ?? []);
    return outcome.type === "refused" ? outcome.problems : [];
  });
  return [...problems, ...bootstrapProblems];
}

function problemOf(
  entry: ProfileEntry,
  versions: readonly ObjectModel[],
  resolve: (version: string) => ObjectModel | undefined,
): string | undefined {
  const [objectId, instanceId, resourceId] = entry.path as [number, number | undefined, number | undefined];
  const exact = versions.filter(({ version }) => entry.version === undefined || version === entry.version);
  const closest = exact.length > 0 ? exact : known(resolve(entry.version ?? "1.0"));
  const [model] = closest;
  if (model === undefined) {
    const missing =
      versions.length > 0 && entry.version !== undefined ? `object ${objectId}_${entry.version}` : `object ${objectId}`;
    return `no model of ${missing} is known: its values cannot be read; apply its XML`;
  }
  if (exact.length === 0) {
    const id = formatVersionedPath({ path: [objectId], version: model.version });
    return `no model of version ${entry.version} is known: it is read by that of ${id}`;
  }
  if (resourceId === undefined) return undefined;
  if (!model.multiple && instanceId !== 0) return `object ${objectId} (${model.name}) has one instance, 0`;
  const resources = known(...closest.map(({ resources }) => resources.get(resourceId)));
  const [resource] = resources;
  if (resource === undefined) return `object ${objectId} (${model.name}) has no resource ${resourceId}`;
  return misuseOf(entry, resource);
}

function misuseOf(entry: ProfileEntry, { name, operations, type, multiple }: ResourceModel): string | undefined {
  const uses = (["telemetry", "attribute", "observe"] as const).filter((use) => entry[use]);
  if (uses.length > 0 && !operations.includes("R")) {
    const reason = REASONS[operations] ?? "cannot be read";
    return `${name} ${reason}: nothing comes of ${uses.join(" and ")}`;
  }
  if (operations === "") return `${name} ${REASONS[""]}`;
  if (entry.path.length === 4 && !multiple) return `${name} has no instances`;
  const numeric = (["gt", "lt", "st", "edge"] as const).find((attribute) => entry.attributes?.[attribute] != null);
  const isFit = numeric === "edge" ? type === "BOOLEAN" : type !== undefined && NUMERIC.has(type);
  if (numeric !== undefined && !isFit) {
    return `${name} is ${type}: a device refuses ${numeric} for what is no ${numeric === "edge" ? "boolean" : "number"}`;
  }
  return undefined;
}

/** Why a resource cannot be read, by its operations. */
const REASONS: Readonly<Record<string, string>> = {
  "": "is for the bootstrap server alone",
  E: "can only be executed",
  W: "can only be written",
};

const NUMERIC: ReadonlySet<DataType> = new Set<DataType>(["INTEGER", "UNSIGNED_INTEGER", "FLOAT", "TIME"]);

function known<T>(...values: readonly (T | undefined)[]): readonly T[] {
  return values.filter((value) => value !== undefined);
}
