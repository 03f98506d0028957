import { lwm2m } from "../generated/lwm2m.js";
import { CONTENT_TYPE, contentTypeOf } from "./json.ts";
import { readJsonRecord } from "./json-record.ts";
import { checkEndpoint, checkTenant } from "./rpc-request.ts";

/** A record of lwm2m.attribute.update.v1, taken apart. */
export type ParsedAttributeUpdate =
  | {
      readonly type: "update";
      readonly tenant: string;
      readonly endpoint: string;
      /** Key name that the device's profile gives the resource. */
      readonly key: string;
      /** JSON text of the value; undefined withdraws what was desired (a tombstone). */
      readonly value: string | undefined;
    }
  /** `field`: the member that is wrong, empty for the record as a whole; `reason`: what is wrong with it, as a sentence after the field's name. */
  | { readonly type: "invalid"; readonly field: string; readonly reason: string };

/** Longest key name, characters. */
export const MAX_KEY_CHARACTERS = 255;
/** Longest value, bytes of JSON: a firmware image is not set this way. */
export const MAX_VALUE_BYTES = 65_536;

const MEMBERS: ReadonlySet<string> = new Set(["tenant", "endpoint", "key", "value"]);

/** Members that the record's key says. */
const NAMES = ["tenant", "endpoint", "key"] as const;

/** Members before they are checked; `value` is JSON text. */
interface Draft {
  readonly tenant?: unknown;
  readonly endpoint?: unknown;
  readonly key?: unknown;
  readonly value?: unknown;
}

/**
 * Parses a record of lwm2m.attribute.update.v1: protobuf whose `value` is JSON text, or JSON whose `value` is the value itself; a tombstone withdraws.
 *
 * The record's key, `tenant/endpoint/key`, says what it is about; what the record says of that must be the same, for the newest record of a key counts.
 * Numbers keep all their digits.
 */
export function parseAttributeUpdate(
  bytes: Uint8Array | null,
  contentTypeHeader: string | undefined,
  recordKey: string | null,
): ParsedAttributeUpdate {
  const named = partsOfKey(recordKey);
  if (bytes === null || bytes.length === 0) return check({ ...named, value: undefined }, true);
  const isJson = contentTypeOf(bytes, contentTypeHeader) === CONTENT_TYPE.json;
  const draft = isJson ? draftOfJson(bytes) : draftOfProtobuf(bytes);
  if (typeof draft === "string") return { type: "invalid", field: "", reason: draft };
  const unknown = Object.keys(draft).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) {
    return { type: "invalid", field: unknown, reason: "is not a member of a desired value: give endpoint, key, value" };
  }
  const checked = check({ ...named, value: draft.value }, false);
  const other = NAMES.find((name) => draft[name] && draft[name] !== named[name]);
  if (other === undefined || named.endpoint === "") return checked;
  return { type: "invalid", field: other, reason: "is not what the record's key says, tenant/endpoint/key" };
}

function partsOfKey(recordKey: string | null): { tenant: string; endpoint: string; key: string } {
  const first = recordKey?.indexOf("/") ?? -1;
  const last = recordKey?.lastIndexOf("/") ?? -1;
  if (recordKey === null || first < 0 || last === first) return { tenant: "default", endpoint: "", key: "" };
  return {
    tenant: recordKey.slice(0, first),
    endpoint: recordKey.slice(first + 1, last),
    key: recordKey.slice(last + 1),
  };
}

function check({ tenant, endpoint, key, value }: Draft, withdraws: boolean): ParsedAttributeUpdate {
  const wrong = (field: string, reason: string): ParsedAttributeUpdate => ({ type: "invalid", field, reason });
  const badTenant = checkTenant(tenant);
  if (badTenant !== undefined) return wrong("tenant", badTenant);
  if (endpoint === "") return wrong("endpoint", "is missing: let the record's key be tenant/endpoint/key");
  const badEndpoint = checkEndpoint(endpoint);
  if (badEndpoint !== undefined) return wrong("endpoint", badEndpoint);
  if (typeof key !== "string" || key === "" || key.length > MAX_KEY_CHARACTERS || !key.isWellFormed()) {
    return wrong("key", `must be text of 1 to ${MAX_KEY_CHARACTERS} characters, a key name of the device's profile`);
  }
  const device = { tenant: tenant as string, endpoint: endpoint as string, key }; // Checked above.
  if (withdraws) return { type: "update", ...device, value: undefined };
  if (typeof value !== "string" || value === "" || value === "null") {
    return wrong("value", "is missing: give the value, or publish a tombstone to withdraw it");
  }
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
    return wrong("value", `must not be longer than ${MAX_VALUE_BYTES} bytes`);
  }
  return { type: "update", ...device, value };
}

function draftOfJson(bytes: Uint8Array): Draft | string {
  const members = readJsonRecord(bytes, "The desired value");
  if (typeof members === "string") return members;
  const { value, ...others } = members;
  return { ...others, ...(value === undefined ? {} : { value: JSON.stringify(value) }) };
}

function draftOfProtobuf(bytes: Uint8Array): Draft | string {
  try {
    const { tenant, endpoint, key, value } = lwm2m.v1.AttributeUpdate.decode(bytes);
    if (value !== "" && !isJson(value)) return "The member value is not JSON text.";
    return { tenant, endpoint, key, value };
  } catch {
    // protobufjs throws Error, RangeError and TypeError for bytes that are no message.
    return `The desired value is neither a JSON object, as {"value": 1}, nor lwm2m.v1.AttributeUpdate.`;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // SyntaxError, or RangeError for what is nested too deeply.
  }
}
