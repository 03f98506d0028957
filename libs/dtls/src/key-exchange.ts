import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { ALERT } from "./alert.ts";
import { makeAssociation } from "./begin-handshake.ts";
import type { Context } from "./context.ts";
import { isP256, pointKey } from "./ec-point.ts";
import { DtlsAlertError } from "./errors.ts";
import type { ClientCertificate, Handshake, HandshakeState } from "./handshake.ts";
import { ask, expectAnswer, hear, termsOf, transcriptOf } from "./handshake-steps.ts";
import { extendedMasterSecret, masterSecret, pskPremasterSecret } from "./key-schedule.ts";
import { decodeCertificate, decodeRawPublicKey } from "./messages/certificate.ts";
import { decodeCertificateVerify } from "./messages/certificate-verify.ts";
import { decodeEcdheClientKeyExchange, decodePskClientKeyExchange } from "./messages/client-key-exchange.ts";
import type { HandshakeMessage } from "./messages/handshake-header.ts";
import { ECDSA_SHA256 } from "./messages/signature.ts";
import type { Answer } from "./server-io.ts";

/** What an unknown identity gets in place of a key: as long as the usual one, so that nothing else differs. */
const RANDOM_KEY_BYTES = 16;

/** The client's Certificate. An empty one is refused: nobody is served without a name (RFC 5246 §7.4.6). */
export function takeCertificate(_: Context, handshake: Handshake, message: HandshakeMessage): HandshakeState {
  hear(handshake, message);
  const kind = termsOf(handshake).certificates?.client;
  handshake.clientCertificate =
    kind === "x509" ? readChain(decodeCertificate(message.body)) : readRawPublicKey(decodeRawPublicKey(message.body));
  return "waitClientKeyExchange";
}

/** RFC 4279 §2, RFC 8422 §5.7. The session hash ends here (RFC 7627 §3). */
export function takeClientKeyExchange(
  context: Context,
  handshake: Handshake,
  message: HandshakeMessage,
): HandshakeState {
  hear(handshake, message);
  handshake.sessionHash = transcriptOf(handshake).hash();
  if (termsOf(handshake).suite.keyExchange === "psk") {
    const identity = decodePskClientKeyExchange(message.body);
    ask(context, handshake, { type: "psk", identity, address: handshake.address });
    return "waitPsk";
  }
  const publicKey = pointKey(decodeEcdheClientKeyExchange(message.body));
  const privateKey = handshake.ephemeralKey?.privateKey;
  if (publicKey === undefined || privateKey === undefined) {
    throw new DtlsAlertError(ALERT.ILLEGAL_PARAMETER, "malformed", "ecdh_Yc of ClientKeyExchange is not on P-256");
  }
  ask(context, handshake, { type: "compute", job: { operation: "deriveSecret", privateKey, publicKey } });
  return "waitSecret";
}

/** An unknown identity gets a random key, and so the same flights and the same silence as a wrong key. */
export function takePsk(context: Context, handshake: Handshake, answer: Answer): HandshakeState {
  const known = expectAnswer(answer, "psk", "none");
  handshake.isUnknownIdentity = known.type === "none";
  handshake.principal = known.type === "psk" ? known.principal : undefined;
  const premaster = pskPremasterSecret(known.type === "psk" ? known.key : context.options.random(RANDOM_KEY_BYTES));
  makeMasterSecret(handshake, premaster);
  makeAssociation(context, handshake, handshake.principal ?? "");
  return "waitChangeCipherSpec";
}

/** The ephemeral key was for this one secret. */
export function takeSecret(_: Context, handshake: Handshake, answer: Answer): HandshakeState {
  const { bytes } = expectAnswer(answer, "bytes");
  handshake.ephemeralKey = undefined;
  if (bytes === undefined) {
    throw new DtlsAlertError(ALERT.ILLEGAL_PARAMETER, "malformed", "no secret can be agreed on with ecdh_Yc");
  }
  makeMasterSecret(handshake, bytes);
  return "waitCertificateVerify";
}

