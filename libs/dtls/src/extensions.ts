import { ALERT } from "./alert.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { DtlsFormatError } from "./errors.ts";
import { decodeUint16List, encodeUint16List } from "./messages/uint16-list.ts";

/**
 * Extension types that we know (IANA, TLS ExtensionType Values). The return routability check of RFC 9853 (extension 61, content type 27) is not
 * here: its numbers stay free for it.
 */
export const EXTENSION = {
  SERVER_NAME: 0,
  MAX_FRAGMENT_LENGTH: 1,
  SUPPORTED_GROUPS: 10,
  EC_POINT_FORMATS: 11,
  SIGNATURE_ALGORITHMS: 13,
  CLIENT_CERTIFICATE_TYPE: 19,
  SERVER_CERTIFICATE_TYPE: 20,
  ENCRYPT_THEN_MAC: 22,
  EXTENDED_MASTER_SECRET: 23,
  RECORD_SIZE_LIMIT: 28,
  SUPPORTED_VERSIONS: 43,
  CONNECTION_ID: 54,
  RENEGOTIATION_INFO: 0xff01,
} as const;

/** ECPointFormat uncompressed (RFC 8422 §5.1.2). */
const UNCOMPRESSED = 0;
const HOST_NAME = 0;
/** Of a DNS name, in characters (RFC 1035 §2.3.4). */
const MAX_HOST_NAME_BYTES = 255;
/** Letters, digits, hyphens, dots, and the underscore and colon that devices use; never a NUL, which has fooled name checks. */
const HOST_NAME_TEXT = /^[A-Za-z0-9._:-]+$/;
const MIN_RECORD_SIZE_LIMIT = 64;

/** What a ClientHello asks for; undefined or false: it did not. Lists are in the client's order. */
export interface ClientExtensions {
  /** Host name, lower case (RFC 6066 §3). */
  readonly serverName?: string | undefined;
  /** Plaintext of a record: 512, 1024, 2048 or 4096 bytes (RFC 6066 §4). */
  readonly maxFragmentLength?: number | undefined;
  /** RFC 8422 §5.1.1 */
  readonly supportedGroups?: readonly number[] | undefined;
  /** One byte each; uncompressed is among them (RFC 8422 §5.1.2). */
  readonly ecPointFormats?: Uint8Array | undefined;
  /** RFC 5246 §7.4.1.4.1 */
  readonly signatureAlgorithms?: readonly number[] | undefined;
  /** What the client can show, one byte each (RFC 7250 §4.1). */
  readonly clientCertificateTypes?: Uint8Array | undefined;
  /** What the client can check, one byte each (RFC 7250 §4.1). */
  readonly serverCertificateTypes?: Uint8Array | undefined;
  /** RFC 7366 */
  readonly encryptThenMac?: boolean | undefined;
  /** RFC 7627 */
  readonly extendedMasterSecret?: boolean | undefined;
  /** Plaintext of a record, bytes, 64 or more (RFC 8449 §4). */
  readonly recordSizeLimit?: number | undefined;
  /** Sent by who also speaks DTLS 1.3 (RFC 8446 §4.2.1). */
  readonly supportedVersions?: readonly number[] | undefined;
  /** What the client wants to see in records that it receives; empty: nothing (RFC 9146 §3). */
  readonly connectionId?: Uint8Array | undefined;
  /** Empty, since nothing is renegotiated (RFC 5746 §3.4); a client may send the cipher suite value EMPTY_RENEGOTIATION_INFO_SCSV instead. */
  readonly renegotiationInfo?: boolean | undefined;
}

