import type { KeyObject } from "node:crypto";
import { ALERT } from "./alert.ts";
import type { SessionState } from "./association-state.ts";
import { type CipherSuite, cipherSuite } from "./cipher-suite.ts";
import { DtlsAlertError } from "./errors.ts";
import type { ClientExtensions, ServerExtensions } from "./extensions.ts";
import { CERTIFICATE_TYPE } from "./messages/certificate.ts";
import { type ClientHello, EMPTY_RENEGOTIATION_INFO_SCSV } from "./messages/client-hello.ts";
import { SECP256R1 } from "./messages/server-key-exchange.ts";
import { ECDSA_SHA256 } from "./messages/signature.ts";
import { DTLS_1_2, MAX_PLAINTEXT_BYTES } from "./record.ts";
import type { ServerIdentity } from "./server-io.ts";
import type { CertificateKind, DtlsServerOptions } from "./server-options.ts";

/** What a client asked for. */
export interface Offer {
  readonly hello: ClientHello;
  readonly extensions: ClientExtensions;
}

/** What the server shows of itself in a handshake with certificates. */
export interface ServerCredential {
  readonly kind: CertificateKind;
  readonly privateKey: KeyObject;
  /** The raw public key, or the chain. */
  readonly certificates: readonly Uint8Array[];
  /** It was chosen by the name that the client gave. */
  readonly isByName: boolean;
}

/** A cipher suite, and with what keys are shown. */
export interface Choice {
  readonly suite: CipherSuite;
  /** Undefined for PSK. */
  readonly certificates: { readonly server: ServerCredential; readonly client: CertificateKind } | undefined;
}

type Policy = Pick<
  DtlsServerOptions,
  "suites" | "identity" | "clientCertificates" | "extendedMasterSecret" | "cidLengthBytes"
>;

const CERTIFICATE_TYPES: Readonly<Record<CertificateKind, number>> = {
  rawPublicKey: CERTIFICATE_TYPE.RAW_PUBLIC_KEY,
  x509: CERTIFICATE_TYPE.X509,
};
/** A client that lists none means this one (RFC 7250 §4.1). */
const ONLY_X509: Uint8Array = Uint8Array.of(CERTIFICATE_TYPE.X509);
/** RFC 8422 §5.1.2 */
const UNCOMPRESSED_ONLY: Uint8Array = Uint8Array.of(0);
/** The server's order: the smaller message first. */
const SERVER_KINDS: readonly CertificateKind[] = ["rawPublicKey", "x509"];

/**
 * What no choice could help: another version (RFC 6347 §4.2.1; RFC 8446 §4.2.1 for clients that also speak 1.3), or no extended master secret
 * where it is required (RFC 7627 §5.2).
 * @throws {DtlsAlertError}
 */
export function checkOffer({ hello, extensions }: Offer, { extendedMasterSecret }: Policy): void {
  // Versions of DTLS count down.
  const speaks12 = hello.version >> 8 === DTLS_1_2 >> 8 && hello.version <= DTLS_1_2;
  if (!speaks12 || extensions.supportedVersions?.includes(DTLS_1_2) === false) {
    throw new DtlsAlertError(ALERT.PROTOCOL_VERSION, "noCommonParameters", "client does not speak DTLS 1.2");
  }
  if (extendedMasterSecret === "require" && extensions.extendedMasterSecret !== true) {
    throw new DtlsAlertError(
      ALERT.HANDSHAKE_FAILURE,
      "extendedMasterSecretRequired",
      "client lacks extended_master_secret (RFC 7627), which is required here",
    );
  }
}

/**
 * The first of our suites that the client offered and for which there is all that it takes (RFC 5246 §7.4.1.3 leaves the choice to the server).
 * @throws {DtlsAlertError}
 */
export function choose(offer: Offer, policy: Policy): Choice {
  let isSuiteCommon = false;
  for (const id of policy.suites) {
    const suite = cipherSuite(id);
    if (suite === undefined || !offer.hello.cipherSuites.includes(id)) continue;
    isSuiteCommon = true;
    if (suite.keyExchange === "psk") return { suite, certificates: undefined };
    const certificates = chooseCertificates(offer.extensions, policy);
    if (certificates !== undefined) return { suite, certificates };
  }
  throw isSuiteCommon
    ? new DtlsAlertError(
        ALERT.HANDSHAKE_FAILURE,
        "noCommonParameters",
        "no common curve (secp256r1), signature algorithm (ecdsa_secp256r1_sha256) or certificate type",
      )
    : new DtlsAlertError(ALERT.HANDSHAKE_FAILURE, "noCommonSuite", "no common cipher suite");
}

/** RFC 8422 §4: the curve and the signature must have been offered. RFC 7250 §4.2: the server chooses the kinds of certificates. */
function chooseCertificates(extensions: ClientExtensions, policy: Policy): Choice["certificates"] {
  if (extensions.supportedGroups?.includes(SECP256R1) !== true) return undefined;
  if (extensions.signatureAlgorithms?.includes(ECDSA_SHA256) !== true) return undefined;
  const server = chooseServerCredential(extensions, policy.identity);
  const client = firstListed(policy.clientCertificates, extensions.clientCertificateTypes);
  return server === undefined || client === undefined ? undefined : { server, client };
}

