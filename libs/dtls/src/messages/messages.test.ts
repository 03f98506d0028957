import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ALERT } from "../alert.ts";
import { ByteReader } from "../byte-reader.ts";
import { decodeClientExtensions } from "../extensions.ts";
import { DTLS_1_0, DTLS_1_2, encodePlaintextRecord, parseRecords } from "../record.ts";
import { decodeCertificate, decodeRawPublicKey, encodeCertificate, encodeRawPublicKey } from "./certificate.ts";
import { type ClientHello, decodeClientHello, encodeClientHello } from "./client-hello.ts";
import { decodeEcdheClientKeyExchange, decodePskClientKeyExchange } from "./client-key-exchange.ts";
import { decodeFinished } from "./finished.ts";
import { encodeHandshake, HANDSHAKE_TYPE, type HandshakeFragment, readHandshakeFragment } from "./handshake-header.ts";
import { encodeHelloVerifyRequest } from "./hello-verify-request.ts";
import { decodeServerHello } from "./server-hello.ts";
import { decodeEcdheServerKeyExchange, encodeEcdheParameters, signedParameters } from "./server-key-exchange.ts";

const POINT = Uint8Array.of(4, ...new Uint8Array(64).fill(7));

/** Datagrams with the first ClientHello of independent clients. */
const OPENSSL_PSK = hex(`
  16 feff 0000 000000000000 0074            # handshake record of DTLS 1.0, epoch 0, sequence 0
  01 000068 0000 000000 000068              # ClientHello, 104 bytes, message 0, whole
  fefd 5f5c7853c8d6075cb77c470a090dd2a254957339b52d677e6c8315fb8a603286
  00 00 0004 c0a8 00ff 01 00                # no session, no cookie, CCM_8 and the renegotiation value, null
  003a 0023 0000 0016 0000 0017 0000        # session_ticket, encrypt_then_mac, extended_master_secret
  000d 002a 0028 040305030603080708080809080a080b080408050806040105010601030303010302040205020602`);
const OPENSSL_ECDHE = hex(`
  16 feff 0000 000000000000 00ad 01 0000a1 0000 000000 0000a1
  fefd 05e4ed6caa12a492ccf3b87801dd857f2bf4c95ad34a8d2d18e23d3b60bca59c 00 00 0004 c0ae 00ff 01 00
  0073 0000 0012 0010 00 000d 66657272792e6578616d706c65   # server_name ferry.example
  0001 0001 02                                             # max_fragment_length 1024
  000b 0004 03 000102 000a 000c 000a 001d0017001e00190018  # ec_point_formats, supported_groups
  0023 0000 0016 0000 0017 0000
  000d 0030 002e 040305030603080708080809080a080b080408050806040105010601030302030301020103020202040205020602`);
const GNUTLS_RPK = hex(`
  16 fefd 0000 000000000000 00a2 01 000096 0000 000000 000096
  fefd e43040ca5bc195d892bf9a29b2c70dbd751e9c1f51f5f2e92245eecc16fcf0cc 00 00 0002 c0ae 01 00
  006a 0005 0005 0100000000                                # status_request
  0013 0003 02 0002 0014 0003 02 0002                      # X.509 and raw public keys, both ways
  000a 000c 000a 001700180019001d001e 000b 0002 01 00
  000d 0022 0020 040108090804040308070501080a0805050308080601080b080606030201 0203
  0016 0000 0017 0000 0023 0000 ff01 0001 00 001c 0002 4000`);

function helloOf(datagram: Uint8Array): { fragment: HandshakeFragment; hello: ClientHello } {
  const [record] = parseRecords(datagram, 0);
  if (typeof record !== "object") throw new TypeError("the datagram has no record");
  const fragment = readHandshakeFragment(new ByteReader(record.fragment, "record"));
  return { fragment, hello: decodeClientHello(fragment.fragment) };
}

