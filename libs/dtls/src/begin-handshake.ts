import { cidText, LiveAssociation } from "./association.ts";
import type { Principal, SessionState } from "./association-state.ts";
import { type CipherSuite, cipherSuite } from "./cipher-suite.ts";
import { makeConnectionId } from "./connection-id.ts";
import type { Context } from "./context.ts";
import { makeEphemeralKey } from "./ec-point.ts";
import { decodeClientExtensions, encodeServerExtensions } from "./extensions.ts";
import { Flight } from "./flight.ts";
import type { Handshake, HandshakeState, Terms } from "./handshake.ts";
import {
  addMessage,
  ask,
  expectAnswer,
  hear,
  internalError,
  masterSecretOf,
  sendFlight,
  termsOf,
  transcriptOf,
} from "./handshake-steps.ts";
import {
  answerExtensions,
  type Choice,
  checkOffer,
  choose,
  maxPlaintextBytes,
  mayResume,
  usesConnectionId,
  usesEncryptThenMac,
} from "./hello.ts";
import { eraseKeys } from "./key-ring.ts";
import { expandKeys, verifyData } from "./key-schedule.ts";
import { encodeCertificate, encodeRawPublicKey } from "./messages/certificate.ts";
import { ECDSA_SIGN, encodeCertificateRequest } from "./messages/certificate-request.ts";
import { MAX_SESSION_ID_BYTES, RANDOM_BYTES } from "./messages/client-hello.ts";
import { encodeFinished } from "./messages/finished.ts";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import { encodeServerHello } from "./messages/server-hello.ts";
import { encodeEcdheServerKeyExchange, signedParameters } from "./messages/server-key-exchange.ts";
import { ECDSA_SHA256 } from "./messages/signature.ts";
import { DTLS_1_2 } from "./record.ts";
import { NOTHING_RECEIVED } from "./replay-window.ts";
import { SecretBytes } from "./secret-bytes.ts";
import type { Answer } from "./server-io.ts";
import { Transcript } from "./transcript.ts";
import { WritePermit } from "./write-permit.ts";

/** Sequence numbers that a new association begins with. */
const FIRST_SEQUENCES = 1024;
/** 72 bits, as 12 characters of base64url. */
const ASSOCIATION_ID_BYTES = 9;
const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * The hello had a right cookie. A session is looked for only where it could be resumed (RFC 7627 §5.3). A hello without extended master secret that names
 * a session with it must not resume it: it gets a full handshake, for only a look-up could tell it from others; OpenSSL ends the handshake.
 */
export function begin(context: Context, handshake: Handshake): HandshakeState {
  const { hello } = handshake.offer;
  const extensions = decodeClientExtensions(hello.extensions);
  handshake.offer = { hello, extensions };
  checkOffer(handshake.offer, context.options);
  if (hello.sessionId.length === 0 || extensions.extendedMasterSecret !== true) return beginFull(context, handshake);
  ask(context, handshake, { type: "session", id: hello.sessionId });
  return "waitSession";
}

/** A session that may not be resumed is as good as none (RFC 5246 §7.4.1.2). */
export function takeSession(context: Context, handshake: Handshake, answer: Answer): HandshakeState {
  const found = expectAnswer(answer, "session", "none");
  const isGood = found.type === "session" && mayResume(found.session, handshake.offer, context.options);
  return isGood ? resume(context, handshake, found.session) : beginFull(context, handshake);
}

/**
 * ```
 * ServerHello [Certificate ServerKeyExchange CertificateRequest] ServerHelloDone
 * ```
 * In brackets what a PSK suite does not have; without an identity hint it has no ServerKeyExchange (RFC 4279 §2).
 */
function beginFull(context: Context, handshake: Handshake): HandshakeState {
  const choice = choose(handshake.offer, context.options);
  // RFC 7627 §5.3: what is not to be resumed gets no session id.
  const hasSession = handshake.offer.extensions.extendedMasterSecret === true;
  const sessionId = hasSession ? context.options.random(MAX_SESSION_ID_BYTES) : EMPTY;
  sayHello(context, handshake, { suite: choice.suite, choice, sessionId });
  if (choice.certificates !== undefined) return showCertificate(context, handshake, choice.certificates);
  addMessage(handshake, HANDSHAKE_TYPE.SERVER_HELLO_DONE, EMPTY);
  sendFlight(context, handshake);
  return "waitClientKeyExchange";
}

function showCertificate(
  context: Context,
  handshake: Handshake,
  { server }: NonNullable<Choice["certificates"]>,
): HandshakeState {
  const body =
    server.kind === "x509" ? encodeCertificate(server.certificates) : encodeRawPublicKey(server.certificates[0]);
  addMessage(handshake, HANDSHAKE_TYPE.CERTIFICATE, body);
  handshake.ephemeralKey = makeEphemeralKey();
  const { hello } = handshake.offer;
  const data = signedParameters(hello.random, termsOf(handshake).serverRandom, handshake.ephemeralKey.point);
  ask(context, handshake, { type: "compute", job: { operation: "sign", key: server.privateKey, data } });
  return "waitSignature";
}

