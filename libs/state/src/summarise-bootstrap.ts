import { lwm2m, toSafeNumber } from "@ferry/proto";
import { type BootstrapSummary, type BootstrapSummaryStep, SUMMARY_MAX_STEPS } from "./bootstrap-store.ts";

const { BootstrapStep: Step, BootstrapResult: Result } = lwm2m.v1;

const MODES = ["NO_SEC", "PSK", "RPK", "X509"] as const;

type BootstrapRecord = lwm2m.v1.BootstrapRecord.$Properties;

/**
 * What is known of a device's last bootstrap after one more of its records, which come in their order.
 *
 * A session begins with STARTED, and a refused request is all of its own; what is still said of an older session changes nothing, nor does a refusal of
 * somebody who did not prove to be the device, where anything else is known.
 */
export function summariseBootstrap(last: BootstrapSummary | undefined, record: BootstrapRecord): BootstrapSummary {
  if (last !== undefined && record.step === Step.BOOTSTRAP_STEP_REFUSED && !record.securityMode) return last;
  const begins = record.step === Step.BOOTSTRAP_STEP_STARTED || record.step === Step.BOOTSTRAP_STEP_REFUSED;
  const before = begins || last === undefined ? begin(record) : last;
  if (before.sessionId !== (record.sessionId ?? "")) return before;
  const atMs = toSafeNumber(record.context?.ingestTimeMs);
  const servers = (record.servers ?? []).map(formatBootstrapServer);
  const steps = [...before.steps, toStep(record, atMs)];
  const leftOut = (before.stepsLeftOut ?? 0) + Math.max(0, steps.length - SUMMARY_MAX_STEPS);
  return {
    ...before,
    ...(record.result ? endOf(record, atMs) : {}),
    servers: servers.length > 0 ? servers : before.servers,
    steps: steps.slice(-SUMMARY_MAX_STEPS),
    ...(leftOut > 0 ? { stepsLeftOut: leftOut } : {}),
  };
}

/** "server 123 coaps://lwm2m.example.org:5686 PSK": an account of a server that a device is given. */
export function formatBootstrapServer({
  shortServerId,
  uri,
  securityMode,
}: lwm2m.v1.BootstrapServer.$Properties): string {
  return `${shortServerId ? `server ${shortServerId}` : "bootstrap server"} ${uri} ${securityMode}`;
}

function begin({ sessionId, context, securityMode }: BootstrapRecord): BootstrapSummary {
  return {
    sessionId: sessionId ?? "",
    node: context?.node ?? "",
    startedAtMs: toSafeNumber(context?.ingestTimeMs),
    outcome: "running",
    reason: "",
    securityMode: MODES.find((mode) => mode === securityMode) ?? "",
    servers: [],
    steps: [],
  };
}

function endOf(
  { result, reason }: BootstrapRecord,
  atMs: number,
): Pick<BootstrapSummary, "endedAtMs" | "outcome" | "reason"> {
  const finished = result === Result.BOOTSTRAP_RESULT_SUCCEEDED;
  return { endedAtMs: atMs, outcome: finished ? "finished" : "failed", reason: finished ? "" : (reason ?? "") };
}

function toStep({ step, path, code, reason }: BootstrapRecord, atMs: number): BootstrapSummaryStep {
  return {
    atMs,
    step: (Step[step ?? 0] ?? String(step)).replace("BOOTSTRAP_STEP_", ""),
    path: path ?? "",
    code: code ?? "",
    reason: reason ?? "",
  };
}
