import { ExecuteArgumentsError } from "./errors.ts";

/** One argument of Execute: a digit, perhaps with a value. */
export interface ExecuteArgument {
  /** 0 to 9. */
  readonly digit: number;
  readonly value: string | undefined;
}

/** Characters of a value: `CHAR` of OMA LwM2M Core 1.1.1 §6.3.5. */
const VALUE = /^[!#-&(-[\]-~]*$/;

/**
 * Parses Execute arguments: `arg *("," arg)`, `arg = DIGIT [ "='" *CHAR "'" ]` (OMA LwM2M Core 1.1.1 §6.3.5). The empty text has none.
 *
 * @throws {ExecuteArgumentsError} `Unable to parse Arguments [<text>] : <reason>`
 */
export function parseExecuteArguments(text: string): readonly ExecuteArgument[] {
  const fail = (reason: string) => new ExecuteArgumentsError(`Unable to parse Arguments [${text}] : ${reason}`);
  const parsed = new Map<number, ExecuteArgument>();
  let repeated: number | undefined;
  let next = 0;
  while (next < text.length) {
    const digitText = text[next++] as string; // The loop condition bounds it.
    if (!/^\d$/.test(digitText)) throw fail(`Invalid digit [${digitText}] (an integer between 0 and 9 is expected)`);
    const digit = Number(digitText);

    let value: string | undefined;
    if (text[next] === "=") {
      next++;
      if (text[next] !== "'")
        throw fail(`opening quote ['] is expected at index ${next} after [${text.slice(0, next)}]`);
      const end = text.indexOf("'", next + 1);
      if (end < 0) throw fail("Argument value must end with quote['].");
      value = text.slice(next + 1, end);
      if (!VALUE.test(value)) throw fail(`Invalid Argument value [${value}] for digit [${digit}] `);
      next = end + 1;
    }
    if (parsed.has(digit)) repeated ??= digit;
    parsed.set(digit, { digit, value });

    if (next === text.length) break;
    if (text[next] !== ",") throw fail(`[,] separator expected at index ${next} after [${text.slice(0, next)}]`);
    next++;
    if (next === text.length) throw fail(`unexpected EOF, expected argument after ${text}`);
  }
  if (repeated !== undefined) throw fail(`Unable to build Arguments : digit [${repeated}] exists more than once `);
  return [...parsed.values()];
}

/** The inverse of {@link parseExecuteArguments}. */
export function formatExecuteArguments(args: readonly ExecuteArgument[]): string {
  return args.map(({ digit, value }) => (value === undefined ? String(digit) : `${digit}='${value}'`)).join(",");
}
