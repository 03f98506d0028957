import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ALERT } from "./alert.ts";
import { DtlsFormatError } from "./errors.ts";
import {
  type ClientExtensions,
  decodeClientExtensions,
  decodeServerExtensions,
  encodeClientExtensions,
  encodeServerExtensions,
  type ServerExtensions,
} from "./extensions.ts";

const bytes = (minLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength: 20 });
const uint16s = fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 20 });
const pointFormats = bytes(0).map((others) => Uint8Array.of(...others, 0));
const fragmentLength = fc.constantFrom(512, 1024, 2048, 4096);
const isThere = fc.constant(true);
const byte = fc.nat(0xff);

const clientExtensions: fc.Arbitrary<ClientExtensions> = fc.record(
  {
    serverName: fc.stringMatching(/^[a-z0-9.-]{1,40}$/),
    maxFragmentLength: fragmentLength,
    supportedGroups: uint16s,
    ecPointFormats: pointFormats,
    signatureAlgorithms: uint16s,
    clientCertificateTypes: bytes(1),
    serverCertificateTypes: bytes(1),
    encryptThenMac: isThere,
    extendedMasterSecret: isThere,
    recordSizeLimit: fc.integer({ min: 64, max: 0xffff }),
    supportedVersions: uint16s,
    connectionId: bytes(0),
    renegotiationInfo: isThere,
  },
  { requiredKeys: [] },
);

/** All that a server may grant. */
const REQUESTED: ClientExtensions = {
  serverName: "ferry.example",
  maxFragmentLength: 512,
  ecPointFormats: hex("00"),
  clientCertificateTypes: hex("02"),
  serverCertificateTypes: hex("02"),
  encryptThenMac: true,
  extendedMasterSecret: true,
  recordSizeLimit: 64,
  connectionId: new Uint8Array(0),
};

const limit = fc.oneof(
  fc.record({ maxFragmentLength: fragmentLength }),
  fc.record({ recordSizeLimit: fc.integer({ min: 64, max: 0xffff }) }),
  fc.constant({}),
);
const serverExtensions: fc.Arbitrary<ServerExtensions> = fc
  .tuple(
    limit,
    fc.record(
      {
        serverName: isThere,
        ecPointFormats: pointFormats,
        clientCertificateType: byte,
        serverCertificateType: byte,
        encryptThenMac: isThere,
        extendedMasterSecret: isThere,
        connectionId: bytes(0),
        renegotiationInfo: isThere,
      },
      { requiredKeys: [] },
    ),
  )
  .map(([one, others]) => ({ ...one, ...others }));

