import { InvalidModelError, type ObjectModel, parseDdf } from "@ferry/lwm2m";
import { type DeviceProfile, ProfileError, parseDeviceProfile } from "@ferry/profile";
import { CONTENT_TYPE, contentTypeOf, lwm2m, parseProvisioningKey } from "@ferry/proto";
import { type DeviceCredential, type DeviceDeclaration, patternPrefix } from "./device-declaration.ts";
import type { RecordBody } from "./document.ts";
import { ProvisioningError } from "./errors.ts";
import { checkEndpoint, checkProfileName, checkTenant } from "./names.ts";
import { parseCredential } from "./parse-credential.ts";
import { parseDevice } from "./parse-device.ts";

/** Largest XML of an object model, bytes. */
const MAX_MODEL_BYTES = 1_048_576;
/** Largest JSON of a profile, bytes. */
const MAX_PROFILE_BYTES = 262_144;

/** Tenant of the models that every tenant sees. */
export const SYSTEM_TENANT = "system";

/** The registry knows the models of every tenant as those of none. */
export function modelTenant(tenant: string): string | undefined {
  return tenant === SYSTEM_TENANT ? undefined : tenant;
}

/** A provisioning record that was found valid. */
export type ProvisionedRecord =
  | { readonly kind: "model"; readonly tenant: string; readonly id: string; readonly model: ObjectModel }
  | { readonly kind: "profile"; readonly tenant: string; readonly id: string; readonly profile: DeviceProfile }
  | { readonly kind: "device"; readonly tenant: string; readonly id: string; readonly device: DeviceDeclaration }
  | {
      readonly kind: "credential";
      readonly tenant: string;
      readonly id: string;
      readonly credential: DeviceCredential;
      /** The one that it replaces, while that is accepted too; at most one. */
      readonly previous: readonly DeviceCredential[];
    };

/**
 * Parses and validates a record of lwm2m.provisioning.v1, in protobuf or JSON.
 *
 * @throws {ProvisioningError} names the field that is wrong and what to write instead
 */
export function parseProvisioningRecord(key: string, value: Uint8Array, contentType?: string): ProvisionedRecord {
  const named = parseProvisioningKey(key);
  if (named === undefined)
    throw new ProvisioningError("key", `"${key}" is not <model|profile|device|credential>/<tenant>/<id>`);
  const record = decodeProvisioningRecord(value, contentType);
  checkTenant(named.tenant);
  // A record may leave out what its key says; it must not say something else.
  for (const field of ["tenant", "id"] as const) {
    if (record[field] && record[field] !== named[field]) {
      throw new ProvisioningError(field, `"${record[field]}" is not what the key says: "${named[field]}"`);
    }
  }
  return parseBody(named, record);
}

/** Decodes a record without looking into it. @throws {ProvisioningError} the bytes are not a record */
export function decodeProvisioningRecord(value: Uint8Array, contentType?: string): lwm2m.v1.ProvisioningRecord {
  const { ProvisioningRecord } = lwm2m.v1;
  const encoding = contentTypeOf(value, contentType);
  try {
    return encoding === CONTENT_TYPE.json
      ? ProvisioningRecord.fromObject(JSON.parse(Buffer.from(value).toString()))
      : ProvisioningRecord.decode(value);
  } catch (cause) {
    // protobufjs and JSON.parse throw RangeError, TypeError, SyntaxError and Error: all mean bytes that are not a record.
    throw new ProvisioningError("", `is not a ProvisioningRecord in ${encoding}`, { cause });
  }
}