/** What a ServerHello grants. */
export interface ServerExtensions {
  /** The name was used (RFC 6066 §3). */
  readonly serverName?: boolean | undefined;
  readonly maxFragmentLength?: number | undefined;
  readonly ecPointFormats?: Uint8Array | undefined;
  /** What the client is to show (RFC 7250 §4.2). */
  readonly clientCertificateType?: number | undefined;
  /** What the server shows (RFC 7250 §4.2). */
  readonly serverCertificateType?: number | undefined;
  readonly encryptThenMac?: boolean | undefined;
  readonly extendedMasterSecret?: boolean | undefined;
  readonly recordSizeLimit?: number | undefined;
  /** What the server wants to see in records that it receives. */
  readonly connectionId?: Uint8Array | undefined;
  readonly renegotiationInfo?: boolean | undefined;
}

/** How the content of one extension is read and written. `encode` is called with values of its own field only. */
interface Content<Value> {
  decode(reader: ByteReader): Value;
  encode(value: Value, writer: ByteWriter): void;
}

interface Codec<Value> extends Content<Value> {
  readonly type: number;
}

type Codecs<Extensions> = { readonly [Name in keyof Required<Extensions>]: Codec<NonNullable<Extensions[Name]>> };

/** The extension says what it says by being there. */
const PRESENT: Content<boolean> = { decode: () => true, encode: () => undefined };

/**
 * ```
 * struct { NameType name_type; opaque HostName<1..2^16-1>; } ServerName;
 * struct { ServerName server_name_list<1..2^16-1>; } ServerNameList;
 * ```
 */
const HOST_NAMES: Content<string> = {
  decode: (reader) => {
    const names = new ByteReader(reader.vector16("server_name_list", 1), "server_name_list");
    let hostName: string | undefined;
    while (names.remaining > 0) {
      // A name of another type has a length of two bytes too (RFC 6066 §3).
      const type = names.uint8();
      const name = names.vector16("server name", 1);
      if (type !== HOST_NAME) continue;
      if (hostName !== undefined) throw illegal("server_name_list has two host names");
      hostName = decodeHostName(name);
    }
    if (hostName === undefined) throw illegal("server_name_list has no host name");
    return hostName;
  },
  encode: (name, writer) => {
    const entry = new ByteWriter().uint8(HOST_NAME).vector16(Buffer.from(name, "latin1"));
    writer.vector16(entry.finish());
  },
};

/** `enum { 2^9(1), 2^10(2), 2^11(3), 2^12(4) } MaxFragmentLength` */
const FRAGMENT_LENGTH: Content<number> = {
  decode: (reader) => {
    const code = reader.uint8();
    if (code < 1 || code > 4) throw illegal(`max_fragment_length is ${code}; 1 to 4 are allowed`);
    return 2 ** (8 + code);
  },
  encode: (bytes, writer) => {
    writer.uint8(Math.log2(bytes) - 8);
  },
};

/** `uint16 RecordSizeLimit`. More than our maximum is what a later version would allow. */
const SIZE_LIMIT: Content<number> = {
  decode: (reader) => {
    const limit = reader.uint16();
    if (limit < MIN_RECORD_SIZE_LIMIT) throw illegal(`record_size_limit is ${limit}; at least 64 is allowed`);
    return limit;
  },
  encode: (limit, writer) => {
    writer.uint16(limit);
  },
};

/** `ECPointFormat ec_point_format_list<1..2^8-1>` */
const POINT_FORMATS: Content<Uint8Array> = {
  decode: (reader) => {
    const formats = reader.vector8("ec_point_format_list", 1);
    if (!formats.includes(UNCOMPRESSED)) throw illegal("ec_point_format_list lacks uncompressed");
    return formats;
  },
  encode: (formats, writer) => {
    writer.vector8(formats);
  },
};

/** `opaque renegotiated_connection<0..255>`: in a handshake that renegotiates nothing, empty; else handshake_failure (RFC 5746 §3.4, §3.6). */
const EMPTY_RENEGOTIATION: Content<boolean> = {
  decode: (reader) => {
    if (reader.vector8("renegotiated_connection").length > 0) {
      throw new DtlsFormatError("renegotiation_info of a first handshake is not empty", ALERT.HANDSHAKE_FAILURE);
    }
    return true;
  },
  encode: (_, writer) => {
    writer.uint8(0);
  },
};