/** The rest of the flight. Who shows no certificate in return is refused (RFC 5246 §7.4.6). */
export function takeSignature(context: Context, handshake: Handshake, answer: Answer): HandshakeState {
  const { bytes: signature } = expectAnswer(answer, "bytes");
  if (signature === undefined) throw internalError("the server's private key does not sign");
  const point = handshake.ephemeralKey?.point ?? EMPTY;
  const exchange = { point, signatureAlgorithm: ECDSA_SHA256, signature };
  addMessage(handshake, HANDSHAKE_TYPE.SERVER_KEY_EXCHANGE, encodeEcdheServerKeyExchange(exchange));
  const request = {
    certificateTypes: Uint8Array.of(ECDSA_SIGN),
    signatureAlgorithms: [ECDSA_SHA256],
    authorities: [],
  };
  addMessage(handshake, HANDSHAKE_TYPE.CERTIFICATE_REQUEST, encodeCertificateRequest(request));
  addMessage(handshake, HANDSHAKE_TYPE.SERVER_HELLO_DONE, EMPTY);
  sendFlight(context, handshake);
  return "waitCertificate";
}

/**
 * ```
 * ServerHello ChangeCipherSpec Finished
 * ```
 */
function resume(context: Context, handshake: Handshake, session: SessionState): HandshakeState {
  const suite = cipherSuite(session.suite) as CipherSuite; // `mayResume` has looked.
  handshake.principal = session.principal;
  handshake.masterSecret = SecretBytes.copyOf(session.masterSecret);
  sayHello(context, handshake, { suite, choice: undefined, sessionId: session.id });
  makeAssociation(context, handshake, session.principal);
  handshake.flight?.addChangeCipherSpec();
  const expected = verifyData(masterSecretOf(handshake), "server", transcriptOf(handshake).hash());
  addMessage(handshake, HANDSHAKE_TYPE.FINISHED, encodeFinished(expected), 1);
  sendFlight(context, handshake);
  return "waitChangeCipherSpec";
}

/** Settles the terms, and begins transcript and flight with the hellos. */
function sayHello(
  context: Context,
  handshake: Handshake,
  { suite, choice, sessionId }: { suite: CipherSuite; choice: Choice | undefined; sessionId: Uint8Array },
): void {
  const { offer } = handshake;
  const terms = settle(context, handshake, { suite, choice, sessionId });
  const { serverRandom, ownCid } = terms;
  handshake.terms = terms;
  handshake.transcript = new Transcript({ keepsBytes: choice?.certificates !== undefined });
  handshake.flight = new Flight();
  hear(handshake, handshake.helloMessage);
  const extensions = encodeServerExtensions(answerExtensions(offer, { suite, choice, ownCid }));
  const hello = { version: DTLS_1_2, random: serverRandom, sessionId, cipherSuite: suite.id, extensions };
  addMessage(handshake, HANDSHAKE_TYPE.SERVER_HELLO, encodeServerHello(hello));
}

function settle(
  context: Context,
  { offer }: Handshake,
  { suite, choice, sessionId }: { suite: CipherSuite; choice: Choice | undefined; sessionId: Uint8Array },
): Terms {
  const { options, limits } = context;
  const { extensions } = offer;
  const hasCid = usesConnectionId(extensions, options, limits.maxPeerCidBytes);
  const peerCid = hasCid ? extensions.connectionId : undefined;
  return {
    suite,
    certificates: choice?.certificates,
    encryptThenMac: usesEncryptThenMac(suite, extensions),
    extendedMasterSecret: extensions.extendedMasterSecret === true,
    ownCid: hasCid ? newConnectionId(context) : undefined,
    peerCid,
    maxPlaintextBytes: maxPlaintextBytes(extensions, peerCid !== undefined && peerCid.length > 0),
    serverRandom: options.random(RANDOM_BYTES),
    sessionId,
    isResumed: choice === undefined,
  };
}

/** One that no association here has. */
function newConnectionId({ options, associations }: Context): Uint8Array {
  for (;;) {
    const { slot, cidLengthBytes, random } = options;
    const cid = makeConnectionId({ slot, lengthBytes: cidLengthBytes, random });
    if (associations.byCid(cidText(cid)) === undefined) return cid;
  }
}

/** Makes the keys, and the association that has them; `principal` is empty for an unknown identity, whose handshake cannot end well. */
export function makeAssociation(context: Context, handshake: Handshake, principal: Principal): void {
  const { options, keys } = context;
  const { suite, serverRandom, ...terms } = termsOf(handshake);
  const made = expandKeys(suite, masterSecretOf(handshake), handshake.offer.hello.random, serverRandom);
  const state = {
    ...terms,
    id: Buffer.from(options.random(ASSOCIATION_ID_BYTES)).toString("base64url"),
    suite: suite.id,
    principal,
    address: handshake.address,
    createdAtMs: options.wallMs(),
    mark: NOTHING_RECEIVED,
  };
  const association = new LiveAssociation(state, keys.put(suite.id, made));
  const stamp = Math.floor(state.createdAtMs / 1000);
  association.permit = new WritePermit({ stamp, slot: options.slot, from: 0, ceiling: FIRST_SEQUENCES }, options.nonce);
  eraseKeys(made);
  handshake.association = association;
}
