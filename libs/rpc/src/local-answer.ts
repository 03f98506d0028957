import { comparePaths, formatPath } from "@ferry/lwm2m";
import type { Compat } from "./format-node.ts";
import { inNameHashOrder } from "./hash-order.ts";
import { type LinkText, parseLinkText, splitLinks } from "./link-text.ts";
import type { ObservedPaths } from "./observations.ts";
import type { RpcResult } from "./result.ts";

/** The answer to a method that is answered without the device: how many observations a cancel ended, for one. */
export function formatLocalValue(value: string): RpcResult {
  return { status: "SUCCESSFUL", result: "CONTENT", code: 0, ...(value !== "" && { value }), nodes: [] };
}

/**
 * DiscoverAll: the links of the registration, root first, then by path, as JSON.
 *
 * `seed`: `[{"url":"/1","attributes":{"ver":"1.1"}}]`, values with their quotes; `now`: `["</1>;ver=1.1"]`.
 */
export function formatDiscoverAll(objectLinks: string, compat: Compat): RpcResult {
  const links = splitLinks(objectLinks).map((text) => ({ text, ...parseLinkText(text) }));
  links.sort((a, b) => compareTargets(a, b));
  const list =
    compat === "now"
      ? links.map(({ text }) => text)
      : links.map(({ target, attributes }) => ({
          url: target,
          attributes: Object.fromEntries(inNameHashOrder(attributes)),
        }));
  return formatLocalValue(JSON.stringify(list));
}

/** Orders targets by their segments, numbers as numbers. */
function compareTargets(a: LinkText, b: LinkText): number {
  const [left, right] = [segmentsOf(a), segmentsOf(b)];
  for (let level = 0; level < Math.min(left.length, right.length); level++) {
    const [one, other] = [left[level] ?? "", right[level] ?? ""];
    const difference = Number(one) - Number(other);
    if (Number.isNaN(difference) ? one !== other : difference !== 0) return difference || (one < other ? -1 : 1);
  }
  return left.length - right.length;
}

function segmentsOf({ target }: LinkText): readonly string[] {
  return target.split("/").filter((segment) => segment !== "");
}

/**
 * ObserveReadAll: what is observed, by (first) path, as JSON.
 *
 * `seed`: `["/3/0/9"]`, `now`: `["SingleObservation:/3/0/9"]`; composite ones, which the seed does not have, are `CompositeObservation: [/19/0/0, /3/0/9]` in both.
 */
export function formatObserveReadAll(observations: Iterable<ObservedPaths>, compat: Compat): RpcResult {
  const prefix = compat === "now" ? "SingleObservation:" : "";
  const byPath = [...observations].sort((a, b) => comparePaths(a.paths[0] ?? [], b.paths[0] ?? []));
  const entries = byPath.map(({ paths, composite }) => {
    const texts = paths.map(formatPath);
    return composite ? `CompositeObservation: [${texts.join(", ")}]` : `${prefix}${texts.join()}`;
  });
  return formatLocalValue(JSON.stringify(entries));
}
