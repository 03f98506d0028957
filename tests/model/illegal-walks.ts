import type { MealyMachine } from "./mealy-machine.ts";
import type { LegalPaths } from "./paths.ts";
import type { ModelSymbol } from "./symbols.ts";

type PathName = keyof LegalPaths;
type Way = readonly ModelSymbol[];

/** What a walk through a machine has come to. */
interface Standing {
  readonly state: string;
  /** The last hello's path; undefined before any. */
  readonly path: PathName | undefined;
  /**
   * Steps of it that were gone. Several, for a hello that comes again may begin anew or change nothing; none: something that belongs elsewhere came between,
   * or the server gave up.
   */
  readonly ways: readonly Way[];
  /** The server has answered the last hello: before, a client has nothing else to say, and what is said is nobody's. */
  readonly isGreeted: boolean;
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
  const start: Standing = { state: "s0", path: undefined, ways: [], isGreeted: false, hasAssociation: false };
  const walks = new Map<string, readonly string[]>([[key(start), []]]);
  const illegal: string[] = [];
  const queue = [start];
  for (const standing of queue) {
    const walk = [...(walks.get(key(standing)) ?? [])];
    for (const [symbol, { target, output }] of machine.get(standing.state) ?? []) {
      const words = output.split(" ");
      const next = { ...follow(standing, symbol as ModelSymbol, paths), state: target };
      if (!isEarned(next, words, paths)) illegal.push(`${[...walk, symbol].join(" ")} / ${output}`);
      const after = settle(next, words);
      if (walks.has(key(after))) continue;
      walks.set(key(after), [...walk, symbol]);
      queue.push(after);
    }
  }
  return illegal;
}

function key({ state, path, ways, isGreeted, hasAssociation }: Standing): string {
  return `${state} ${path} ${ways.map(nameOf).toSorted()} ${isGreeted} ${hasAssociation}`;
}

function nameOf(way: Way): string {
  return way.toSorted().join("+");
}

/** How far the walk is with one more symbol. */
function follow(standing: Standing, symbol: ModelSymbol, paths: LegalPaths): Standing {
  const begun = (["established", "resumed"] as const).find((name) => paths[name][0] === symbol);
  if (begun !== undefined) return { ...standing, path: begun, ways: [[symbol]], isGreeted: false };
  const { path, ways, isGreeted } = standing;
  if (path === undefined || (!isGreeted && ORDERED.has(symbol))) return standing;
  const steps = paths[path];
  const again = symbol === "HELLO_AGAIN" ? [steps.slice(0, 1)] : [];
  const followed = [...again, ...ways.flatMap((way) => step(way, symbol, steps))];
  return { ...standing, ways: [...new Map(followed.map((way) => [nameOf(way), way])).values()] };
}

/** A way with one more symbol; none when it is spoilt. */
function step(way: Way, symbol: ModelSymbol, steps: readonly ModelSymbol[]): Way[] {
  const isInOrder = way.length >= steps.length - LAST_STEPS;
  const wanted = isInOrder ? steps.slice(-LAST_STEPS) : steps.slice(way.length, way.length + 1);
  if (wanted.includes(symbol)) return [way.includes(symbol) ? way : [...way, symbol]];
  // Behind the last message that is due in the clear others are nobody's; but those that the client counts make a Finished that it has yet to send a wrong one.
  const isCounted = symbol !== "FINISHED_CLEAR" && way.length === steps.length - LAST_STEPS;
  return ORDERED.has(symbol) && (isCounted || !isInOrder) ? [] : [way];
}

function isEarned({ path, ways, hasAssociation }: Standing, words: readonly string[], paths: LegalPaths): boolean {
  const isAtEnd = path !== undefined && ways.some((way) => way.length === paths[path].length);
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
    ways: isOver ? [] : standing.ways,
    isGreeted: !isOver && (standing.isGreeted || words.includes("ServerHello")),
    hasAssociation: isMade || (standing.hasAssociation && !isEnded),
  };
}
