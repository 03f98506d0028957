import type { CredentialKind, SuiteName } from "./client.ts";

export type CellName =
  | "PSK CCM_8"
  | "PSK GCM"
  | "PSK CBC"
  | "X.509 both ways, ECDHE_ECDSA CCM_8"
  | "X.509 both ways, ECDHE_ECDSA GCM"
  | "RPK both ways"
  | "CID, and a new address"
  | "CID with CBC"
  | "CID towards us only"
  | "CID offered, none given"
  | "resumption"
  | "certificates in fragments"
  | "20 % loss"
  | "20 % loss, X.509"
  | "a wrong key looks like an unknown identity"
  | "a server that it does not trust"
  | "a certificate of its own that we do not trust"
  | "a raw public key of its own that we do not know";

/** One thing that every client is asked to do. */
export interface Cell {
  /** Names it in tests and in docs/dtls-interop.md. */
  readonly name: CellName;
  readonly suite: SuiteName;
  readonly credential: CredentialKind;
  /** Length of the Connection ID that the client wants; absent: it offers none, though the server would. */
  readonly cidBytes?: number;
  /** The server has no Connection IDs. */
  readonly isCidOff?: boolean;
  readonly resumes?: boolean;
  /** Messages are cut as small as either side can: the server's certificate has more than three such datagrams. */
  readonly isFragmented?: boolean;
  /** Share of datagrams that get lost, in both directions. */
  readonly lossRate?: number;
  /** What goes wrong; absent: texts come back. */
  readonly refused?: "unknown identity" | "untrusted server" | "untrusted client";
}

