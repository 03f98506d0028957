import type { Stream, StreamRecord } from "./ferry-client.ts";

type Json = { readonly [member: string]: unknown };

/** One line for people: time, device, and what the record says. */
export function formatRecord({ stream, key, timestampMs, value }: StreamRecord): string {
  const time = new Date(timestampMs).toISOString().slice(11, 23);
  const device = (key ?? "").replace(/^default\//, "");
  return escapeControls(`${time}  ${device.padEnd(16)}  ${FORMATS[stream](value)}`);
}

/** Devices choose these texts, and a terminal obeys control characters. */
function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const FORMATS: Readonly<Record<Stream, (value: Json) => string>> = {
  telemetry: (value) => samples(value.samples, value.stale === true ? " (late)" : ""),
  attributes: (value) => `attributes  ${samples(value.attributes, "")}`,
  lifecycle: (value) => {
    const { registration, reason } = value as { registration?: Json; reason?: string };
    const event = String(value.event).replace("LIFECYCLE_EVENT_", "").toLowerCase();
    const facts =
      registration === undefined
        ? ""
        : `  lifetime ${registration.lifetimeS} s, LwM2M ${registration.lwm2mVersion}, from ${registration.peer}`;
    return `${event}${facts}${reason ? `  ${reason}` : ""}`;
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
    .map(({ key, value, unit }: Json) => `${key}=${formatValue(value)}${unit ? ` ${unit}` : ""}${suffix}`)
    .join("  ")
    .trimEnd();
}

/** The one member of a Value message. */
function formatValue(value: unknown): string {
  const [type, content] = Object.entries((value ?? {}) as Json)[0] ?? ["", ""];
  if (type === "timeMs") return new Date(Number(content)).toISOString();
  if (type === "objectLink") {
    const { objectId = 0, objectInstanceId = 0 } = content as Json;
    return `/${objectId}/${objectInstanceId}`;
  }
  if (type !== "instances") return String(content);
  const instances = Object.entries(((content as Json).values ?? {}) as Json);
  return `{${instances.map(([id, instance]) => `${id}=${formatValue(instance)}`).join(", ")}}`;
}
