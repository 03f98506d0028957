import type { LwM2mPath } from "@ferry/lwm2m";

/** Children in the order in which a Java hash table made for as many entries iterates over their ids: 0, 1, 6, 22, 7. */
export function inHashOrder<Child extends { readonly id: number }>(children: readonly Child[]): readonly Child[] {
  return inSlots(children, 1, ({ id }) => id);
}

/** Entries in the order in which a Java hash table iterates over their paths: /5/0/7, /5/0/5, /5/0/3, /3/0/9. */
export function inPathHashOrder<Entry extends { readonly path: LwM2mPath }>(
  entries: readonly Entry[],
): readonly Entry[] {
  return inSlots(entries, JAVA_DEFAULT_SLOTS, ({ path }) => hashOf(path));
}

/** Names in the order in which a Java hash table iterates over them: ct, rt. */
export function inNameHashOrder<Value>(
  entries: readonly (readonly [string, Value])[],
): readonly (readonly [string, Value])[] {
  return inSlots(entries, JAVA_DEFAULT_SLOTS, ([name]) => hashOfText(name));
}

function hashOfText(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (31 * hash + text.charCodeAt(i)) | 0;
  return hash;
}

/** Slots of a table that was made without a size. */
const JAVA_DEFAULT_SLOTS = 16;
const LEVELS = [0, 1, 2, 3] as const;

/** Levels that a path does not have count as 0. */
function hashOf(path: LwM2mPath): number {
  return LEVELS.reduce((hash: number, level) => (31 * hash + (path[level] ?? 0)) | 0, 1);
}

/** The table has `least` slots, doubled while entries fill more than three quarters of them. */
function inSlots<Entry>(entries: readonly Entry[], least: number, hash: (entry: Entry) => number): readonly Entry[] {
  let slots = least;
  while (entries.length > 0.75 * slots) slots *= 2;
  const slotOf = (entry: Entry) => (hash(entry) ^ (hash(entry) >>> 16)) & (slots - 1);
  // The sort is stable: insertion order within a slot.
  return entries.toSorted((a, b) => slotOf(a) - slotOf(b));
}
