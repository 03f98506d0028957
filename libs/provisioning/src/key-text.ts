import { type DerKind, ProfileError, parseBase64, readDerText } from "@ferry/profile";
import { ProvisioningError } from "./errors.ts";

/** What stands in a document in place of a secret. */
export const MASK = "******";

/** Lengths of a pre-shared key, bytes. Hex of one is never Base64 of another, so that the two can be told apart. */
export const PSK_KEY_BYTES: readonly number[] = [16, 32, 64];

const HEX = /^([0-9A-Fa-f]{2})+$/;

/** Reads a pre-shared key as hex or, where that is what its length says, Base64. @throws {ProvisioningError} never quotes the text */
export function parsePskText(text: string, field: string): Uint8Array {
  if (text === MASK) throw new ProvisioningError(field, `is masked (${MASK}): put the key in its place`);
  const asHex = HEX.test(text) ? Buffer.from(text, "hex") : undefined;
  if (asHex && PSK_KEY_BYTES.includes(asHex.length)) return asHex;
  const asBase64 = parseBase64(text);
  if (asBase64 && PSK_KEY_BYTES.includes(asBase64.length)) return asBase64;
  if (asHex) return asHex; // Its length is refused with those that are possible.
  throw new ProvisioningError(
    field,
    "is neither hex of 32, 64 or 128 characters (pairs of 0-9, a-f) nor Base64 of 16, 32 or 64 bytes",
  );
}

/** Reads DER as hex, Base64 or PEM. @throws {ProvisioningError} never quotes the text */
export function parseDerText(text: string, kind: DerKind, field: string): Uint8Array {
  if (text === MASK) throw new ProvisioningError(field, `is masked (${MASK}): put the key in its place`);
  try {
    return readDerText(text, kind, field);
  } catch (error) {
    if (error instanceof ProfileError) throw new ProvisioningError(error.field, error.reason, { cause: error });
    throw error;
  }
}