describe("ClientHellos of independent clients", () => {
  it("OpenSSL 3.0 with a pre-shared key", () => {
    const { fragment, hello } = helloOf(OPENSSL_PSK);
    expect(fragment).toMatchObject({ type: HANDSHAKE_TYPE.CLIENT_HELLO, length: 104, sequence: 0, offset: 0 });
    expect(hello).toMatchObject({ version: DTLS_1_2, cipherSuites: [0xc0a8, 0x00ff], compressionMethods: hex("00") });
    expect(decodeClientExtensions(hello.extensions)).toMatchObject({
      encryptThenMac: true,
      extendedMasterSecret: true,
    });
  });

  it("OpenSSL 3.0 with a certificate, a server name and small fragments", () => {
    const extensions = decodeClientExtensions(helloOf(OPENSSL_ECDHE).hello.extensions);
    expect(extensions).toMatchObject({
      serverName: "ferry.example",
      maxFragmentLength: 1024,
      ecPointFormats: hex("000102"),
      supportedGroups: [29, 23, 30, 25, 24],
    });
    expect(extensions.signatureAlgorithms?.[0]).toBe(0x0403);
  });

  it("GnuTLS 3.7 that shows and takes raw public keys, X.509 first", () => {
    expect(decodeClientExtensions(helloOf(GNUTLS_RPK).hello.extensions)).toMatchObject({
      clientCertificateTypes: hex("0002"),
      serverCertificateTypes: hex("0002"),
      renegotiationInfo: true,
      recordSizeLimit: 0x4000,
    });
  });

  it.each([OPENSSL_PSK, OPENSSL_ECDHE, GNUTLS_RPK])("are encoded again to the same bytes (%#)", (datagram) => {
    const { fragment, hello } = helloOf(datagram);
    const body = encodeClientHello(hello);
    expect(toHex(encodeHandshake({ ...fragment, body }))).toBe(toHex(datagram.subarray(13)));
  });
});

describe("ClientHello", () => {
  const hello = helloOf(OPENSSL_PSK).hello;

  it.each<[string, Partial<ClientHello>, number]>([
    ["a session id of 33 bytes", { sessionId: new Uint8Array(33) }, ALERT.DECODE_ERROR],
    ["no cipher suite", { cipherSuites: [] }, ALERT.DECODE_ERROR],
    ["no compression method", { compressionMethods: new Uint8Array(0) }, ALERT.DECODE_ERROR],
    ["compression methods without null", { compressionMethods: hex("01") }, ALERT.ILLEGAL_PARAMETER],
  ])("is refused with %s (RFC 5246 §7.4.1.2)", (_, change, alert) => {
    const bytes = encodeClientHello({ ...hello, ...change });
    expect(() => decodeClientHello(bytes)).toThrow(expect.objectContaining({ code: "DTLS_FORMAT", alert }));
  });

  it("is refused with half a cipher suite", () => {
    const bytes = hex(`fefd ${"00".repeat(32)} 00 00 0003 c0a800 01 00`);
    expect(() => decodeClientHello(bytes)).toThrow("cipher_suites has 3 bytes; it takes two each");
  });

  it("may leave the extension block out", () => {
    const bytes = hex(`fefd ${"00".repeat(32)} 00 00 0002 c0a8 01 00`);
    expect(decodeClientHello(bytes)).toMatchObject({ cipherSuites: [0xc0a8], extensions: new Uint8Array(0) });
  });
});

describe("HelloVerifyRequest", () => {
  it("has the version of DTLS 1.0, whatever will be negotiated (RFC 6347 §4.2.1)", () => {
    expect(toHex(encodeHelloVerifyRequest(hex("aabb")))).toBe("feff02aabb");
  });

  it("with its record is smaller than that of any ClientHello", () => {
    const body = encodeHelloVerifyRequest(new Uint8Array(16));
    const message = encodeHandshake({ type: HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST, sequence: 0, body });
    const smallest = hex(`fefd ${"00".repeat(32)} 00 00 0002 c0a8 01 00`);
    expect(encodePlaintextRecord(22, DTLS_1_0, 0, 0, message).length).toBeLessThan(13 + 12 + smallest.length);
  });
});

describe("ServerHello", () => {
  it("is refused with a compression method", () => {
    const bytes = hex(`fefd ${"00".repeat(32)} 00 c0a8 01`);
    expect(() => decodeServerHello(bytes)).toThrow(expect.objectContaining({ alert: ALERT.ILLEGAL_PARAMETER }));
  });
});

