import {
  formatPath,
  type LwM2mNode,
  type LwM2mPath,
  type NotificationAttributes,
  validateAttributes,
} from "@ferry/lwm2m";

/** Attributes that were set, without those that were cleared. */
export type AssignedAttributes = { readonly [Name in keyof NotificationAttributes]?: number };

/** The attributes written to a device, by path (OMA LwM2M Core 1.1.1 §5.1.2). */
export class AttributeTable {
  readonly #byPath = new Map<string, AssignedAttributes>();

  /** @throws {InvalidAttributesError} they do not fit the path or each other */
  write(path: LwM2mPath, attributes: NotificationAttributes): void {
    validateAttributes(path, attributes);
    const merged = Object.entries({ ...this.assigned(path), ...attributes }).filter(([, value]) => value !== null);
    this.#byPath.set(formatPath(path), Object.fromEntries(merged));
  }

  /** What was written to this very path. */
  assigned(path: LwM2mPath): AssignedAttributes {
    return this.#byPath.get(formatPath(path)) ?? {};
  }

  /** What holds at `path`: what was written to it goes before what was written above it. */
  effective(path: LwM2mPath): AssignedAttributes {
    let attributes: AssignedAttributes = {};
    for (let level = 1; level <= path.length; level++) {
      attributes = { ...attributes, ...this.assigned(path.slice(0, level)) };
    }
    return attributes;
  }
}

/** Whether the step from the value last notified to the one now is to be told: it crosses `gt` or `lt`, is `st` wide, or is the `edge` of a Boolean; every change where none of them is set. */
export function isSignificant(before: LwM2mNode, after: LwM2mNode, { gt, lt, st, edge }: AssignedAttributes): boolean {
  if (edge !== undefined && "value" in after && after.value.type === "BOOLEAN")
    return after.value.value === (edge === 1);
  if (gt === undefined && lt === undefined && st === undefined) return true;
  const [from, to] = [numberOf(before), numberOf(after)];
  if (from === undefined || to === undefined) return true;
  const crosses = (threshold: number | undefined): boolean =>
    threshold !== undefined && from > threshold !== to > threshold;
  return crosses(gt) || crosses(lt) || (st !== undefined && Math.abs(to - from) >= st);
}

function numberOf(node: LwM2mNode): number | undefined {
  if (node.type !== "singleResource" && node.type !== "resourceInstance") return undefined;
  const { value } = node.value;
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}
