import { CONTENT_TYPE, lwm2m } from "@ferry/proto";
import type { OutboxEntry, Owner, Registration, RegistrationChange } from "../device-store.ts";
import { StoredValueError } from "../errors.ts";
import { type LifecycleChange, lifecycleRecord } from "../lifecycle.ts";
import { decodeDevice } from "./device-record.ts";
import { parseName } from "./keys.ts";

/** An outbox entry as the port has it; for an end, also what ended. */
export interface StoredEntry {
  readonly entry: OutboxEntry;
  readonly ended: { readonly registration: Registration; readonly owner: Owner } | undefined;
}

const EVENTS: ReadonlySet<string> = new Set<LifecycleChange["event"]>([
  "registered",
  "updated",
  "deregistered",
  "expired",
]);

/**
 * Reads an entry of the outbox stream; undefined when it does not parse.
 *
 * Fields: `k` an event or `response`, `n` the device's name, `v` the packed device or the response,
 * `w` why: the replaced registration id, what changed, a reason, or the response's content type.
 */
export function parseEntry(shard: number, id: string, fields: readonly Buffer[]): StoredEntry | undefined {
  const byName = new Map<string, Buffer>();
  for (let i = 0; i + 1 < fields.length; i += 2) byName.set(String(fields[i]), fields[i + 1] as Buffer); // The condition bounds it.
  const [kind, name, value, why] = [byName.get("k"), byName.get("n"), byName.get("v"), byName.get("w")];
  if (kind === undefined || name === undefined || value === undefined || why === undefined) return undefined;

  const device = parseName(name);
  if (kind.equals(RESPONSE)) {
    const entry = {
      id,
      shard,
      kind: "response",
      device,
      contentType: String(why),
      value: Uint8Array.from(value),
    } as const;
    return { entry, ended: undefined };
  }
  if (!EVENTS.has(String(kind))) return undefined;
  const event = String(kind) as LifecycleChange["event"];
  try {
    const { registration, owner } = decodeDevice(value);
    const record = lifecycleRecord({
      event,
      registration,
      owner,
      atMs: Number.parseInt(id, 10),
      ...reasonOf(event, why),
    });
    const encoded = lwm2m.v1.LifecycleRecord.encode(record).finish();
    const entry = { id, shard, kind: "lifecycle", device, contentType: CONTENT_TYPE.protobuf, value: encoded } as const;
    return { entry, ended: event === "expired" ? { registration, owner } : undefined };
  } catch (error) {
    if (!(error instanceof StoredValueError)) throw error;
    return undefined;
  }
}

const RESPONSE = Buffer.from("response");

function reasonOf(
  event: LifecycleChange["event"],
  why: Buffer,
): Pick<LifecycleChange, "reason" | "replacedRegistrationId" | "changes"> {
  if (event === "updated") return { changes: parseChanges(why) };
  if (why.length === 0) return {};
  return event === "registered" ? { replacedRegistrationId: String(why) } : { reason: String(why) };
}

/** What `update.lua` says that it changed: words separated by commas. */
export function parseChanges(changed: Buffer): readonly RegistrationChange[] {
  return changed.length === 0 ? [] : (String(changed).split(",") as RegistrationChange[]); // The script's words.
}
