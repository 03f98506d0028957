import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { ALERT } from "./alert.ts";
import { DtlsFormatError } from "./errors.ts";

const COORDINATE_BYTES = 32;
const UNCOMPRESSED = 4;
/** The form byte, x and y of a point of P-256 (RFC 8422 §5.4.1). */
export const POINT_BYTES: number = 1 + 2 * COORDINATE_BYTES;

/**
 * The same bytes, if they have the form of an uncompressed point of P-256. node:crypto would take compressed ones too, which nobody offered.
 * @throws {DtlsFormatError} `illegal_parameter`
 */
export function checkPoint(point: Uint8Array): Uint8Array {
  if (point.length !== POINT_BYTES || point[0] !== UNCOMPRESSED) {
    throw new DtlsFormatError(
      `point of ${point.length} bytes is not an uncompressed one of P-256: ${POINT_BYTES} bytes, the first ${UNCOMPRESSED}`,
      ALERT.ILLEGAL_PARAMETER,
    );
  }
  return point;
}

/** The key object of a point that `checkPoint` let pass; undefined when it is not on the curve (RFC 8422 §5.11). */
export function pointKey(point: Uint8Array): KeyObject | undefined {
  const [x, y] = [point.subarray(1, 1 + COORDINATE_BYTES), point.subarray(1 + COORDINATE_BYTES)].map(base64Url);
  try {
    return createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" } });
  } catch {
    // The bytes are a peer's: whatever OpenSSL does not like about them, they are no point of the curve.
    return undefined;
  }
}

/** The point of a public key of P-256. */
export function keyPoint(publicKey: KeyObject): Uint8Array {
  // Both have 32 bytes: RFC 7518 §6.2.1.2 keeps leading zeros.
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  return Buffer.concat([Buffer.of(UNCOMPRESSED), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

/** A key pair of P-256 for one handshake. */
export function makeEphemeralKey(): { privateKey: KeyObject; point: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, point: keyPoint(publicKey) };
}

/** Whether a key can do what our suites need of it (RFC 8422 §5.3). */
export function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}
