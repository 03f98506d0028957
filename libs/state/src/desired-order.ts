import type { DesiredVersion } from "./device-store.ts";

/** The order in which desired values are written, and their versions forgotten: the oldest first. */
export function byAge(
  a: DesiredVersion & { readonly key: string },
  b: DesiredVersion & { readonly key: string },
): number {
  return a.writtenMs - b.writtenMs || a.version - b.version || (a.key < b.key ? -1 : 1);
}
