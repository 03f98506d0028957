/**
 * Children in the order in which a Java hash table made for as many entries iterates over their ids: 0, 1, 6, 22, 7.
 *
 * The table has the least power of two of slots that is not below the number of entries, doubled when they fill more than three quarters of it.
 */
export function inHashOrder<Child extends { readonly id: number }>(children: readonly Child[]): readonly Child[] {
  const slots = slotCount(children.length);
  // Ids are below 2^16, so Java's spreading of the upper bits changes nothing. The sort is stable: insertion order within a slot.
  return [...children].sort((a, b) => (a.id & (slots - 1)) - (b.id & (slots - 1)));
}

function slotCount(entries: number): number {
  let slots = 1;
  while (slots < entries) slots *= 2;
  return entries > 0.75 * slots ? slots * 2 : slots;
}
