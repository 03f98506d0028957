import { ConfigError } from "./errors.ts";

/** Steps in the life of an RPC request at which a test may end or stop a process. */
export const FAILPOINTS = [
  /** Router: the request is stored and not handed to a node. */
  "accepted",
  /** Router: the command is on the bus and the request's offset is not committed. */
  "handed",
  /** Owner: the command was read. */
  "received",
  /** Owner: `dispatch` was won and nothing was sent. */
  "dispatched",
  /** Owner: the first datagram left. */
  "sent",
  /** Owner: the device answered and no final answer was decided. */
  "answered",
  /** Owner or router: the final answer was decided and is not on the bus. */
  "finished",
] as const;

/** One of `FAILPOINTS`. */
export type Failpoint = (typeof FAILPOINTS)[number];

/** Called at each step with its name; does nothing unless a test armed that step. */
export type PassFailpoint = (step: Failpoint) => void;

/**
 * Arms one step, once: `dispatched` ends this process there as a crash would (SIGKILL), `dispatched:stop` stops it as a long pause would (SIGSTOP).
 *
 * @throws {ConfigError} the text names no step
 */
export function armFailpoint(
  armed: string | undefined,
  signal: (name: "SIGKILL" | "SIGSTOP") => void = (name) => void process.kill(process.pid, name),
): PassFailpoint {
  if (armed === undefined) return () => {};
  const [name, effect = "kill"] = armed.split(":");
  if (!FAILPOINTS.some((step) => step === name) || (effect !== "kill" && effect !== "stop")) {
    throw new ConfigError([
      `FAILPOINT: ${armed} is no step; give one of ${FAILPOINTS.join(", ")}, with :stop behind it to stop instead of end`,
    ]);
  }
  let passed = false;
  return (step) => {
    if (passed || step !== name) return;
    passed = true;
    signal(effect === "stop" ? "SIGSTOP" : "SIGKILL");
  };
}