describe("extensions", () => {
  it("of a client decode to what was encoded", () => {
    fc.assert(
      fc.property(clientExtensions, (extensions) => {
        expect(decodeClientExtensions(encodeClientExtensions(extensions))).toEqual(extensions);
      }),
    );
  });

  it("of a server decode to what was encoded", () => {
    fc.assert(
      fc.property(serverExtensions, (extensions) => {
        expect(decodeServerExtensions(encodeServerExtensions(extensions), REQUESTED)).toEqual(extensions);
      }),
    );
  });

  it("throw nothing but a DtlsFormatError for any bytes", () => {
    const type = fc.constantFrom(0, 1, 10, 11, 13, 19, 20, 22, 23, 28, 43, 54, 0xff01);
    const extension = fc
      .tuple(type, fc.uint8Array({ maxLength: 12 }))
      .map(([number, content]) => [number >> 8, number & 0xff, 0, content.length, ...content]);
    const blocks = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(extension, { maxLength: 4 }).map((list) => Uint8Array.from(list.flat())),
    );
    fc.assert(
      fc.property(blocks, fc.boolean(), (block, isClient) => {
        try {
          if (isClient) decodeClientExtensions(block);
          else decodeServerExtensions(block, REQUESTED);
        } catch (error) {
          expect(error).toBeInstanceOf(DtlsFormatError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("that are not known are passed over, also those reserved for RFC 9853", () => {
    expect(decodeClientExtensions(hex("0023 0002 aabb  003d 0000  0017 0000"))).toEqual({ extendedMasterSecret: true });
  });

  it("of a whole hello are found in any order", () => {
    expect(decodeClientExtensions(hex("0036 0003 02aabb  001c 0002 0040  0001 0001 04"))).toEqual({
      connectionId: hex("aabb"),
      recordSizeLimit: 64,
      maxFragmentLength: 4096,
    });
  });

  it("that are false or undefined are not written", () => {
    expect(encodeClientExtensions({ encryptThenMac: false, serverName: undefined }).length).toBe(0);
  });

  it("an empty Connection ID is not the same as none (RFC 9146 §3)", () => {
    expect(toHex(encodeClientExtensions({ connectionId: new Uint8Array(0) }))).toBe("0036000100");
    expect(decodeClientExtensions(hex("0036 0001 00")).connectionId).toEqual(new Uint8Array(0));
  });

  it("a host name is lower case, whatever the client wrote", () => {
    expect(decodeClientExtensions(hex("0000 0008 0006 00 0003 412e42")).serverName).toBe("a.b");
  });

  const { DECODE_ERROR, ILLEGAL_PARAMETER, HANDSHAKE_FAILURE } = ALERT;
  it.each<[string, string, number]>([
    ["one twice (RFC 5246 §7.4.1.4)", "0017 0000 0017 0000", ILLEGAL_PARAMETER],
    ["an unknown one twice", "1234 0000 1234 0000", ILLEGAL_PARAMETER],
    ["half of one", "0017 00", DECODE_ERROR],
    ["one that ends beyond the block", "0017 0001", DECODE_ERROR],
    ["bytes behind a content", "0036 0002 0000", DECODE_ERROR],
    ["content in extended_master_secret (RFC 7627 §5.1)", "0017 0001 00", DECODE_ERROR],
    ["content in encrypt_then_mac (RFC 7366 §2)", "0016 0001 00", DECODE_ERROR],
    ["max_fragment_length 0 (RFC 6066 §4)", "0001 0001 00", ILLEGAL_PARAMETER],
    ["max_fragment_length 5", "0001 0001 05", ILLEGAL_PARAMETER],
    ["record_size_limit 63 (RFC 8449 §4)", "001c 0002 003f", ILLEGAL_PARAMETER],
    ["no uncompressed point format (RFC 8422 §5.1.2)", "000b 0002 01 01", ILLEGAL_PARAMETER],
    ["an empty list of groups", "000a 0002 0000", DECODE_ERROR],
    ["half a group", "000a 0005 0003 001700", DECODE_ERROR],
    ["half a signature algorithm", "000d 0005 0003 040304", DECODE_ERROR],
    ["an empty list of certificate types (RFC 7250 §3)", "0013 0001 00", DECODE_ERROR],
    ["renegotiation_info that is not empty (RFC 5746 §3.6)", "ff01 0002 01 00", HANDSHAKE_FAILURE],
    ["an empty server_name (RFC 6066 §3)", "0000 0000", DECODE_ERROR],
    ["two host names", "0000 000a 0008 00 0001 61 00 0001 62", ILLEGAL_PARAMETER],
    ["a host name with a NUL", "0000 0008 0006 00 0003 610062", ILLEGAL_PARAMETER],
    ["a host name of 256 characters", `0000 0105 0103 00 0100 ${"61".repeat(256)}`, ILLEGAL_PARAMETER],
  ])("of a client are refused with %s", (_, block, alert) => {
    expect(() => decodeClientExtensions(hex(block))).toThrow(expect.objectContaining({ code: "DTLS_FORMAT", alert }));
  });

  it.each<[string, string, ClientExtensions, number]>([
    ["one that was not asked for (RFC 5246 §7.4.1.4)", "0036 0001 00", {}, ALERT.UNSUPPORTED_EXTENSION],
    ["one that nobody knows", "1234 0000", REQUESTED, ALERT.UNSUPPORTED_EXTENSION],
    ["two size limits (RFC 8449 §5)", "001c 0002 0040 0001 0001 01", REQUESTED, ILLEGAL_PARAMETER],
    ["a list of certificate types", "0014 0002 0102", REQUESTED, DECODE_ERROR],
  ])("of a server are refused with %s", (_, block, requested, alert) => {
    expect(() => decodeServerExtensions(hex(block), requested)).toThrow(expect.objectContaining({ alert }));
  });

  it("of a server that were asked for and say nothing to a client are passed over", () => {
    expect(decodeServerExtensions(hex("000a 0004 0002 0017"), { supportedGroups: [23] })).toEqual({});
  });

  it("of a server may have renegotiation_info for who sent the cipher suite value (RFC 5746 §3.4)", () => {
    expect(decodeServerExtensions(hex("ff01 0001 00"), {})).toEqual({ renegotiationInfo: true });
  });
});
