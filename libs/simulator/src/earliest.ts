/** The earliest of some deadlines; undefined when there is none. */
export function earliest(deadlines: Iterable<number | undefined>): number | undefined {
  let first: number | undefined;
  for (const deadline of deadlines) {
    if (deadline !== undefined && (first === undefined || deadline < first)) first = deadline;
  }
  return first;
}