describe("Certificate", () => {
  it("of X.509 is a list of certificates", () => {
    const bytes = hex("000008 000002 aabb 000000");
    expect(toHex(encodeCertificate([hex("aabb"), hex("cc")]))).toBe("000009000002aabb000001cc");
    expect(() => decodeCertificate(bytes)).toThrow(
      "certificate of certificate_list has 0 bytes; 1 to 16777215 are allowed",
    );
  });

  it("of a raw public key is one length and the key, no list (RFC 7250 §3)", () => {
    expect(toHex(encodeRawPublicKey(hex("aabb")))).toBe("000002aabb");
  });

  it("of a peer that has none is three zero bytes, in both forms", () => {
    expect(decodeCertificate(hex("000000"))).toEqual([]);
    expect(decodeRawPublicKey(hex("000000"))).toBeUndefined();
    expect(toHex(encodeRawPublicKey(undefined))).toBe("000000");
  });

  it("is refused with more than eight certificates", () => {
    const chain = Array.from({ length: 9 }, () => hex("aa"));
    expect(() => decodeCertificate(encodeCertificate(chain))).toThrow(
      expect.objectContaining({ alert: ALERT.BAD_CERTIFICATE }),
    );
  });

  it("is refused with a raw public key of more than 1024 bytes", () => {
    expect(() => decodeRawPublicKey(encodeRawPublicKey(new Uint8Array(1025)))).toThrow("0 to 1024 are allowed");
  });
});

describe("ServerKeyExchange", () => {
  it("has named curve secp256r1 before its point (RFC 8422 §5.4)", () => {
    expect(toHex(encodeEcdheParameters(POINT))).toBe(`03001741${toHex(POINT)}`);
  });

  it("signs both randoms and its parameters", () => {
    const [client, server] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const signed = toHex(signedParameters(client, server, POINT));
    expect(signed).toBe(`${"01".repeat(32)}${"02".repeat(32)}03001741${toHex(POINT)}`);
  });

  it.each([
    ["another curve", "03 0018"],
    ["explicit parameters", "01 0017"],
  ])("is refused with %s", (_, head) => {
    const bytes = hex(`${head} 41 ${toHex(POINT)} 0403 0000`);
    expect(() => decodeEcdheServerKeyExchange(bytes)).toThrow(
      expect.objectContaining({ alert: ALERT.ILLEGAL_PARAMETER }),
    );
  });
});

describe("ClientKeyExchange", () => {
  it("takes an identity as bytes, also an empty one and one that is no text (RFC 4279 §5.1)", () => {
    expect(decodePskClientKeyExchange(hex("0002 ff00"))).toEqual(hex("ff00"));
    expect(decodePskClientKeyExchange(hex("0000"))).toEqual(new Uint8Array(0));
  });

  it("is refused with an identity of more than 256 bytes", () => {
    expect(() => decodePskClientKeyExchange(hex(`0101 ${"61".repeat(257)}`))).toThrow("0 to 256 are allowed");
  });

  it.each([
    ["a compressed point", `21 02 ${"07".repeat(32)}`],
    ["the point at infinity", "01 00"],
    ["a hybrid point", `41 06 ${"07".repeat(64)}`],
    ["64 bytes", `40 04 ${"07".repeat(63)}`],
    ["66 bytes", `42 04 ${"07".repeat(65)}`],
  ])("is refused with %s (RFC 8422 §5.4.1)", (_, bytes) => {
    expect(() => decodeEcdheClientKeyExchange(hex(bytes))).toThrow(
      expect.objectContaining({ alert: ALERT.ILLEGAL_PARAMETER }),
    );
  });
});

describe("Finished", () => {
  it.each([0, 11, 13, 32])("is refused with %d bytes: it has twelve (RFC 5246 §7.4.9)", (length) => {
    expect(() => decodeFinished(new Uint8Array(length))).toThrow("Finished");
  });
});

describe("handshake header (RFC 6347 §4.2.2)", () => {
  it.each([
    ["ends beyond its message", "0b 000004 0001 000002 000003 aabbcc"],
    ["would overflow 24 bits", "0b 000004 0001 ffffff ffffff aabb"],
    ["has fewer bytes than it says", "0b 000004 0001 000000 000004 aabbcc"],
    ["has no whole header", "0b 000004 0001 000000 0000"],
  ])("a fragment that %s is refused", (_, bytes) => {
    expect(() => readHandshakeFragment(new ByteReader(hex(bytes), "record"))).toThrow(
      expect.objectContaining({ code: "DTLS_FORMAT" }),
    );
  });
});
