import { findRepeatedMember, formatPath, type LwM2mPath, type Operation } from "@ferry/lwm2m";
import { requestedFormat } from "./content-format.ts";
import { create } from "./create.ts";
import { REFUSALS, type Refusal } from "./errors.ts";
import { execute } from "./execute.ts";
import { isJsonObject, type JsonObject, parseJson } from "./json.ts";
import { MAX_PARAMS_CHARACTERS } from "./limits.ts";
import { findMethod, type Method, type MethodName } from "./method.ts";
import { type OperationContext, resolveTarget, resolveTargets, type Target } from "./target.ts";
import { writeReplace, writeUpdate } from "./write.ts";
import { writeAttributes } from "./write-attributes.ts";
import { writeComposite } from "./write-composite.ts";

/** A request that the device carries out. */
export interface RpcOperation {
  readonly type: "operation";
  readonly method: Method;
  readonly operation: Operation;
  /** The target as the caller gave it, or as the profile has it for a key: `/3_1.2/0/9`; those of a composite operation with `, ` between. */
  readonly id: string;
  /** CoAP Content-Format that the request asks for, legal for the operation; absent when that is left to us. */
  readonly format?: number;
}

/** A request that is answered from what the server knows. */
export interface LocalRequest {
  readonly type: "local";
  readonly method: Method;
  readonly ask: LocalAsk;
}

/** What is asked of the server; `id` and `ids` are paths as the caller gave them, or as the profile has them for keys. */
export type LocalAsk =
  | { readonly type: "discoverAll" }
  | { readonly type: "observeReadAll" }
  | { readonly type: "observeCancelAll" }
  | { readonly type: "observeCancel"; readonly path: LwM2mPath; readonly id: string }
  | { readonly type: "observeCompositeCancel"; readonly paths: readonly LwM2mPath[]; readonly ids: readonly string[] };

/**
 * Builds what a request asks for. Any text may come in; what is wrong with it comes back as a refusal.
 *
 * Checked in this order: method, parameters, target, version, then what the method needs of model and value, then `contentFormat`.
 * What would be carried out is refused when it has a member that comes twice, or one that no method has: a misspelt one must not be done without.
 */
export function buildOperation(
  name: string,
  params: string,
  context: OperationContext,
): RpcOperation | LocalRequest | Refusal {
  const method = findMethod(name);
  if (method === undefined) return REFUSALS.unsupportedMethod(name);
  const build = BUILDERS[name as MethodName]; // Found, so it is one of them.
  if (build.kind === "none") return { type: "local", method, ask: build.ask };

  const parsed = parseParams(params);
  if (parsed.type === "refused") return parsed;
  const built = build.kind === "target" ? forTarget(build, parsed, context, method) : forPaths(build, parsed, context);
  if (built.type === "refused") return built;
  const stranger = Object.keys(parsed.members).find((member) => !MEMBERS.includes(member));
  if (stranger !== undefined) return REFUSALS.unknownMember(stranger, MEMBERS);
  if (built.type === "local") return { type: "local", method, ask: built.ask };
  const { operation, id } = built;
  const requested = requestedFormat(parsed.members.contentFormat, operation, context);
  if (requested.type === "refused") return requested;
  const { format } = requested;
  return { type: "operation", method, operation, id, ...(format === undefined ? {} : { format }) };
}

/** What parameters may have; a method passes over those of others. */
const MEMBERS: readonly string[] = ["id", "key", "ids", "keys", "nodes", "value", "attributes", "contentFormat"];

/** The members of the parameters, and the text that refusals quote. */
interface Params {
  readonly type: "params";
  readonly members: JsonObject;
  readonly text: string;
}

/** The members of a JSON object; none when there are no parameters. */
function parseParams(text: string): Params | Refusal {
  if (text.length > MAX_PARAMS_CHARACTERS) return REFUSALS.paramsTooLarge(text.length, MAX_PARAMS_CHARACTERS);
  if (text === "") return { type: "params", members: {}, text };
  const json = parseJson(text);
  if (json === null) return { type: "params", members: {}, text };
  if (json === undefined || !isJsonObject(json)) return REFUSALS.notJsonObject(text);
  const repeated = findRepeatedMember(text);
  return repeated === undefined ? { type: "params", members: json, text } : REFUSALS.repeatedMember(repeated.join("."));
}