function chooseServerCredential(extensions: ClientExtensions, identity: ServerIdentity): ServerCredential | undefined {
  const credentials = SERVER_KINDS.map((kind) => serverCredential(kind, extensions.serverName, identity));
  const available = credentials.filter((credential) => credential !== undefined);
  const kind = firstListed(
    available.map((credential) => credential.kind),
    extensions.serverCertificateTypes,
  );
  return available.find((credential) => credential.kind === kind);
}

function serverCredential(
  kind: CertificateKind,
  serverName: string | undefined,
  identity: ServerIdentity,
): ServerCredential | undefined {
  if (kind === "rawPublicKey") {
    const { rawPublicKey } = identity;
    if (rawPublicKey === undefined) return undefined;
    const { privateKey, publicKey } = rawPublicKey;
    return { kind, privateKey, certificates: [publicKey], isByName: false };
  }
  const byName = serverName === undefined ? undefined : identity.certificate(serverName);
  const certificate = byName ?? identity.certificate(undefined);
  if (certificate === undefined) return undefined;
  const { privateKey, chain } = certificate;
  return { kind, privateKey, certificates: chain, isByName: byName !== undefined };
}

function firstListed(kinds: readonly CertificateKind[], listed: Uint8Array = ONLY_X509): CertificateKind | undefined {
  return kinds.find((kind) => listed.includes(CERTIFICATE_TYPES[kind]));
}

/**
 * Whether a session may be resumed by this hello: with the suite, extended master secret (RFC 7627 §5.3), encrypt-then-MAC (RFC 7366) and server name
 * (RFC 6066 §3) that it was made with. Whether its credential still holds is for whoever found the session. If not, a full handshake follows.
 */
export function mayResume(session: SessionState, { hello, extensions }: Offer, policy: Policy): boolean {
  const suite = cipherSuite(session.suite);
  return (
    suite !== undefined &&
    policy.suites.includes(session.suite) &&
    hello.cipherSuites.includes(session.suite) &&
    extensions.extendedMasterSecret === true &&
    usesEncryptThenMac(suite, extensions) === session.encryptThenMac &&
    extensions.serverName === session.serverName &&
    Buffer.compare(session.id, hello.sessionId) === 0
  );
}

/** RFC 7366 §2: only with CBC. */
export function usesEncryptThenMac(suite: CipherSuite, extensions: ClientExtensions): boolean {
  return suite.cipher === "cbc" && extensions.encryptThenMac === true;
}

/** Whether a Connection ID is used: we have one to give, and the peer's is not absurdly long (RFC 9146 §3). */
export function usesConnectionId(
  { connectionId }: ClientExtensions,
  { cidLengthBytes }: Policy,
  maxPeerCidBytes: number,
): boolean {
  return connectionId !== undefined && cidLengthBytes > 0 && connectionId.length <= maxPeerCidBytes;
}

/** Largest plaintext that the client takes: record_size_limit, or else max_fragment_length (RFC 8449 §5). With a Connection ID the type is part of it. */
export function maxPlaintextBytes(
  { recordSizeLimit, maxFragmentLength }: ClientExtensions,
  hasPeerCid: boolean,
): number {
  const bytes = Math.min(recordSizeLimit ?? maxFragmentLength ?? MAX_PLAINTEXT_BYTES, MAX_PLAINTEXT_BYTES);
  return hasPeerCid ? bytes - 1 : bytes;
}

/** What a ServerHello says to an offer; `choice` is undefined when a session is resumed, of which only `suite` is known. */
export function answerExtensions(
  { hello, extensions }: Offer,
  { suite, choice, ownCid }: { suite: CipherSuite; choice: Choice | undefined; ownCid: Uint8Array | undefined },
): ServerExtensions {
  const hasSizeLimit = extensions.recordSizeLimit !== undefined;
  const certificates = choice?.certificates;
  const asksForType = (types: Uint8Array | undefined, kind: CertificateKind | undefined): number | undefined =>
    types === undefined || kind === undefined ? undefined : CERTIFICATE_TYPES[kind];
  return {
    // RFC 5746 §3.6: also for the cipher suite value.
    renegotiationInfo:
      extensions.renegotiationInfo === true || hello.cipherSuites.includes(EMPTY_RENEGOTIATION_INFO_SCSV),
    extendedMasterSecret: extensions.extendedMasterSecret,
    encryptThenMac: usesEncryptThenMac(suite, extensions),
    recordSizeLimit: hasSizeLimit ? MAX_PLAINTEXT_BYTES : undefined,
    maxFragmentLength: hasSizeLimit ? undefined : extensions.maxFragmentLength,
    connectionId: ownCid,
    serverName: certificates?.server.isByName,
    serverCertificateType: asksForType(extensions.serverCertificateTypes, certificates?.server.kind),
    clientCertificateType: asksForType(extensions.clientCertificateTypes, certificates?.client),
    ecPointFormats:
      certificates !== undefined && extensions.ecPointFormats !== undefined ? UNCOMPRESSED_ONLY : undefined,
  };
}
