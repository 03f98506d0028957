import { beforeAll, describe, expect, it } from "@jest/globals";
import { illegalWalks } from "./illegal-walks.ts";
import { committed, learn, NAMES } from "./learn.ts";
import { type MealyMachine, parseMealyMachine } from "./mealy-machine.ts";
import { CONFIGURATIONS, ModelServer, symbolsOf } from "./model-server.ts";
import { answeredPath, LEGAL_PATHS } from "./paths.ts";

/** Half a minute for all on an idle machine; they give way to everything else. */
const TIMEOUT_MS = 480_000;
/** From each state; the nightly test has more. */
const WALKS = 10;
const OUTCOMES = ["established", "resumed"] as const;
/** What anybody can send without a key, and without an answer to a question. */
const FORGEABLE = [
  "HELLO",
  "HELLO_AGAIN",
  "PSK_KEY_EXCHANGE",
  "ECDH_KEY_EXCHANGE",
  "CERTIFICATE",
  "CERTIFICATE_EMPTY",
  "CERTIFICATE_VERIFY_FORGED",
  "FINISHED_CLEAR",
  "DATA_CLEAR",
  "ALERT_CLEAR",
];

describe("the server's state machine as it is learned from outside", () => {
  let learned: readonly PromiseSettledResult<string>[];

  beforeAll(async () => {
    learned = await Promise.allSettled(NAMES.map((name) => learn(name, WALKS)));
  }, TIMEOUT_MS);

  // A difference is a change of what the server does on some walk. When it is meant, .ferry/model has the files to be committed.
  it.each(NAMES.map((name, at) => [name, at] as const))("is the committed one: %s", (name, at) => {
    expect(learned[at]).toEqual({ status: "fulfilled", value: committed(name) });
  });
});

describe.each(NAMES)("in the model %s", (name) => {
  const machine = parseMealyMachine(committed(name));
  const outputAfter = (state: string, symbol: string): string => machine.get(state)?.get(symbol)?.output ?? "";
  const states = [...machine.keys()];

  it("each state has a step for each symbol", () => {
    for (const state of states)
      expect([...(machine.get(state)?.keys() ?? [])].toSorted()).toEqual(symbolsOf(name).toSorted());
  });

  it("application data is accepted, and an association made, only behind a legal path", () => {
    expect(illegalWalks(machine, LEGAL_PATHS[name])).toEqual([]);
  });

  it("each legal path ends in an association", () => {
    for (const outcome of OUTCOMES) {
      const server = new ModelServer(name);
      const path = LEGAL_PATHS[name][outcome];
      const steps = CONFIGURATIONS[name].isLate ? answeredPath(path) : path;
      const outputs = steps.map((symbol) => server.step(symbol));
      expect(outputs.at(-1)?.split(" ")).toContain(outcome);
      expect(server.step("DATA")).toBe("data");
    }
  });

  it("a hello without cookie gets a HelloVerifyRequest and changes nothing (RFC 6347 §4.2.1)", () => {
    for (const state of states) {
      expect(machine.get(state)?.get("HELLO")).toEqual({ target: state, output: "HelloVerifyRequest" });
    }
  });

  it("what needs no key does not end an association, with or without a handshake beside it (RFC 6347 §4.2.8)", () => {
    const serving = states.filter((state) => outputAfter(state, "DATA") === "data");
    expect(serving.length).toBeGreaterThan(1);
    for (const state of serving) {
      for (const symbol of FORGEABLE) {
        const target = machine.get(state)?.get(symbol)?.target ?? "";
        expect([state, symbol, outputAfter(target, "DATA")]).toEqual([state, symbol, "data"]);
      }
    }
  });

  it("a renegotiation is declined, and the association serves on (RFC 5246 §7.2.2)", () => {
    for (const state of states.filter((it) => outputAfter(it, "DATA") === "data")) {
      expect(machine.get(state)?.get("RENEGOTIATE")).toEqual({ target: state, output: "warning:no_renegotiation" });
    }
  });
});

describe("the check of walks", () => {
  const paths = LEGAL_PATHS.x509;
  const after = (machine: MealyMachine, symbols: readonly string[]): string =>
    symbols.reduce((state, symbol) => machine.get(state)?.get(symbol)?.target ?? "", "s0");
  /** The model of a server that goes from the end of one walk by a symbol to the end of another. */
  const withStep = (walk: readonly string[], symbol: string, sameAs: readonly string[]): MealyMachine => {
    const machine = new Map([...parseMealyMachine(committed("x509"))].map(([state, steps]) => [state, new Map(steps)]));
    machine.get(after(machine, walk))?.set(symbol, { target: after(machine, sameAs), output: "-" });
    return machine;
  };

  it("finds a server that does without CertificateVerify", () => {
    const machine = withStep(paths.established.slice(0, 3), "CHANGE_CIPHER_SPEC", paths.established.slice(0, 5));
    expect(illegalWalks(machine, paths)[0]).toMatch(
      /^HELLO_COOKIE CERTIFICATE ECDH_KEY_EXCHANGE CHANGE_CIPHER_SPEC FINISHED \/ .*established$/,
    );
  });

  it("finds a server that takes an empty Certificate for a Certificate", () => {
    const machine = withStep(["HELLO_COOKIE"], "CERTIFICATE_EMPTY", ["HELLO_COOKIE", "CERTIFICATE"]);
    expect(illegalWalks(machine, paths)[0]).toMatch(/^HELLO_COOKIE CERTIFICATE_EMPTY .*established$/);
  });

  it("finds a server that serves on behind close_notify", () => {
    const walk = paths.established;
    const machine = parseMealyMachine(committed("x509"));
    const steps = new Map(machine.get(after(machine, walk)));
    steps.set("CLOSE_NOTIFY", { target: after(machine, walk), output: "closed:closeNotify" });
    expect(illegalWalks(new Map([...machine, [after(machine, walk), steps]]), paths)[0]).toMatch(
      /FINISHED CLOSE_NOTIFY DATA \/ data$/,
    );
  });
});
