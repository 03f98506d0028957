import { isDeepStrictEqual } from "node:util";
import { type Bus, type IncomingRecord, readTable } from "@ferry/bus";
import {
  CONTENT_TYPE_HEADER,
  deviceKey,
  lwm2m,
  parseProvisioningKey,
  provisioningKey,
  TOPICS,
  toJsonValue,
  toSafeNumber,
} from "@ferry/proto";
import type { RecordRef } from "@ferry/state";
import type { ProvisioningDocument, RecordBody } from "./document.ts";
import { ProvisioningError, SealingError } from "./errors.ts";
import { mapSecrets } from "./map-secrets.ts";
import { decodeProvisioningRecord } from "./parse-record.ts";
import { type SealingKeys, unsealSecret } from "./sealing.ts";

const { PROVISIONING_OUTCOME_APPLIED } = lwm2m.v1.ProvisioningOutcome;

/** A record as the topic holds it now. */
export interface CurrentRecord extends ProvisioningDocument {
  /** Offset in lwm2m.provisioning.v1. */
  readonly offset: number;
}

/** What would have to be done so that the topic holds what is desired. */
export interface RecordChange extends RecordRef {
  readonly change: "create" | "update" | "delete" | "unchanged";
}

/** Reads lwm2m.provisioning.v1 to its end: what is declared now, in the order of the offsets. Values that are not records are left out. */
export async function readCurrent(
  bus: Bus,
  { topicPrefix = "" }: { readonly topicPrefix?: string } = {},
): Promise<readonly CurrentRecord[]> {
  return [...(await readTable(bus, topicPrefix + TOPICS.provisioning.name))].flatMap(
    ([key, { value, headers, offset }]) => {
      const named = parseProvisioningKey(key);
      const body = value === null ? undefined : decodeBody(value, headers[CONTENT_TYPE_HEADER]);
      return named === undefined || body === undefined ? [] : [{ ...named, body, offset }];
    },
  );
}

function decodeBody(value: Uint8Array, contentType: string | undefined): RecordBody | undefined {
  try {
    const { model, profile, device, credential, previous } = decodeProvisioningRecord(value, contentType);
    if (model) return { model };
    if (profile) return { profile };
    if (device) return { device };
    return credential ? { credential, previous } : undefined;
  } catch (error) {
    if (error instanceof ProvisioningError) return undefined;
    throw error;
  }
}

/**
 * What `desired` changes in `current`: first what it declares, in its order, then what it does not name.
 *
 * Credentials that Ferry generated are nobody's declaration and not looked at. A sealed secret equals a plain one when one of the keys opens it;
 * without the keys every sealed secret that was sealed anew is an update.
 */
export function diffRecords(
  current: readonly CurrentRecord[],
  desired: readonly ProvisioningDocument[],
  { sealingKeys }: { readonly sealingKeys?: SealingKeys } = {},
): readonly RecordChange[] {
  const now = new Map(current.map((record) => [keyOf(record), record]));
  const named = new Set(desired.map(keyOf));
  const declared = desired.map((record): RecordChange => {
    const existing = now.get(keyOf(record));
    if (existing === undefined) return changeOf(record, "create");
    return changeOf(record, isSame(existing, record, sealingKeys) ? "unchanged" : "update");
  });
  const unnamed = current
    .filter((record) => record.kind !== "credential" && !named.has(keyOf(record)))
    .map((record) => changeOf(record, "delete"));
  return [...declared, ...unnamed];
}

function changeOf({ kind, tenant, id }: RecordRef, change: RecordChange["change"]): RecordChange {
  return { kind, tenant, id, change };
}

function isSame(a: ProvisioningDocument, b: ProvisioningDocument, keys: SealingKeys | undefined): boolean {
  return isDeepStrictEqual(comparable(a, keys), comparable(b, keys));
}

/**
 * Which of `documents` are in force as they are: the topic holds them, and the last word about them is that they were APPLIED. A record that was REJECTED lies
 * in the topic all the same, and one that is remembered no more may have been.
 *
 * Models and profiles only, which are valid or not by themselves: whether a device is in force rests on its profile and on the identities of others.
 */
export async function findUnchanged(
  bus: Bus,
  documents: readonly ProvisioningDocument[],
  { topicPrefix = "" }: { readonly topicPrefix?: string } = {},
): Promise<ReadonlySet<ProvisioningDocument>> {
  const standing = documents.filter(({ kind }) => kind === "model" || kind === "profile");
  // Of what is named twice the order counts.
  const asked = new Map(
    [...Map.groupBy(standing, keyOf)].flatMap(([key, [one, ...more]]) =>
      one && more.length === 0 ? [[key, one]] : [],
    ),
  );
  if (asked.size === 0) return new Set();
  const keep = (key: string): boolean => asked.has(key);
  const [records, statuses] = await Promise.all(
    [TOPICS.provisioning, TOPICS.provisioningStatus].map(({ name }) => readTable(bus, topicPrefix + name, { keep })),
  );
  return new Set(
    [...asked].flatMap(([key, document]) => {
      const record = records?.get(key);
      const body = record?.value && decodeBody(record.value, record.headers[CONTENT_TYPE_HEADER]);
      if (!body || !isSame({ ...document, body }, document, undefined)) return [];
      return wasApplied(record, statuses?.get(key)) ? [document] : [];
    }),
  );
}

/** Whether `status` is about this very record, and good. */
function wasApplied({ offset }: IncomingRecord, status: IncomingRecord | undefined): boolean {
  if (!status?.value) return false;
  const word = lwm2m.v1.ProvisioningStatusRecord.decode(status.value);
  return word.outcome === PROVISIONING_OUTCOME_APPLIED && toSafeNumber(word.offset) === offset;
}

/** What a document says, without the ways of writing it: the order of a profile's members, and sealing. */
function comparable({ tenant, id, body }: ProvisioningDocument, keys: SealingKeys | undefined): unknown {
  if (body.profile) return parseJson(body.profile.json ?? "null");
  if (!body.device) return body.model?.xml;
  const opened = mapSecrets(body, (secret) => {
    const plain = secret.sealed && keys && openOrUndefined(keys, secret.sealed, deviceKey(tenant, id));
    return plain ? { plain } : secret;
  });
  return toJsonValue(lwm2m.v1.Device as never, opened.device as never); // The generated class matches MessageType but for protobufjs' own types.
}

/** A text that is no JSON is compared as it is: what stands in the topic may be anyone's. */
function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return json;
    throw error;
  }
}

function openOrUndefined(
  keys: SealingKeys,
  sealed: lwm2m.v1.Sealed.$Properties,
  device: string,
): Uint8Array | undefined {
  try {
    return unsealSecret(keys, sealed, device);
  } catch (error) {
    if (error instanceof SealingError) return undefined;
    throw error;
  }
}

function keyOf({ kind, tenant, id }: RecordRef): string {
  return provisioningKey(kind, tenant, id);
}
