import { lwm2m } from "@ferry/proto";
import type { DeviceState, Observation, Owner, Registration } from "../device-store.ts";
import { epochSlot } from "../epoch.ts";
import { StoredValueError } from "../errors.ts";
import { fromWireRegistration, queueModeAfter } from "../registration-record.ts";

/**
 * A device as Redis holds it: one string, so that a step reads and writes it whole. Big-endian.
 *
 * ```
 * version 1 · generation 6 · registered 6 · updated 6 · expires 6 · last seen 6 · lifetime 4 · epoch 8 · first Message ID 2
 * registration id · boot id · digest · peer · binding mode · SMS number        each: length 2, bytes
 * object links · observations · the rest of the registration (lwm2m.v1.Registration)      each: length 4, bytes
 * ```
 * The highest bit of the version says that the device registered with DTLS, which every step that a datagram causes has to know.
 * What scripts change has a place of its own; `scripts/device.lua` packs and unpacks the same layout. Times are ms since 1970.
 */
export type DeviceRecord = Omit<DeviceState, "waiting"> & { readonly digest: string };

const VERSION = 1;
/** Bit of the first byte: registered with DTLS. */
const SECURED = 0x80;
/** Few texts, such as object lists, describe many devices: a process holds each once, not once for each device. */
const SHARED_TEXTS = new Map<string, string>();
const MAX_SHARED_TEXTS = 10_000;
const FIXED_BYTES = 45;

/** Reads a packed device. @throws {StoredValueError} it is not one */
export function decodeDevice(packed: Buffer): DeviceRecord {
  const [first = 0] = packed;
  if (packed.length < FIXED_BYTES || (first & ~SECURED) !== VERSION) {
    throw new StoredValueError("not a device of version 1");
  }
  let at = FIXED_BYTES;
  /** Passes a length and as many bytes; where these begin. They end at `at`. */
  const pass = (lengthBytes: 2 | 4): number => {
    const start = at + lengthBytes;
    if (start > packed.length) throw new StoredValueError(`device ends at byte ${packed.length} before a length`);
    at = start + packed.readUIntBE(at, lengthBytes);
    if (at > packed.length) throw new StoredValueError(`device ends at byte ${packed.length} of ${at}`);
    return start;
  };
  const text = (lengthBytes: 2 | 4): string => packed.toString("utf8", pass(lengthBytes), at);
  const bytes = (): Buffer => packed.subarray(pass(4), at);
  const registrationId = text(2);
  const bootId = text(2);
  const digest = text(2);
  const peer = text(2);
  const bindingMode = text(2);
  const smsNumber = text(2);
  const objectLinks = shared(text(4));
  const observations = decodeObservations(bytes());
  const rest = decodeRest(bytes());
  const epoch = packed.readUInt32BE(35) * 2 ** 32 + packed.readUInt32BE(39);
  if (((first & SECURED) !== 0) !== (rest.securityMode !== "NO_SEC")) {
    throw new StoredValueError(`first byte ${first} is not of a registration by ${rest.securityMode}`);
  }
  return {
    registration: {
      ...rest,
      registrationId,
      generation: packed.readUIntBE(1, 6),
      lifetimeS: packed.readUInt32BE(31),
      bindingMode: shared(bindingMode),
      queueMode: queueModeAfter(rest, bindingMode),
      ...(smsNumber === "" ? {} : { smsNumber }),
      objectLinks,
      peer,
      registeredAtMs: packed.readUIntBE(7, 6),
      updatedAtMs: packed.readUIntBE(13, 6),
      expiresAtMs: packed.readUIntBE(19, 6),
    },
    owner: { slot: epochSlot(epoch), bootId: shared(bootId), epoch },
    observations,
    firstMessageId: packed.readUInt16BE(43),
    lastSeenMs: packed.readUIntBE(25, 6),
    digest,
  };
}

/** The part of a registration that no step changes. */
export function encodeRest(registration: Partial<Registration>): Uint8Array {
  const { tenant, endpoint, lwm2mVersion, queueMode, profile, securityMode, additionalParameters, power } =
    registration;
  const rest = { tenant, endpoint, lwm2mVersion, queueMode, profile, securityMode, additionalParameters, power };
  return lwm2m.v1.Registration.encode(rest as Registration).finish(); // The fields it lacks are packed apart.
}

function decodeRest(bytes: Uint8Array): Registration {
  let registration: Registration;
  try {
    registration = fromWireRegistration(lwm2m.v1.Registration.decode(bytes));
  } catch (error) {
    throw new StoredValueError("not a registration", { cause: error });
  }
  if (registration.tenant === "" || registration.endpoint === "") {
    throw new StoredValueError("registration of nobody");
  }
  const { tenant, lwm2mVersion, profile } = registration;
  return { ...registration, tenant: shared(tenant), lwm2mVersion: shared(lwm2mVersion), profile: shared(profile) };
}

/** The observations of a device: of each the token (length 1, bytes) and its text (length 2, bytes). */
export function encodeObservations(observations: readonly Observation[]): Buffer {
  const texts = observations.map(encodeObservation);
  const packed = Buffer.allocUnsafe(
    observations.reduce((size, { token }, i) => size + 3 + token.length + Buffer.byteLength(texts[i] as string), 0), // One for each.
  );
  let at = 0;
  for (const [i, { token }] of observations.entries()) {
    at = packed.writeUInt8(token.length, at);
    packed.set(token, at);
    at += token.length;
    const length = packed.write(texts[i] as string, at + 2); // One for each.
    at = packed.writeUInt16BE(length, at) + length;
  }
  return packed;
}

function decodeObservations(packed: Buffer): Observation[] {
  const observations: Observation[] = [];
  let at = 0;
  const bytes = (lengthBytes: 1 | 2): Buffer => {
    const start = at + lengthBytes;
    if (start > packed.length) throw new StoredValueError("observations end before a length");
    at = start + packed.readUIntBE(at, lengthBytes);
    if (at > packed.length) throw new StoredValueError(`observations end at byte ${packed.length} of ${at}`);
    return packed.subarray(start, at);
  };
  while (at < packed.length) observations.push(decodeObservation(bytes(1), bytes(2).toString()));
  return observations;
}

function decodeObservation(token: Buffer, text: string): Observation {
  const [source, format = "", ...paths] = text.split(" ");
  if (!isSource(source) || paths.length === 0) throw new StoredValueError(`"${text}" is no observation`);
  return {
    token: Uint8Array.from(token),
    paths,
    source: SOURCES[source],
    ...(format === "-" ? {} : { contentFormat: Number(format) }),
  };
}

const SOURCES = { p: "profile", r: "rpc", c: "cancelled" } as const;

function isSource(letter = ""): letter is keyof typeof SOURCES {
  return Object.hasOwn(SOURCES, letter);
}

/** An observation as text: source by its first letter, Content-Format or `-`, paths: `p 112 /3303/0/5700`. */
export function encodeObservation({ source, contentFormat, paths }: Observation): string {
  return [source[0], contentFormat ?? "-", ...paths].join(" ");
}

/** An owner as steps answer it. */
export function decodeOwner(epoch: number, bootId: Buffer): Owner {
  return { slot: epochSlot(epoch), bootId: bootId.toString(), epoch };
}

/** The one copy of a text that is equal for many devices. */
function shared(text: string): string {
  const known = SHARED_TEXTS.get(text);
  if (known !== undefined) return known;
  if (SHARED_TEXTS.size >= MAX_SHARED_TEXTS) SHARED_TEXTS.clear();
  SHARED_TEXTS.set(text, text);
  return text;
}
