import {
  type ClientExtensions,
  DtlsFormatError,
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeClientExtensions,
  decodeClientHello,
  decodeEcdheClientKeyExchange,
  decodeEcdheServerKeyExchange,
  decodeFinished,
  decodeHelloVerifyRequest,
  decodePskClientKeyExchange,
  decodePskServerKeyExchange,
  decodeRawPublicKey,
  decodeServerExtensions,
  decodeServerHello,
  decodeServerHelloDone,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeClientExtensions,
  encodeClientHello,
  encodeEcdheClientKeyExchange,
  encodeEcdheServerKeyExchange,
  encodeFinished,
  encodeHandshakeFragment,
  encodeHelloVerifyRequest,
  encodePskClientKeyExchange,
  encodePskServerKeyExchange,
  encodeRawPublicKey,
  encodeServerExtensions,
  encodeServerHello,
  encodeServerHelloDone,
  type HandshakeMessage,
  pointKey,
  Reassembler,
} from "@ferry/dtls";
import { SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { CORPUS } from "./dtls-messages-corpus.ts";
import { mutate, pick } from "./mutate.ts";

/** Another seed by FERRY_FUZZ_SEED; a failure prints the one it had, with the bytes. */
const SEED = Number(process.env.FERRY_FUZZ_SEED ?? 6347);
const ROUNDS = Number(process.env.FERRY_FUZZ_ROUNDS ?? 4000);
/** No text of a peer's in an error, however long its message is. */
const MAX_ERROR_CHARACTERS = 200;

/** A client that asked for all that a server may grant. */
const REQUESTED: ClientExtensions = {
  serverName: "ferry.example",
  maxFragmentLength: 512,
  ecPointFormats: Uint8Array.of(0),
  clientCertificateTypes: Uint8Array.of(2),
  serverCertificateTypes: Uint8Array.of(2),
  encryptThenMac: true,
  extendedMasterSecret: true,
  recordSizeLimit: 64,
  connectionId: new Uint8Array(0),
};

interface Codec<Value> {
  decode(bytes: Uint8Array): Value;
  encode(value: Value): Uint8Array;
}

/** Values reach the codec only that made them. */
const codec = <Value>(decode: (bytes: Uint8Array) => Value, encode: (value: Value) => Uint8Array): Codec<unknown> =>
  ({ decode, encode }) as Codec<unknown>;

const CODECS: readonly Codec<unknown>[] = [
  codec(decodeClientHello, encodeClientHello),
  codec((bytes) => decodeClientExtensions(decodeClientHello(bytes).extensions), encodeClientExtensionsInHello),
  codec(decodeHelloVerifyRequest, encodeHelloVerifyRequest),
  codec(decodeServerHello, encodeServerHello),
  codec(
    (bytes) => decodeServerExtensions(bytes, REQUESTED),
    (extensions) => encodeServerExtensions(extensions),
  ),
  codec(decodeCertificate, encodeCertificate),
  codec(decodeRawPublicKey, encodeRawPublicKey),
  codec(decodeEcdheServerKeyExchange, encodeEcdheServerKeyExchange),
  codec(decodePskServerKeyExchange, encodePskServerKeyExchange),
  codec(decodeCertificateRequest, encodeCertificateRequest),
  codec(decodeServerHelloDone, encodeServerHelloDone),
  codec(decodePskClientKeyExchange, encodePskClientKeyExchange),
  codec(decodeEcdheClientKeyExchange, encodeEcdheClientKeyExchange),
  codec(decodeCertificateVerify, encodeCertificateVerify),
  codec(decodeFinished, encodeFinished),
];

function encodeClientExtensionsInHello(extensions: ClientExtensions): Uint8Array {
  return encodeClientHello({
    version: 0xfefd,
    random: new Uint8Array(32),
    sessionId: new Uint8Array(0),
    cookie: new Uint8Array(0),
    cipherSuites: [0xc0a8],
    compressionMethods: Uint8Array.of(0),
    extensions: encodeClientExtensions(extensions),
  });
}

describe(`any handshake message (seed ${SEED})`, () => {
  it("is decoded or refused with an error of ours, and what is decoded is the same when encoded again", () => {
    const random = new SeededRandom(SEED);
    let decoded = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { name, bytes: original } = pick(random, CORPUS);
      const bytes = random.chance(0.1) ? random.bytes(random.below(60)) : mutate(random, original);
      for (const { decode, encode } of CODECS) {
        expectOwnErrors({ name, bytes }, () => {
          const value = decode(bytes);
          decoded++;
          expect(decode(encode(value))).toEqual(value);
        });
      }
    }
    expect(decoded).toBeGreaterThan(ROUNDS / 4);
  });

  it("of the corpus is understood by a codec", () => {
    const understood = CORPUS.filter(({ bytes }) =>
      CODECS.some(({ decode, encode }) => {
        try {
          return Buffer.from(encode(decode(bytes))).equals(bytes);
        } catch {
          return false;
        }
      }),
    );
    expect(understood.map(({ name }) => name)).toEqual(CORPUS.map(({ name }) => name));
  });

  it("whose point has the right form has a key or none", () => {
    const random = new SeededRandom(SEED);
    for (let round = 0; round < ROUNDS / 10; round++) {
      const point = Uint8Array.of(4, ...random.bytes(64));
      expectOwnErrors({ name: "point", bytes: point }, () => pointKey(point));
    }
  });
});