type Built =
  | { readonly type: "built"; readonly operation: Operation; readonly id: string }
  | { readonly type: "local"; readonly ask: LocalAsk }
  | Refusal;

interface ForTarget {
  readonly kind: "target";
  readonly build: (target: Target, params: Params, context: OperationContext) => Operation | LocalAsk | Refusal;
}

interface ForPaths {
  readonly kind: "paths";
  readonly build: (targets: readonly Target[]) => Operation | LocalAsk;
}

interface ForNodes {
  readonly kind: "nodes";
  readonly build: (members: JsonObject, context: OperationContext) => Operation | Refusal;
}

interface WithoutParams {
  readonly kind: "none";
  readonly ask: LocalAsk;
}

const pathsOf = (targets: readonly Target[]): readonly LwM2mPath[] => targets.map(({ path }) => path);

/** What makes the operation of each method, once its target is known. */
const BUILDERS: { readonly [Name in MethodName]: ForTarget | ForPaths | ForNodes | WithoutParams } = {
  Read: { kind: "target", build: ({ path }) => ({ type: "read", path }) },
  Discover: {
    kind: "target",
    build: ({ path }) =>
      path.length === 4 ? REFUSALS.discoverResourceInstance(formatPath(path)) : { type: "discover", path },
  },
  Observe: { kind: "target", build: ({ path }) => ({ type: "observe", path }) },
  ObserveCancel: { kind: "target", build: ({ path, id }) => ({ type: "observeCancel", path, id }) },
  Execute: { kind: "target", build: (target, { members }, context) => execute(target, members, context) },
  WriteReplace: {
    kind: "target",
    build: (target, { members }, { models }) => writeReplace(target, members.value, models),
  },
  WriteUpdate: {
    kind: "target",
    build: (target, { members }, { models }) => writeUpdate(target, members.value, models),
  },
  WriteAttributes: { kind: "target", build: (target, { members, text }) => writeAttributes(target, members, text) },
  Create: { kind: "target", build: (target, { members }, context) => create(target, members, context) },
  Delete: {
    kind: "target",
    build: ({ path }) => (path.length === 2 ? { type: "delete", path } : REFUSALS.deleteTarget(formatPath(path))),
  },
  ReadComposite: { kind: "paths", build: (targets) => ({ type: "readComposite", paths: pathsOf(targets) }) },
  ObserveComposite: { kind: "paths", build: (targets) => ({ type: "observeComposite", paths: pathsOf(targets) }) },
  ObserveCompositeCancel: {
    kind: "paths",
    build: (targets) => ({
      type: "observeCompositeCancel",
      paths: pathsOf(targets),
      ids: targets.map(({ id }) => id),
    }),
  },
  WriteComposite: { kind: "nodes", build: writeComposite },
  DiscoverAll: { kind: "none", ask: { type: "discoverAll" } },
  ObserveReadAll: { kind: "none", ask: { type: "observeReadAll" } },
  ObserveCancelAll: { kind: "none", ask: { type: "observeCancelAll" } },
};

function forTarget({ build }: ForTarget, params: Params, context: OperationContext, method: Method): Built {
  const target = resolveTarget(params.members, params.text, context, method);
  return "type" in target ? target : toBuilt(build(target, params, context), target.id);
}

function forPaths(builder: ForPaths | ForNodes, params: Params, context: OperationContext): Built {
  if (builder.kind === "nodes") {
    const operation = builder.build(params.members, context);
    return toBuilt(operation, operation.type === "writeComposite" ? idsOf(operation.nodes) : "");
  }
  const found = resolveTargets(params.members, params.text, context);
  if (found.type === "refused") return found;
  return toBuilt(builder.build(found.targets), found.targets.map(({ id }) => id).join(", "));
}

function idsOf(nodes: readonly { readonly path: LwM2mPath }[]): string {
  return nodes.map(({ path }) => formatPath(path)).join(", ");
}

function toBuilt(built: Operation | LocalAsk | Refusal, id: string): Built {
  switch (built.type) {
    case "refused":
      return built;
    case "discoverAll":
    case "observeReadAll":
    case "observeCancelAll":
    case "observeCancel":
    case "observeCompositeCancel":
      return { type: "local", ask: built };
    default:
      return { type: "built", operation: built, id };
  }
}
