/** Digits of the greatest id, 65535. */
const MAX_ID_DIGITS = 5;

/** The path that a name in a payload spells, of up to four levels; undefined when it spells none. This is the hot path: no split, no expressions. */
export function parseName(name: string): number[] | undefined {
  const path: number[] = [];
  let id = 0;
  let digits = 0;
  for (let i = name.startsWith("/") ? 1 : 0; i <= name.length; i++) {
    const digit = name.charCodeAt(i) - 0x30; // NaN at the end
    if (digit >= 0 && digit <= 9) {
      id = id * 10 + digit;
      if (++digits > MAX_ID_DIGITS) return undefined;
    } else if (i === name.length || digit === -1) {
      if (digits === 0 || id > 0xffff || path.length === 4) return undefined;
      path.push(id);
      id = 0;
      digits = 0;
    } else return undefined;
  }
  return path;
}
