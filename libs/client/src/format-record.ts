import { formatBootstrapServer } from "@ferry/state";
import type { Stream, StreamRecord } from "./ferry-client.ts";

type Json = { readonly [member: string]: unknown };

/** One line for people: time, device, and what the record says. */
export function formatRecord({ stream, key, timestampMs, value }: StreamRecord): string {
  const time = formatTime(timestampMs).replace(/^.*T(.*)Z$/, "$1");
  const device = (key ?? "").replace(/^default\//, "");
  return escapeControls(`${time}  ${device.padEnd(16)}  ${FORMATS[stream](value)}`);
}

/** ISO 8601; what no date has stays a number. */
function formatTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}

/** Devices choose these texts, and a terminal obeys control characters. */
export function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const FORMATS: Readonly<Record<Stream, (value: Json) => string>> = {
  telemetry: (value) => samples(value.samples, value.stale === true ? " (late)" : ""),
  attributes: (value) => `attributes  ${samples(value.attributes, "")}`,
  lifecycle: (value) => {
    const { registration, reason, key, path, changes } = value;
    const event = String(value.event).replace("LIFECYCLE_EVENT_", "").toLowerCase();
    const facts =
      registration === undefined
        ? ""
        : `  lifetime ${members(registration).lifetimeS} s, LwM2M ${members(registration).lwm2mVersion}, from ${members(registration).peer}`;
    const changed = Array.isArray(changes) && changes.length > 0 ? `, changed: ${changes.join(", ")}` : "";
    const written = [key, path].filter(Boolean).join(" ");
    const told = [written, reason].filter(Boolean).join(": ");
    return `${event}${facts}${changed}${told === "" ? "" : `  ${told}`}`;
  },
  bootstrap: ({ step, path, code, securityMode, servers, reason }) => {
    const done = String(step).replace("BOOTSTRAP_STEP_", "").toLowerCase();
    const given = Array.isArray(servers) ? servers.map(members).map(formatBootstrapServer).join(", ") : "";
    const facts = [done, path, code, securityMode].filter(Boolean).join(" ");
    return `bootstrap ${facts}${given === "" ? "" : `  ${given}`}${reason ? `: ${reason}` : ""}`;
  },
  rpcRequest: (value) =>
    `request   ${value.method} ${typeof value.params === "string" ? value.params : JSON.stringify(value.params ?? {})}`,
  rpcResponse: (value) =>
    `response  ${[value.status, value.result, value.value ?? value.error].filter(Boolean).join(" ")}`,
  rpcStatus: (value) => `progress  ${String(value.progress).replace("RPC_PROGRESS_", "")} ${value.requestId}`,
  deadLetter: (value) =>
    `dead letter from ${value["dlq-topic"]}/${value["dlq-partition"]}@${value["dlq-offset"]}: ${value["dlq-reason"]}`,
};

function samples(list: unknown, suffix: string): string {
  if (!Array.isArray(list)) return "";
  return list
    .map(members)
    .map(({ key, value, unit }) => `${key}=${formatValue(value)}${unit ? ` ${unit}` : ""}${suffix}`)
    .join("  ")
    .trimEnd();
}

/** The one member of a Value message. */
function formatValue(value: unknown): string {
  const [type, content] = Object.entries(members(value))[0] ?? ["", ""];
  if (type === "timeMs") return formatTime(Number(content));
  if (type === "objectLink") {
    const { objectId = 0, objectInstanceId = 0 } = members(content);
    return `/${objectId}/${objectInstanceId}`;
  }
  if (type !== "instances") return typeof content === "object" ? JSON.stringify(content) : String(content);
  const instances = Object.entries(members(members(content).values));
  return `{${instances.map(([id, instance]) => `${id}=${formatValue(instance)}`).join(", ")}}`;
}

/** Members of what should be an object: records in JSON may hold anything. */
function members(value: unknown): Json {
  return (typeof value === "object" && value !== null ? value : {}) as Json;
}