/** Signs all messages before it (RFC 5246 §7.4.8), in the one way that was asked for. */
export function takeCertificateVerify(
  context: Context,
  handshake: Handshake,
  message: HandshakeMessage,
): HandshakeState {
  const { signatureAlgorithm, signature } = decodeCertificateVerify(message.body);
  if (signatureAlgorithm !== ECDSA_SHA256) {
    throw new DtlsAlertError(
      ALERT.ILLEGAL_PARAMETER,
      "malformed",
      `CertificateVerify is signed by algorithm ${signatureAlgorithm}, which was not offered`,
    );
  }
  const transcript = transcriptOf(handshake);
  const data = transcript.bytes();
  hear(handshake, message);
  transcript.forgetBytes();
  const { key } = certificateOf(handshake);
  ask(context, handshake, { type: "compute", job: { operation: "verify", key, data, signature } });
  return "waitVerified";
}

/** Who it is, is asked only of a client that has its key. */
export function takeVerified(context: Context, handshake: Handshake, answer: Answer): HandshakeState {
  if (!expectAnswer(answer, "verified").valid) {
    throw new DtlsAlertError(ALERT.DECRYPT_ERROR, "wrongKey", "CertificateVerify does not verify");
  }
  const { address } = handshake;
  const { bytes } = certificateOf(handshake);
  const [publicKey] = bytes;
  const isRaw = termsOf(handshake).certificates?.client === "rawPublicKey";
  ask(
    context,
    handshake,
    isRaw && publicKey !== undefined
      ? { type: "rawPublicKey", publicKey, address }
      : { type: "certificate", chain: bytes, address },
  );
  return "waitPrincipal";
}

export function takePrincipal(context: Context, handshake: Handshake, answer: Answer): HandshakeState {
  const known = expectAnswer(answer, "principal", "refused", "none");
  if (known.type === "none") throw new DtlsAlertError(ALERT.ACCESS_DENIED, "unauthorized", "nobody knows the key");
  handshake.principal = known.principal;
  if (known.type === "refused") throw new DtlsAlertError(known.alert, "unauthorized", known.reason);
  makeAssociation(context, handshake, known.principal);
  return "waitChangeCipherSpec";
}

function makeMasterSecret(handshake: Handshake, premaster: Uint8Array): void {
  const { serverRandom, extendedMasterSecret: isExtended } = termsOf(handshake);
  const { sessionHash } = handshake;
  handshake.masterSecret =
    isExtended && sessionHash !== undefined
      ? extendedMasterSecret(premaster, sessionHash)
      : masterSecret(premaster, handshake.offer.hello.random, serverRandom);
  premaster.fill(0);
}

function certificateOf({ clientCertificate }: Handshake): ClientCertificate {
  if (clientCertificate === undefined) throw required();
  return clientCertificate;
}

function readChain(chain: readonly Uint8Array[]): ClientCertificate {
  const [own] = chain;
  if (own === undefined) throw required();
  const key = parseKey("certificate", own, () => {
    const { publicKey, raw } = new X509Certificate(own);
    return { key: publicKey, der: raw };
  });
  return { key, bytes: chain };
}

function readRawPublicKey(publicKey: Uint8Array | undefined): ClientCertificate {
  if (publicKey === undefined) throw required();
  const key = parseKey("raw public key", publicKey, () => {
    const parsed = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
    return { key: parsed, der: parsed.export({ format: "der", type: "spki" }) };
  });
  return { key, bytes: [publicKey] };
}

/** `der` is what was understood: OpenSSL also reads PEM, with text before it, and passes over what is behind DER. */
function parseKey(subject: string, bytes: Uint8Array, parse: () => { key: KeyObject; der: Uint8Array }): KeyObject {
  let parsed: { key: KeyObject; der: Uint8Array };
  try {
    parsed = parse();
  } catch {
    // OpenSSL's errors have no common class; what it does not like about a peer's DER is the peer's fault.
    throw new DtlsAlertError(ALERT.BAD_CERTIFICATE, "malformed", `the client's ${subject} does not parse`);
  }
  const { key, der } = parsed;
  if (Buffer.compare(der, bytes) !== 0) {
    throw new DtlsAlertError(ALERT.BAD_CERTIFICATE, "malformed", `the client's ${subject} is not DER and nothing else`);
  }
  if (isP256(key)) return key;
  throw new DtlsAlertError(
    ALERT.UNSUPPORTED_CERTIFICATE,
    "noCommonParameters",
    `the client's ${subject} is not for P-256`,
  );
}

function required(): DtlsAlertError {
  return new DtlsAlertError(ALERT.HANDSHAKE_FAILURE, "clientCertificateRequired", "client shows no certificate");
}
