import {
  type BootstrapSummary,
  type BootstrapSummaryStep,
  SUMMARY_MAX_BYTES,
  SUMMARY_MAX_SERVERS,
  SUMMARY_MAX_STEPS,
  SUMMARY_TEXT_MAX_BYTES,
} from "./bootstrap-store.ts";
import { StoredValueError } from "./errors.ts";

/**
 * A summary as stores hold it: JSON with `v`, the version of its form. It is cut to its limits: long texts, the first steps, then the last servers.
 *
 * `scripts/put-bootstrap.lua` reads `startedAtMs` and `endedAtMs`.
 */
export function encodeSummary(summary: BootstrapSummary): string {
  const { sessionId, node, startedAtMs, endedAtMs, outcome, reason, securityMode, servers, steps } = summary;
  const facts = { sessionId: cut(sessionId), node: cut(node), startedAtMs, endedAtMs, outcome, reason: cut(reason) };
  const keptServers = servers.slice(0, SUMMARY_MAX_SERVERS).map(cut);
  const keptSteps = steps.slice(-SUMMARY_MAX_STEPS).map(cutStep);
  for (;;) {
    const leftOut = (summary.stepsLeftOut ?? 0) + steps.length - keptSteps.length;
    const text = JSON.stringify({
      v: VERSION,
      ...facts,
      securityMode,
      servers: keptServers,
      steps: keptSteps,
      stepsLeftOut: leftOut > 0 ? leftOut : undefined,
    });
    if (Buffer.byteLength(text) <= SUMMARY_MAX_BYTES) return text;
    if (keptSteps.shift() === undefined) keptServers.pop(); // The three other texts always have room.
  }
}

/** Reads a summary. @throws {StoredValueError} it is none of this version */
export function decodeSummary(text: string): BootstrapSummary {
  const stored = parseJson(text);
  if (!isSummary(stored)) throw new StoredValueError("not a bootstrap summary of version 1");
  const { v: _, ...summary } = stored;
  return summary;
}

/** Of two that are known of a device that with the greater rank is stored: the session that began later, and of one session what is known since it ended. */
export function summaryRank({ startedAtMs, endedAtMs }: Pick<BootstrapSummary, "startedAtMs" | "endedAtMs">): number {
  return 2 * startedAtMs + (endedAtMs === undefined ? 0 : 1);
}

const VERSION = 1;
const OUTCOMES: ReadonlySet<unknown> = new Set<BootstrapSummary["outcome"]>(["running", "finished", "failed"]);
const MODES: ReadonlySet<unknown> = new Set<BootstrapSummary["securityMode"]>(["NO_SEC", "PSK", "RPK", "X509", ""]);

function cutStep({ atMs, step, path, code, reason }: BootstrapSummaryStep): BootstrapSummaryStep {
  return { atMs, step: cut(step), path: cut(path), code: cut(code), reason: cut(reason) };
}

/** The beginning of a text, whole characters. Devices choose some of them. */
function cut(text: string): string {
  const whole = text.toWellFormed();
  const bytes = Buffer.from(whole);
  if (bytes.length <= SUMMARY_TEXT_MAX_BYTES) return whole;
  let end = SUMMARY_TEXT_MAX_BYTES;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--; // 10xxxxxx goes on with a character (RFC 3629 §3).
  return bytes.toString("utf8", 0, end);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StoredValueError("not a bootstrap summary: no JSON", { cause: error });
  }
}

type Stored = BootstrapSummary & { readonly v: typeof VERSION };

function isSummary(value: unknown): value is Stored {
  if (!isRecord(value)) return false;
  const { v, sessionId, node, startedAtMs, endedAtMs, outcome, reason, securityMode, servers, steps } = value;
  return (
    v === VERSION &&
    [sessionId, node, reason].every(isText) &&
    isNumber(startedAtMs) &&
    [endedAtMs, value.stepsLeftOut].every((each) => each === undefined || isNumber(each)) &&
    OUTCOMES.has(outcome) &&
    MODES.has(securityMode) &&
    Array.isArray(servers) &&
    servers.every(isText) &&
    Array.isArray(steps) &&
    steps.every(isStep)
  );
}

function isStep(value: unknown): value is BootstrapSummaryStep {
  return isRecord(value) && isNumber(value.atMs) && [value.step, value.path, value.code, value.reason].every(isText);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