const ONE_BYTE: Content<number> = {
  decode: (reader) => reader.uint8(),
  encode: (value, writer) => {
    writer.uint8(value);
  },
};

function byteList(field: string, min: number): Content<Uint8Array> {
  return {
    decode: (reader) => reader.vector8(field, min),
    encode: (bytes, writer) => {
      writer.vector8(bytes);
    },
  };
}

function uint16List(field: string): Content<readonly number[]> {
  return {
    decode: (reader) => decodeUint16List(reader.vector16(field, 2), field),
    encode: (values, writer) => {
      writer.vector16(encodeUint16List(values));
    },
  };
}

/** `ProtocolVersion versions<2..254>` */
const VERSIONS: Content<readonly number[]> = {
  decode: (reader) => decodeUint16List(reader.vector8("versions", 2, 254), "versions"),
  encode: (versions, writer) => {
    writer.vector8(encodeUint16List(versions));
  },
};

/** Extensions that both sides send in the same form. */
const COMMON = {
  maxFragmentLength: { type: EXTENSION.MAX_FRAGMENT_LENGTH, ...FRAGMENT_LENGTH },
  ecPointFormats: { type: EXTENSION.EC_POINT_FORMATS, ...POINT_FORMATS },
  encryptThenMac: { type: EXTENSION.ENCRYPT_THEN_MAC, ...PRESENT },
  extendedMasterSecret: { type: EXTENSION.EXTENDED_MASTER_SECRET, ...PRESENT },
  recordSizeLimit: { type: EXTENSION.RECORD_SIZE_LIMIT, ...SIZE_LIMIT },
  connectionId: { type: EXTENSION.CONNECTION_ID, ...byteList("cid", 0) },
  renegotiationInfo: { type: EXTENSION.RENEGOTIATION_INFO, ...EMPTY_RENEGOTIATION },
};

const CLIENT_CODECS: Codecs<ClientExtensions> = {
  ...COMMON,
  serverName: { type: EXTENSION.SERVER_NAME, ...HOST_NAMES },
  supportedGroups: { type: EXTENSION.SUPPORTED_GROUPS, ...uint16List("named_group_list") },
  signatureAlgorithms: { type: EXTENSION.SIGNATURE_ALGORITHMS, ...uint16List("supported_signature_algorithms") },
  clientCertificateTypes: { type: EXTENSION.CLIENT_CERTIFICATE_TYPE, ...byteList("client_certificate_types", 1) },
  serverCertificateTypes: { type: EXTENSION.SERVER_CERTIFICATE_TYPE, ...byteList("server_certificate_types", 1) },
  supportedVersions: { type: EXTENSION.SUPPORTED_VERSIONS, ...VERSIONS },
};

const SERVER_CODECS: Codecs<ServerExtensions> = {
  ...COMMON,
  serverName: { type: EXTENSION.SERVER_NAME, ...PRESENT },
  clientCertificateType: { type: EXTENSION.CLIENT_CERTIFICATE_TYPE, ...ONE_BYTE },
  serverCertificateType: { type: EXTENSION.SERVER_CERTIFICATE_TYPE, ...ONE_BYTE },
};

/** Codecs by their number, with the name of the field. */
type Registry = ReadonlyMap<number, { readonly name: string; readonly codec: Content<unknown> }>;

const CLIENT_REGISTRY: Registry = registry(CLIENT_CODECS);
const SERVER_REGISTRY: Registry = registry(SERVER_CODECS);

/**
 * Decodes the extensions of a ClientHello; those that we do not know are passed over (RFC 5246 §7.4.1.4).
 * ```
 * struct { ExtensionType extension_type; opaque extension_data<0..2^16-1>; } Extension;
 * ```
 * @throws {DtlsFormatError} also for one that comes twice, known or not
 */
