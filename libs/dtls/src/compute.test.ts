import { createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { hex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { compute, computeInPool } from "./compute.ts";
import { checkPoint, isP256, keyPoint, makeEphemeralKey, pointKey } from "./ec-point.ts";
import { isStrictDer } from "./ecdsa-signature.ts";
import type { Answer, CryptoJob } from "./server-io.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const data = Uint8Array.of(1, 2, 3);

const WAYS: [string, (job: CryptoJob) => Promise<Answer>][] = [
  ["in place", async (job) => compute(job)],
  ["in the pool", computeInPool],
];

function bytesOf(answer: Answer): Uint8Array {
  if (answer.type !== "bytes" || answer.bytes === undefined) throw new TypeError("the answer has no bytes");
  return answer.bytes;
}

function pointKeyOf(point: Uint8Array): KeyObject {
  const key = pointKey(point);
  if (key === undefined) throw new TypeError("the point is not on the curve");
  return key;
}

describe.each(WAYS)("jobs of P-256 %s", (_, run) => {
  it("a signature verifies, over its own data only", async () => {
    const signature = bytesOf(await run({ operation: "sign", key: privateKey, data }));
    const verify = { operation: "verify", key: publicKey, signature } as const;
    expect(await run({ ...verify, data })).toEqual({ type: "verified", valid: true });
    expect(await run({ ...verify, data: Uint8Array.of(1, 2) })).toEqual({ type: "verified", valid: false });
  });

  it("a signature with bytes behind it does not verify", async () => {
    const signature = bytesOf(await run({ operation: "sign", key: privateKey, data }));
    const longer = Uint8Array.of(...signature, 0);
    expect(await run({ operation: "verify", key: publicKey, data, signature: longer })).toEqual({
      type: "verified",
      valid: false,
    });
  });

  it("both sides derive the same secret of 32 bytes", async () => {
    const [one, other] = [makeEphemeralKey(), makeEphemeralKey()];
    const secrets = await Promise.all([
      run({ operation: "deriveSecret", privateKey: one.privateKey, publicKey: pointKeyOf(other.point) }),
      run({ operation: "deriveSecret", privateKey: other.privateKey, publicKey: pointKeyOf(one.point) }),
    ]);
    expect(secrets[0]).toEqual(secrets[1]);
    expect(bytesOf(secrets[0])).toHaveLength(32);
  });

  it.each<[string, CryptoJob, Answer]>([
    ["sign with a public key", { operation: "sign", key: publicKey, data }, { type: "bytes", bytes: undefined }],
    [
      "sign with a secret",
      { operation: "sign", key: createSecretKey(data), data },
      { type: "bytes", bytes: undefined },
    ],
    [
      "verify what is no signature",
      { operation: "verify", key: publicKey, data, signature: data },
      { type: "verified", valid: false },
    ],
    [
      "verify with a secret",
      { operation: "verify", key: createSecretKey(data), data, signature: compactSignature() },
      { type: "verified", valid: false },
    ],
    [
      "derive across curves",
      { operation: "deriveSecret", privateKey, publicKey: p384.publicKey },
      { type: "bytes", bytes: undefined },
    ],
    [
      "derive with two public keys",
      { operation: "deriveSecret", privateKey: publicKey, publicKey },
      { type: "bytes", bytes: undefined },
    ],
  ])("to %s is a failed answer, no exception", async (_name, job, answer) => {
    expect(await run(job)).toEqual(answer);
  });
});

function compactSignature(): Uint8Array {
  return Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 1);
}

describe("ECDSA signatures (RFC 8422 §5.10)", () => {
  it("as OpenSSL makes them are strict DER", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (content) => {
        expect(isStrictDer(bytesOf(compute({ operation: "sign", key: privateKey, data: content })))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ["nothing", []],
    ["no SEQUENCE", [0x31, 6, 2, 1, 1, 2, 1, 1]],
    ["bytes behind it", [0x30, 6, 2, 1, 1, 2, 1, 1, 0]],
    ["bytes behind s", [0x30, 8, 2, 1, 1, 2, 1, 1, 5, 0]],
    ["a length in two bytes", [0x30, 0x81, 6, 2, 1, 1, 2, 1, 1]],
    ["an indefinite length", [0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0]],
    ["no s", [0x30, 3, 2, 1, 1]],
    ["an empty s", [0x30, 5, 2, 1, 1, 2, 0]],
    ["s beyond the end", [0x30, 6, 2, 1, 1, 2, 2, 1]],
    ["a negative r", [0x30, 6, 2, 1, 0x80, 2, 1, 1]],
    ["r of zero", [0x30, 6, 2, 1, 0, 2, 1, 1]],
    ["zeros too many before r", [0x30, 7, 2, 2, 0, 1, 2, 1, 1]],
    ["an s of 34 bytes", [0x30, 39, 2, 1, 1, 2, 34, ...new Array<number>(34).fill(1)]],
  ])("with %s are not", (_, bytes) => {
    expect(isStrictDer(Uint8Array.from(bytes))).toBe(false);
  });

  it("are strict when an integer begins with the zero that its sign needs", () => {
    expect(isStrictDer(Uint8Array.of(0x30, 7, 2, 2, 0, 0x80, 2, 1, 1))).toBe(true);
  });
});

describe("points of P-256 (RFC 8422 §5.11)", () => {
  it("are those of their keys", () => {
    const { point } = makeEphemeralKey();
    expect(keyPoint(pointKeyOf(point))).toEqual(point);
    expect(checkPoint(point)).toBe(point);
  });

  it.each([
    [
      "x",
      "006253d260f7178977e50491f6d012fa2552d5f55c3ec8ddd1b9025a0a08ce238246247b49c2ed004e393959d89b1fa898633eb00824fff7d2e652e4976fa476",
    ],
    [
      "y",
      "2d61b7d651f4032b86ac9795a0a96395cfa490a7ff4dad9318ca209912fe638c003995fdbf0925224a1dd4c2f687c247775e901c1af7005b62b323f21b30ede0",
    ],
  ])("keep a leading zero of %s", (_, coordinates) => {
    const point = hex(`04${coordinates}`);
    expect(keyPoint(pointKeyOf(point))).toEqual(point);
  });

  it("are new for each handshake", () => {
    expect(makeEphemeralKey().point).not.toEqual(makeEphemeralKey().point);
  });

  const off = (byte: number): Uint8Array => Uint8Array.of(4, ...new Uint8Array(64).fill(byte));
  it.each([
    ["zero", off(0)],
    ["coordinates beyond the field", off(0xff)],
    ["a point beside the curve", off(1)],
  ])("that are not on the curve have no key: %s", (_, point) => {
    expect(pointKey(point)).toBeUndefined();
  });

  it("a key is of P-256, or not", () => {
    const spki = publicKey.export({ format: "der", type: "spki" });
    expect(isP256(createPublicKey({ key: spki, format: "der", type: "spki" }))).toBe(true);
    expect(isP256(p384.publicKey)).toBe(false);
    expect(isP256(generateKeyPairSync("ed25519").publicKey)).toBe(false);
  });
});
