import { ok } from "node:assert";
import type { StoredAssociation, StoredSession } from "../association-store.ts";
import type { DeviceRef } from "../device-store.ts";
import { StoredValueError } from "../errors.ts";
import { nameOf, parseName } from "./keys.ts";

/**
 * A DTLS association as Redis holds it: one string, so that a step reads and writes it whole. Big-endian; whose it is says the key.
 *
 * ```
 * version 1 · id 9 · security mode 1 · cipher suite 2 · created 6, ms · hints kept until 4, s
 * stamp 4 · slot of owner 1 · boot id of owner 8 · send ceiling 6 · newest received + 1 7 · window 8
 * Connection ID · address        each: length 1, bytes; no Connection ID is an empty one
 * sealed                         the rest
 * ```
 * `scripts/association.lua` packs and unpacks the same layout.
 */
export const ASSOCIATION_FRAMING_BYTES = 59;

const VERSION = 1;
const FIXED_BYTES = 57;
const ID_BYTES = 9;
const BOOT_ID = /^[0-9a-f]{16}$/;
/** By the byte that stands for them, less 1. */
const MODES = ["PSK", "RPK", "X509"] as const;
/** Longest Connection ID and address, bytes. */
const TEXT_MAX_BYTES = 0xff;

/** Packs an association. When its hints lapse, a script fills in. */
export function encodeAssociation(association: StoredAssociation): Buffer {
  const { id, securityMode, suite, createdAtMs, stamp, owner, sendCeiling, mark, cid, address, sealed } = association;
  ok(BOOT_ID.test(owner.bootId), "a boot id is 16 lower-case hex digits");
  ok(mark.window.length === 8, "a window is 8 bytes");
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.writeUInt8(VERSION, 0);
  fixed.set(packId(id), 1);
  fixed.writeUInt8(MODES.indexOf(securityMode) + 1, 10);
  fixed.writeUInt16BE(suite, 11);
  fixed.writeUIntBE(createdAtMs, 13, 6);
  fixed.writeUInt32BE(stamp, 23);
  fixed.writeUInt8(owner.slot, 27);
  fixed.write(owner.bootId, 28, "hex");
  fixed.writeUIntBE(sendCeiling, 36, 6);
  writeUInt56(fixed, mark.newest + 1, 42);
  fixed.set(mark.window, 49);
  return Buffer.concat([fixed, withLength(cid ?? new Uint8Array()), withLength(Buffer.from(address)), sealed]);
}

/** Reads a packed association. @throws {StoredValueError} it is not one */
export function decodeAssociation(device: DeviceRef, packed: Buffer): StoredAssociation {
  const mode = MODES[(packed[10] ?? 0) - 1];
  if (packed[0] !== VERSION || mode === undefined || packed.length < ASSOCIATION_FRAMING_BYTES) {
    throw new StoredValueError("not an association of version 1");
  }
  const cid = lengthPrefixed(packed, FIXED_BYTES);
  const address = lengthPrefixed(packed, FIXED_BYTES + 1 + cid.length);
  const sealedAt = FIXED_BYTES + 2 + cid.length + address.length;
  if (sealedAt >= packed.length) throw new StoredValueError(`association of ${packed.length} bytes has nothing sealed`);
  return {
    id: packed.toString("base64url", 1, 1 + ID_BYTES),
    device,
    securityMode: mode,
    suite: packed.readUInt16BE(11),
    cid: cid.length === 0 ? undefined : Uint8Array.from(cid),
    createdAtMs: packed.readUIntBE(13, 6),
    sealed: Uint8Array.from(packed.subarray(sealedAt)),
    owner: { slot: packed.readUInt8(27), bootId: packed.toString("hex", 28, 36) },
    stamp: packed.readUInt32BE(23),
    sendCeiling: packed.readUIntBE(36, 6),
    mark: { newest: readUInt56(packed, 42) - 1, window: Uint8Array.from(packed.subarray(49, 57)) },
    address: address.toString(),
  };
}

/** The id of an association as scripts take it. */
export function packId(id: string): Buffer {
  const packed = Buffer.from(id, "base64url");
  ok(packed.length === ID_BYTES, "an association's id is 12 characters of base64url");
  return packed;
}

/**
 * A session as Redis holds it, its id being the key:
 *
 * ```
 * version 1 · length of name 2 · tenant/endpoint · sealed
 * ```
 */
export function encodeSession({ device, sealed }: StoredSession): Buffer {
  const name = Buffer.from(nameOf(device));
  ok(name.length <= 0xffff, "a device's name is longer than a session holds");
  const head = Buffer.alloc(3);
  head.writeUInt8(VERSION, 0);
  head.writeUInt16BE(name.length, 1);
  return Buffer.concat([head, name, sealed]);
}

/** Reads a packed session. @throws {StoredValueError} it is not one */
export function decodeSession(id: Uint8Array, packed: Buffer): StoredSession {
  const sealedAt = packed.length < 3 ? Number.POSITIVE_INFINITY : 3 + packed.readUInt16BE(1);
  if (packed[0] !== VERSION || sealedAt >= packed.length) throw new StoredValueError("not a session of version 1");
  const name = packed.subarray(3, sealedAt);
  if (!name.includes("/")) throw new StoredValueError("session of nobody");
  return { id, device: parseName(name), sealed: Uint8Array.from(packed.subarray(sealedAt)) };
}

function withLength(bytes: Uint8Array): Buffer {
  ok(bytes.length <= TEXT_MAX_BYTES, "text is longer than an association's record holds");
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

function lengthPrefixed(packed: Buffer, at: number): Buffer {
  return packed.subarray(at + 1, at + 1 + (packed[at] ?? 0));
}

/** 2^48 - 1 is a sequence number, so what counts from 1 needs 49 bits. */
function writeUInt56(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt8(Math.floor(value / 2 ** 48), at);
  bytes.writeUIntBE(value % 2 ** 48, at + 1, 6);
}

function readUInt56(bytes: Buffer, at: number): number {
  return bytes.readUInt8(at) * 2 ** 48 + bytes.readUIntBE(at + 1, 6);
}
