import type { MealyMachine } from "./mealy-machine.ts";
import type { LegalPaths } from "./paths.ts";
import type { ModelSymbol } from "./symbols.ts";

type PathName = keyof LegalPaths;

/** What a walk through a machine has come to. */
interface Standing {
  readonly state: string;
  /** The last hello's path; undefined before any. */
  readonly path: PathName | undefined;
  /** Steps of it that were gone; undefined: something that belongs elsewhere came between, or the server gave up. */
  readonly gone: readonly ModelSymbol[] | undefined;
  readonly hasAssociation: boolean;
}

/** Messages that count where they come: in another place they end a handshake (RFC 5246 §7.3). */
const ORDERED: ReadonlySet<string> = new Set([
  "PSK_KEY_EXCHANGE",
  "ECDH_KEY_EXCHANGE",
  "CERTIFICATE",
  "CERTIFICATE_EMPTY",
  "CERTIFICATE_VERIFY",
  "CERTIFICATE_VERIFY_FORGED",
  "FINISHED_CLEAR",
]);
/** Steps at the end of a path that may change places. */
const LAST_STEPS = 2;

/**
 * The shortest walks after which a server says `established`, `resumed` or `data` without the right to: one for each state and symbol where it does,
 * as `symbols / output`. It goes all the ways that the machine has.
 */
export function illegalWalks(machine: MealyMachine, paths: LegalPaths): string[] {
  const start: Standing = { state: "s0", path: undefined, gone: undefined, hasAssociation: false };
  const walks = new Map<string, readonly string[]>([[key(start), []]]);
  const illegal: string[] = [];
  const queue = [start];
  for (const standing of queue) {
    const walk = [...(walks.get(key(standing)) ?? [])];
    for (const [symbol, { target, output }] of machine.get(standing.state) ?? []) {
      const words = output.split(" ");
      const next = { ...follow(standing, symbol as ModelSymbol, words, paths), state: target };
      if (!isEarned(next, words, paths)) illegal.push(`${[...walk, symbol].join(" ")} / ${output}`);
      const after = settle(next, words);
      if (walks.has(key(after))) continue;
      walks.set(key(after), [...walk, symbol]);
      queue.push(after);
    }
  }
  return illegal;
}

function key({ state, path, gone, hasAssociation }: Standing): string {
  return `${state} ${path} ${gone?.toSorted().join("+")} ${hasAssociation}`;
}

/** How far the walk is with one more symbol. */
function follow(standing: Standing, symbol: ModelSymbol, words: readonly string[], paths: LegalPaths): Standing {
  const begun = (["established", "resumed"] as const).find((name) => paths[name][0] === symbol);
  if (begun !== undefined) return { ...standing, path: begun, gone: [symbol] };
  const { path, gone } = standing;
  if (path === undefined) return standing;
  const steps = paths[path];
  // Where no handshake goes on, the same hello begins one.
  if (symbol === "HELLO_AGAIN" && gone === undefined && words.includes("ServerHello")) {
    return { ...standing, gone: steps.slice(0, 1) };
  }
  if (gone === undefined) return standing;
  const isInOrder = gone.length >= steps.length - LAST_STEPS;
  const wanted = isInOrder ? steps.slice(-LAST_STEPS) : steps.slice(gone.length, gone.length + 1);
  if (wanted.includes(symbol)) return { ...standing, gone: gone.includes(symbol) ? gone : [...gone, symbol] };
  // Behind ChangeCipherSpec what is in the clear is nobody's.
  const isSpoilt = ORDERED.has(symbol) && !gone.includes("CHANGE_CIPHER_SPEC");
  return isSpoilt ? { ...standing, gone: undefined } : standing;
}

function isEarned({ path, gone, hasAssociation }: Standing, words: readonly string[], paths: LegalPaths): boolean {
  const isAtEnd = path !== undefined && gone?.length === paths[path].length;
  return words.every((word) => {
    if (word === "established" || word === "resumed") return isAtEnd && word === path;
    return word !== "data" || hasAssociation || isAtEnd;
  });
}

/** What the server's words make of it. */
function settle(standing: Standing, words: readonly string[]): Standing {
  const isMade = words.includes("established") || words.includes("resumed");
  const isOver = isMade || words.some((word) => word.startsWith("failed:"));
  const isEnded = words.some((word) => word.startsWith("closed:")) && !isMade;
  return {
    ...standing,
    gone: isOver ? undefined : standing.gone,
    hasAssociation: isMade || (standing.hasAssociation && !isEnded),
  };
}