export function decodeClientExtensions(block: Uint8Array): ClientExtensions {
  return decodeExtensions(block, CLIENT_REGISTRY);
}

/** The extension block of a ClientHello; empty when there are none. */
export function encodeClientExtensions(extensions: ClientExtensions): Uint8Array {
  return encodeExtensions(extensions, CLIENT_REGISTRY);
}

/**
 * Decodes the extensions of a ServerHello. One that the client did not ask for is an `unsupported_extension` (RFC 5246 §7.4.1.4), but for
 * renegotiation_info, which a cipher suite value asks for too (RFC 5746 §3.4); two limits at once are an `illegal_parameter` (RFC 8449 §5).
 * @throws {DtlsFormatError}
 */
export function decodeServerExtensions(block: Uint8Array, requested: ClientExtensions): ServerExtensions {
  const requestedTypes = new Set(present(requested, CLIENT_REGISTRY).map(({ type }) => type));
  requestedTypes.add(EXTENSION.RENEGOTIATION_INFO);
  const extensions: ServerExtensions = decodeExtensions(block, SERVER_REGISTRY, (type) => {
    if (requestedTypes.has(type)) return;
    throw new DtlsFormatError(`extension ${type} of ServerHello was not asked for`, ALERT.UNSUPPORTED_EXTENSION);
  });
  if (extensions.maxFragmentLength !== undefined && extensions.recordSizeLimit !== undefined) {
    throw illegal("ServerHello has both max_fragment_length and record_size_limit");
  }
  return extensions;
}

/** The extension block of a ServerHello; empty when there are none. */
export function encodeServerExtensions(extensions: ServerExtensions): Uint8Array {
  return encodeExtensions(extensions, SERVER_REGISTRY);
}

/** `check` sees each type before its content is read. */
function decodeExtensions(
  block: Uint8Array,
  registry: Registry,
  check?: (type: number) => void,
): Record<string, never> {
  const reader = new ByteReader(block, "extensions");
  const seen = new Set<number>();
  const extensions: Record<string, unknown> = {};
  while (reader.remaining > 0) {
    const type = reader.uint16();
    const content = new ByteReader(reader.vector16("extension_data"), `extension ${type}`);
    if (seen.has(type)) throw illegal(`extension ${type} comes twice`);
    seen.add(type);
    check?.(type);
    const known = registry.get(type);
    if (known === undefined) continue;
    extensions[known.name] = known.codec.decode(content);
    content.end();
  }
  return extensions as Record<string, never>; // `Codecs` gives each field its type.
}

function encodeExtensions(extensions: object, registry: Registry): Uint8Array {
  const writer = new ByteWriter();
  for (const { type, value, codec } of present(extensions, registry)) {
    const content = new ByteWriter();
    codec.encode(value, content);
    writer.uint16(type).vector16(content.finish());
  }
  return writer.finish();
}

/** Extensions that are there, with what they say. */
function present(
  extensions: object,
  registry: Registry,
): { readonly type: number; readonly value: unknown; readonly codec: Content<unknown> }[] {
  const found = [];
  for (const [type, { name, codec }] of registry) {
    const value = (extensions as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined && value !== false) found.push({ type, value, codec });
  }
  return found;
}

function registry(codecs: Readonly<Record<string, Codec<unknown>>>): Registry {
  return new Map(Object.entries(codecs).map(([name, codec]) => [codec.type, { name, codec }]));
}

function decodeHostName(bytes: Uint8Array): string {
  const name = Buffer.from(bytes).toString("latin1");
  if (bytes.length > MAX_HOST_NAME_BYTES || !HOST_NAME_TEXT.test(name)) {
    throw illegal(`host name of ${bytes.length} bytes has other characters than a DNS name, or is longer than 255`);
  }
  return name.toLowerCase();
}

function illegal(message: string): DtlsFormatError {
  return new DtlsFormatError(message, ALERT.ILLEGAL_PARAMETER);
}