const PSK = { suite: "TLS_PSK_WITH_AES_128_CCM_8", credential: "PSK" } as const;
const X509 = { suite: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", credential: "X509" } as const;

export const CELLS: readonly Cell[] = [
  { name: "PSK CCM_8", ...PSK },
  { name: "PSK GCM", ...PSK, suite: "TLS_PSK_WITH_AES_128_GCM_SHA256" },
  { name: "PSK CBC", ...PSK, suite: "TLS_PSK_WITH_AES_128_CBC_SHA256" },
  { name: "X.509 both ways, ECDHE_ECDSA CCM_8", ...X509 },
  { name: "X.509 both ways, ECDHE_ECDSA GCM", ...X509, suite: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
  { name: "RPK both ways", ...X509, credential: "RPK" },
  { name: "CID, and a new address", ...PSK, cidBytes: 4 },
  { name: "CID with CBC", ...PSK, suite: "TLS_PSK_WITH_AES_128_CBC_SHA256", cidBytes: 4 },
  { name: "CID towards us only", ...PSK, cidBytes: 0 },
  { name: "CID offered, none given", ...PSK, cidBytes: 4, isCidOff: true },
  { name: "resumption", ...PSK, resumes: true },
  { name: "certificates in fragments", ...X509, isFragmented: true },
  { name: "20 % loss", ...PSK, lossRate: 0.2 },
  { name: "20 % loss, X.509", ...X509, lossRate: 0.2 },
  { name: "a wrong key looks like an unknown identity", ...PSK, refused: "unknown identity" },
  { name: "a server that it does not trust", ...X509, refused: "untrusted server" },
  { name: "a certificate of its own that we do not trust", ...X509, refused: "untrusted client" },
  { name: "a raw public key of its own that we do not know", ...X509, credential: "RPK", refused: "untrusted client" },
];

/** What is known of a client. */
export interface ClientFacts {
  readonly name: string;
  /** What it is made of, and the version that was run. */
  readonly version: string;
  /** Where it comes from. */
  readonly from: string;
  /** It offers extended master secret (RFC 7627). */
  readonly extendedMasterSecret: boolean;
  /** It offers encrypt-then-MAC with CBC (RFC 7366). */
  readonly encryptThenMac: boolean;
  /** What it cannot do, and why. */
  readonly lacks: Readonly<Partial<Record<CellName, string>>>;
}

/** The reason for several cells. */
function without(reason: string, ...cells: readonly CellName[]): Readonly<Partial<Record<CellName, string>>> {
  return Object.fromEntries(cells.map((cell) => [cell, reason]));
}

const CID_CELLS: readonly CellName[] = [
  "CID, and a new address",
  "CID with CBC",
  "CID towards us only",
  "CID offered, none given",
];
const RPK_CELLS: readonly CellName[] = ["RPK both ways", "a raw public key of its own that we do not know"];
const X509_CELLS: readonly CellName[] = [
  "X.509 both ways, ECDHE_ECDSA CCM_8",
  "X.509 both ways, ECDHE_ECDSA GCM",
  "certificates in fragments",
  "20 % loss, X.509",
  "a server that it does not trust",
  "a certificate of its own that we do not trust",
];

const NO_CID = without("no Connection ID", ...CID_CELLS);

type ClientId =
  | "openssl"
  | "gnutls"
  | "libcoapGnutls"
  | "libcoapOpenssl"
  | "scandium"
  | "bouncyCastle"
  | "mbedtls"
  | "nodeDtlsClient"
  | "aiocoap";

/** The clients of every run of `.ci/run`. */
export const CLIENTS: Readonly<Record<ClientId, ClientFacts>> = {
  openssl: {
    name: "OpenSSL s_client",
    version: "OpenSSL 3.0",
    from: "Debian",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: { ...NO_CID, ...without("raw public keys came with OpenSSL 3.2", ...RPK_CELLS) },
  },
  gnutls: {
    name: "gnutls-cli",
    version: "GnuTLS 3.7",
    from: "Debian",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: { ...NO_CID },
  },
  libcoapGnutls: {
    name: "coap-client-gnutls",
    version: "libcoap 4.3 on GnuTLS 3.7",
    from: "Debian",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: {
      ...NO_CID,
      ...without("the program keeps no session", "resumption"),
      "20 % loss, X.509": "libcoap gives up after five timeouts, and GnuTLS needs five datagrams for one flight",
    },
  },
  libcoapOpenssl: {
    name: "coap-client-openssl",
    version: "libcoap 4.3 on OpenSSL 3.0",
    from: "Debian",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: {
      ...NO_CID,
      ...without("the program keeps no session", "resumption"),
      ...without("raw public keys came with OpenSSL 3.2", ...RPK_CELLS),
    },
  },
  scandium: {
    name: "Scandium",
    version: "Californium 4.0.0-M6",
    from: "Maven Central",
    extendedMasterSecret: true,
    encryptThenMac: false,
    lacks: {},
  },
  bouncyCastle: {
    name: "Bouncy Castle",
    version: "1.84",
    from: "Maven Central",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: {},
  },
  mbedtls: {
    name: "Mbed TLS",
    version: "3.6.5",
    from: "source in a Rust crate",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: without("no raw public keys", ...RPK_CELLS),
  },
  nodeDtlsClient: {
    name: "node-dtls-client",
    version: "2.0.3",
    from: "npm",
    extendedMasterSecret: false,
    encryptThenMac: false,
    lacks: {
      ...NO_CID,
      ...without("no certificates", ...RPK_CELLS, ...X509_CELLS),
      ...without("no resumption", "resumption"),
      ...without("it repeats no flight", "20 % loss"),
    },
  },
  aiocoap: {
    name: "aiocoap",
    version: "aiocoap 0.4 on tinydtls (DTLSSocket 0.2.3)",
    from: "PyPI",
    extendedMasterSecret: true,
    encryptThenMac: false,
    lacks: {
      ...NO_CID,
      ...without("tinydtls has CCM_8 only", "PSK GCM", "PSK CBC"),
      ...without("DTLSSocket gives no access to certificates", ...RPK_CELLS, ...X509_CELLS),
      ...without("no resumption", "resumption"),
    },
  },
};

type NightlyClientId = "pion" | "openssl4" | "wolfssl";

/** The clients of `npm run test:nightly`: what they need takes minutes to build. */
export const NIGHTLY_CLIENTS: Readonly<Record<NightlyClientId, ClientFacts>> = {
  pion: {
    name: "pion",
    version: "pion/dtls 3.1.15",
    from: "Go module proxy",
    extendedMasterSecret: true,
    encryptThenMac: false,
    lacks: {
      ...without("no raw public keys", ...RPK_CELLS),
      "CID with CBC": "its MAC covers the payload twice, which no other understands",
    },
  },
  openssl4: {
    name: "OpenSSL 4 s_client",
    version: "OpenSSL 4.0.3",
    from: "source in a Rust crate",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: { ...NO_CID },
  },
  wolfssl: {
    name: "wolfSSL",
    version: "5.9.4",
    from: "source in a Rust crate",
    extendedMasterSecret: true,
    encryptThenMac: true,
    lacks: {},
  },
};