describe(`any fragments (seed ${SEED})`, () => {
  const LIMITS = { maxMessageBytes: 200, maxAhead: 4, maxBytes: 500 };
  const MESSAGES = 8;

  it("give messages once and in order, within the limits", () => {
    const random = new SeededRandom(SEED);
    let given = 0;
    for (let round = 0; round < ROUNDS / 20; round++) {
      const reassembler = new Reassembler({ nextSequence: 0, ...LIMITS });
      const messages = Array.from({ length: MESSAGES }, (_, sequence) => {
        return { type: 11 + random.below(2), sequence, body: pick(random, CORPUS).bytes.subarray(0, 200) };
      });
      let next = 0;
      for (let step = 0; step < 60; step++) {
        const content = fragments(random, messages, next);
        expectOwnErrors({ name: "fragments", bytes: content }, () => {
          for (const { sequence, body } of reassembler.add(content)) {
            if (sequence !== next++ || body.length > LIMITS.maxMessageBytes)
              expect({ sequence, next }).toBe("in order");
            given++;
          }
        });
        if (reassembler.keptBytes > LIMITS.maxBytes) expect(reassembler.keptBytes).toBe("bounded");
      }
    }
    // A damaged header that comes first may block a message for good.
    expect(given).toBeGreaterThan((ROUNDS / 20) * (MESSAGES / 4));
  });

  /** Pieces of the messages that are next or further ahead than is taken, sometimes damaged. */
  function fragments(random: SeededRandom, messages: readonly HandshakeMessage[], next: number): Uint8Array {
    const pieces = Array.from({ length: 1 + random.below(3) }, () => {
      const message = messages[Math.min(next + random.below(6), MESSAGES - 1)] as HandshakeMessage; // In range.
      const { body } = message;
      const offset = random.chance(0.5) ? 0 : random.below(body.length + 1);
      return encodeHandshakeFragment(message, offset, random.chance(0.5) ? body.length : random.below(100));
    });
    const content = Buffer.concat(pieces);
    return random.chance(0.1) ? mutate(random, content) : content;
  }
});

function expectOwnErrors({ name, bytes }: { name: string; bytes: Uint8Array }, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof DtlsFormatError && error.message.length <= MAX_ERROR_CHARACTERS) return;
    expect({ seed: SEED, name, bytes: Buffer.from(bytes).toString("hex"), error }).toBeUndefined();
  }
}