/** Checks what a record declares, by its kind. @throws {ProvisioningError} */
export function parseBody(
  { kind, tenant, id }: { kind: ProvisionedRecord["kind"]; tenant: string; id: string },
  body: RecordBody,
): ProvisionedRecord {
  const declared = (["model", "profile", "device", "credential"] as const).filter((one) => body[one]);
  if (declared.length !== 1 || declared[0] !== kind) {
    throw new ProvisioningError(kind, `the record must hold a ${kind}, as its key says, and nothing else`);
  }
  if (tenant === SYSTEM_TENANT && kind !== "model") {
    throw new ProvisioningError("tenant", `"${SYSTEM_TENANT}" holds the models of every tenant, and nothing else`);
  }
  if (kind !== "credential" && body.previous?.length)
    throw new ProvisioningError("previous", "belongs to a credential: take it out");
  switch (kind) {
    case "model":
      return { kind, tenant, id, model: parseModel(id, body.model?.xml ?? "") };
    case "profile":
      return { kind, tenant, id, profile: parseProfile(id, body.profile?.json ?? "") };
    case "device": {
      const device = parseDevice(tenant, body.device ?? {});
      if (device.endpoint !== id) {
        throw new ProvisioningError("endpoint", `"${device.endpoint}" is not what the key says: "${id}"`);
      }
      return { kind, tenant, id, device };
    }
    case "credential":
      return { kind, tenant, id, ...parseGenerated(id, body.credential ?? {}, body.previous ?? []) };
  }
}

function parseModel(id: string, xml: string): ObjectModel {
  const model = parseModelXml(xml);
  if (modelId(model) !== id) throw new ProvisioningError("id", `"${id}" is not that of the XML: "${modelId(model)}"`);
  return model;
}

/** Parses the XML of one object model. @throws {ProvisioningError} */
export function parseModelXml(xml: string): ObjectModel {
  const sizeBytes = Buffer.byteLength(xml);
  if (sizeBytes > MAX_MODEL_BYTES) {
    throw new ProvisioningError("xml", `has ${sizeBytes} bytes, at most ${MAX_MODEL_BYTES} are possible`);
  }
  const models = parseDdfText(xml);
  const [model] = models;
  if (model === undefined || models.length > 1) {
    throw new ProvisioningError("xml", `defines ${models.length} objects, a record holds exactly one`);
  }
  return model;
}

function parseDdfText(xml: string): readonly ObjectModel[] {
  try {
    return parseDdf(xml);
  } catch (error) {
    if (error instanceof InvalidModelError) throw new ProvisioningError("xml", error.message, { cause: error });
    throw error;
  }
}

/** Id of a model's record: `<object>_<version>`, such as 3_1.2. */
export function modelId({ id, version }: ObjectModel): string {
  return `${id}_${version}`;
}

function parseProfile(name: string, json: string): DeviceProfile {
  checkProfileName("id", name);
  const sizeBytes = Buffer.byteLength(json);
  if (sizeBytes > MAX_PROFILE_BYTES) {
    throw new ProvisioningError("json", `has ${sizeBytes} bytes, at most ${MAX_PROFILE_BYTES} are possible`);
  }
  try {
    return parseDeviceProfile(JSON.parse(json));
  } catch (error) {
    if (error instanceof ProfileError) throw new ProvisioningError(error.field, error.reason, { cause: error });
    if (error instanceof SyntaxError) throw new ProvisioningError("json", error.message, { cause: error });
    throw error;
  }
}

/** Credentials that a replaced one may have besides. */
const MAX_PREVIOUS = 1;

function parseGenerated(
  endpoint: string,
  credential: lwm2m.v1.Credential.$Properties,
  previous: readonly lwm2m.v1.Credential.$Properties[],
): { readonly credential: DeviceCredential; readonly previous: readonly DeviceCredential[] } {
  checkEndpoint(endpoint);
  if (patternPrefix(endpoint) !== undefined)
    throw new ProvisioningError("id", "a credential belongs to one device, not to a pattern");
  if (previous.length > MAX_PREVIOUS)
    throw new ProvisioningError("previous", `has ${previous.length} entries, at most ${MAX_PREVIOUS} is possible`);
  const current = parseSecureCredential(credential, "credential");
  const replaced = previous.map((one, index) => parseSecureCredential(one, `previous[${index}]`));
  if (replaced.some((one) => one.type === "psk" && current.type === "psk" && one.identity === current.identity)) {
    throw new ProvisioningError(
      "previous[0].psk.identity",
      "is that of the credential too, and says which key is meant: give the new key another identity",
    );
  }
  return { credential: current, previous: replaced };
}

function parseSecureCredential(credential: lwm2m.v1.Credential.$Properties, field: string): DeviceCredential {
  const parsed = parseCredential(credential, field);
  if (parsed.type === "noSec") {
    throw new ProvisioningError(
      `${field}.noSec`,
      "is declared with the device, it is not a credential that is generated",
    );
  }
  return parsed;
}
