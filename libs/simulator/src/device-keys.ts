import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import { hmacSha256, secretKey } from "@ferry/dtls";

const COORDINATE_BYTES = 32;

/**
 * The P-256 key of a simulated device, the same for the same seed and endpoint: so that what was declared once holds for every run. Whoever knows
 * the seed has the keys: for simulations only.
 */
export function deviceKey(seed: string, endpoint: string): KeyObject {
  const ecdh = createECDH("prime256v1");
  const name = Buffer.from(endpoint);
  // One in 2^32 values is no private key of the curve: the next one is taken.
  for (let counter = 0; ; counter++) {
    const scalar = hmacSha256(secretKey(Buffer.from(seed)), Buffer.of(counter), name);
    try {
      ecdh.setPrivateKey(scalar);
    } catch (error) {
      if (Error.isError(error) && "code" in error && error.code === "ERR_CRYPTO_INVALID_KEYTYPE") continue;
      throw error;
    }
    const point = ecdh.getPublicKey();
    const [d, x, y] = [scalar, point.subarray(1, 1 + COORDINATE_BYTES), point.subarray(1 + COORDINATE_BYTES)].map(
      (it) => it.toString("base64url"),
    );
    return createPrivateKey({ format: "jwk", key: { kty: "EC", crv: "P-256", d: d ?? "", x: x ?? "", y: y ?? "" } });
  }
}
