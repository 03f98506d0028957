import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DtlsFormatError } from "../errors.ts";
import { decodeCertificate, decodeRawPublicKey, encodeCertificate, encodeRawPublicKey } from "./certificate.ts";
import { decodeCertificateRequest, encodeCertificateRequest } from "./certificate-request.ts";
import { decodeCertificateVerify, encodeCertificateVerify } from "./certificate-verify.ts";
import { decodeClientHello, encodeClientHello } from "./client-hello.ts";
import {
  decodeEcdheClientKeyExchange,
  decodePskClientKeyExchange,
  encodeEcdheClientKeyExchange,
  encodePskClientKeyExchange,
} from "./client-key-exchange.ts";
import { decodeFinished, encodeFinished } from "./finished.ts";
import { decodeHelloVerifyRequest, encodeHelloVerifyRequest } from "./hello-verify-request.ts";
import { decodeServerHello, encodeServerHello } from "./server-hello.ts";
import { decodeServerHelloDone, encodeServerHelloDone } from "./server-hello-done.ts";
import {
  decodeEcdheServerKeyExchange,
  decodePskServerKeyExchange,
  encodeEcdheServerKeyExchange,
  encodePskServerKeyExchange,
} from "./server-key-exchange.ts";

interface Message<Value> {
  readonly name: string;
  readonly values: fc.Arbitrary<Value>;
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
  /** Prefixes that are messages themselves, by length; none but the whole one otherwise. */
  isAlsoWhole?(length: number, value: Value): boolean;
}

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const uint16 = fc.nat(0xffff);
const random = bytes(32, 32);
const sessionId = bytes(0, 32);
const uint16s = fc.array(uint16, { minLength: 1, maxLength: 40 });
const point = bytes(64, 64).map((coordinates) => Uint8Array.of(4, ...coordinates));
const signature = fc.record({ signatureAlgorithm: uint16, signature: bytes(0, 80) });

/** A hello may end before its extensions. */
const withoutExtensions = (
  length: number,
  { extensions }: { readonly extensions: Uint8Array },
  whole: number,
): boolean => extensions.length > 0 && length === whole - extensions.length - 2;

function message<Value>(definition: Message<Value>): Message<unknown> {
  // Values reach only their own functions.
  return definition as Message<unknown>;
}

const MESSAGES: readonly Message<unknown>[] = [
  message({
    name: "ClientHello",
    values: fc.record({
      version: uint16,
      random,
      sessionId,
      cookie: bytes(0, 255),
      cipherSuites: uint16s,
      compressionMethods: bytes(0, 254).map((others) => Uint8Array.of(0, ...others)),
      extensions: bytes(0, 300),
    }),
    encode: encodeClientHello,
    decode: decodeClientHello,
    isAlsoWhole: (length, hello) => withoutExtensions(length, hello, encodeClientHello(hello).length),
  }),
  message({
    name: "HelloVerifyRequest",
    values: bytes(0, 255),
    encode: encodeHelloVerifyRequest,
    decode: decodeHelloVerifyRequest,
  }),
  message({
    name: "ServerHello",
    values: fc.record({ version: uint16, random, sessionId, cipherSuite: uint16, extensions: bytes(0, 300) }),
    encode: encodeServerHello,
    decode: decodeServerHello,
    isAlsoWhole: (length, hello) => withoutExtensions(length, hello, encodeServerHello(hello).length),
  }),
  message({
    name: "Certificate, X.509",
    values: fc.array(bytes(1, 300), { maxLength: 8 }),
    encode: encodeCertificate,
    decode: decodeCertificate,
  }),
  message({
    name: "Certificate, raw public key",
    values: fc.option(bytes(1, 100), { nil: undefined }),
    encode: encodeRawPublicKey,
    decode: decodeRawPublicKey,
  }),
  message({
    name: "ServerKeyExchange, ECDHE",
    values: fc.record({ point, signatureAlgorithm: uint16, signature: bytes(0, 80) }),
    encode: encodeEcdheServerKeyExchange,
    decode: decodeEcdheServerKeyExchange,
  }),
  message({
    name: "ServerKeyExchange, PSK",
    values: bytes(0, 300),
    encode: encodePskServerKeyExchange,
    decode: decodePskServerKeyExchange,
  }),
  message({
    name: "CertificateRequest",
    values: fc.record({
      certificateTypes: bytes(1, 255),
      signatureAlgorithms: uint16s,
      authorities: fc.array(bytes(1, 100), { maxLength: 5 }),
    }),
    encode: encodeCertificateRequest,
    decode: decodeCertificateRequest,
  }),
  message({
    name: "ServerHelloDone",
    values: fc.constant(undefined),
    encode: encodeServerHelloDone,
    decode: decodeServerHelloDone,
  }),
  message({
    name: "ClientKeyExchange, PSK",
    values: bytes(0, 256),
    encode: encodePskClientKeyExchange,
    decode: decodePskClientKeyExchange,
  }),
  message({
    name: "ClientKeyExchange, ECDHE",
    values: point,
    encode: encodeEcdheClientKeyExchange,
    decode: decodeEcdheClientKeyExchange,
  }),
  message({
    name: "CertificateVerify",
    values: signature,
    encode: encodeCertificateVerify,
    decode: decodeCertificateVerify,
  }),
  message({ name: "Finished", values: bytes(12, 12), encode: encodeFinished, decode: decodeFinished }),
];

describe.each(MESSAGES)("$name", ({ values, encode, decode, isAlsoWhole }) => {
  it("decodes to what was encoded", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
    );
  });

  it("is refused when bytes are missing or follow", () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, cut) => {
        const whole = encode(value);
        const length = whole.length === 0 ? 0 : cut % whole.length;
        if (whole.length > 0 && isAlsoWhole?.(length, value) !== true) {
          expect(() => decode(whole.subarray(0, length))).toThrow(DtlsFormatError);
        }
        expect(() => decode(Uint8Array.of(...whole, 0))).toThrow(DtlsFormatError);
      }),
    );
  });

  it("throws nothing but a DtlsFormatError for any bytes", () => {
    const damaged = fc.tuple(values, fc.nat(), fc.nat(0xff)).map(([value, place, byte]) => {
      const whole = Uint8Array.from(encode(value));
      if (whole.length > 0) whole[place % whole.length] = byte;
      return whole;
    });
    fc.assert(
      fc.property(fc.oneof(bytes(0, 200), damaged), (anything) => {
        try {
          decode(anything);
        } catch (error) {
          expect(error).toBeInstanceOf(DtlsFormatError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
