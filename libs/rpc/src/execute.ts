import { ExecuteArgumentsError, formatPath, type Operation, parseExecuteArguments } from "@ferry/lwm2m";
import { REFUSALS, type Refusal } from "./errors.ts";
import { javaClassName } from "./java-text.ts";
import { type JsonObject, scalarText } from "./json.ts";
import { isTrigger, type OperationContext, type Target } from "./target.ts";

/** Execute: POST of a resource, with `value` as its arguments (OMA LwM2M Core 1.1.1 §6.3.5). */
export function execute({ id, path }: Target, { value }: JsonObject, context: OperationContext): Operation | Refusal {
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
