/** Where a symbol leads, and what comes out. */
export interface Step {
  readonly target: string;
  /** Words in the order in which they came; `-` alone for nothing. */
  readonly output: string;
}

/** By state and symbol; `s0` is the first state. */
export type MealyMachine = ReadonlyMap<string, ReadonlyMap<string, Step>>;

/** Reads what learn.py writes: lines `s0 -> s1 [label="A, B / output"];`. */
export function parseMealyMachine(dot: string): MealyMachine {
  const machine = new Map<string, Map<string, Step>>();
  for (const [, state = "", target = "", symbols = "", output = ""] of dot.matchAll(
    /^ {2}(s\d+) -> (s\d+) \[label="(.*) \/ (.*)"\];$/gm,
  )) {
    const steps = machine.get(state) ?? new Map<string, Step>();
    machine.set(state, steps);
    for (const symbol of symbols.split(", ")) steps.set(symbol, { target, output });
  }
  return machine;
}
