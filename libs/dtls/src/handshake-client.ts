import assert from "node:assert";
import { createPublicKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { ALERT } from "./alert.ts";
import { type CipherSuite, cipherSuite } from "./cipher-suite.ts";
import type { ClientAssociationState, ClientSession } from "./client-io.ts";
import { type DtlsClientOptions, offeredSuites } from "./client-options.ts";
import { compute } from "./compute.ts";
import { makeEphemeralKey, pointKey } from "./ec-point.ts";
import { DtlsAlertError } from "./errors.ts";
import {
  type ClientExtensions,
  decodeServerExtensions,
  encodeClientExtensions,
  type ServerExtensions,
} from "./extensions.ts";
import { Flight } from "./flight.ts";
import { expandKeys, extendedMasterSecret, masterSecret, pskPremasterSecret, verifyData } from "./key-schedule.ts";
import {
  CERTIFICATE_TYPE,
  decodeCertificate,
  decodeRawPublicKey,
  encodeCertificate,
  encodeRawPublicKey,
} from "./messages/certificate.ts";
import { decodeCertificateRequest, ECDSA_SIGN } from "./messages/certificate-request.ts";
import { encodeCertificateVerify } from "./messages/certificate-verify.ts";
import { encodeClientHello, RANDOM_BYTES } from "./messages/client-hello.ts";
import { encodeEcdheClientKeyExchange, encodePskClientKeyExchange } from "./messages/client-key-exchange.ts";
import { decodeFinished, encodeFinished } from "./messages/finished.ts";
import { HANDSHAKE_TYPE, type HandshakeMessage } from "./messages/handshake-header.ts";
import { decodeHelloVerifyRequest } from "./messages/hello-verify-request.ts";
import { decodeServerHello } from "./messages/server-hello.ts";
import { decodeServerHelloDone } from "./messages/server-hello-done.ts";
import {
  decodeEcdheServerKeyExchange,
  decodePskServerKeyExchange,
  SECP256R1,
  signedParameters,
} from "./messages/server-key-exchange.ts";
import { ECDSA_SHA256 } from "./messages/signature.ts";
import { DTLS_1_2 } from "./record.ts";
import { trustedServerKey } from "./server-trust.ts";
import { Transcript } from "./transcript.ts";

/** How records of epoch 1 are protected, once that is known. */
export interface NegotiatedKeys extends Omit<ClientAssociationState, "suite" | "nextSequence" | "mark"> {
  readonly suite: CipherSuite;
}

/** What follows from a message of the server, in this order. */
export interface ClientHandshakeStep {
  readonly keys?: NegotiatedKeys;
  readonly flight?: Flight;
  readonly finished?: {
    readonly resumed: boolean;
    readonly extendedMasterSecret: boolean;
    readonly session: ClientSession | undefined;
  };
}

/** Which message may come next. */
type State =
  | "serverHello"
  | "pskKeyExchange"
  | "certificate"
  | "ecdheKeyExchange"
  | "certificateRequest"
  | "serverHelloDone"
  | "finished"
  | "done";

type Receive = (handshake: ClientHandshake, message: HandshakeMessage) => ClientHandshakeStep;

const NOTHING: ClientHandshakeStep = {};
const NULL_COMPRESSION = Uint8Array.of(0);
/** Points as a whole (RFC 8422 §5.1.2). */
const UNCOMPRESSED = Uint8Array.of(0);
/** A server whose cookie key is replaced meanwhile asks twice. */
const MAX_HELLO_VERIFY_REQUESTS = 3;

/** What both sides have said of the parameters, once the server has chosen. */
interface Chosen {
  readonly suite: CipherSuite;
  readonly serverRandom: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly extensions: ServerExtensions;
}

/**
 * One handshake as the client sees it (RFC 6347 §4.2.4, figure 1; resumed, figure 2): whole messages in order go in; flights, keys and the end
 * come out. Cryptography is done in place. Made for one handshake.
 *
 * @throws {DtlsAlertError | DtlsFormatError} from `handle`, where the server is at fault
 */
export class ClientHandshake {
  /** What is expected in each state; anything else is an unexpected_message (RFC 5246 §7.4). */
  static readonly #expected: Readonly<Record<State, Readonly<Record<number, Receive>>>> = {
    serverHello: {
      [HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST]: (handshake, message) => handshake.#helloVerifyRequest(message),
      [HANDSHAKE_TYPE.SERVER_HELLO]: (handshake, message) => handshake.#serverHello(message),
    },
    pskKeyExchange: {
      [HANDSHAKE_TYPE.SERVER_KEY_EXCHANGE]: (handshake, message) => handshake.#pskKeyExchange(message),
      [HANDSHAKE_TYPE.SERVER_HELLO_DONE]: (handshake, message) => handshake.#serverHelloDone(message),
    },
    certificate: {
      [HANDSHAKE_TYPE.CERTIFICATE]: (handshake, message) => handshake.#certificate(message),
    },
    ecdheKeyExchange: {
      [HANDSHAKE_TYPE.SERVER_KEY_EXCHANGE]: (handshake, message) => handshake.#ecdheKeyExchange(message),
    },
    certificateRequest: {
      [HANDSHAKE_TYPE.CERTIFICATE_REQUEST]: (handshake, message) => handshake.#certificateRequest(message),
      [HANDSHAKE_TYPE.SERVER_HELLO_DONE]: (handshake, message) => handshake.#serverHelloDone(message),
    },
    serverHelloDone: {
      [HANDSHAKE_TYPE.SERVER_HELLO_DONE]: (handshake, message) => handshake.#serverHelloDone(message),
    },
    finished: {
      [HANDSHAKE_TYPE.FINISHED]: (handshake, message) => handshake.#finished(message),
    },
    done: {},
  };

  readonly #options: DtlsClientOptions;
  readonly #offered: ClientSession | undefined;
  readonly #ownCid: Uint8Array | undefined;
  readonly #suites: readonly number[];
  readonly #random: Uint8Array;
  readonly #extensions: ClientExtensions;
  #transcript: Transcript;
  #state: State = "serverHello";
  #nextSequence = 0;
  #cookie: Uint8Array = new Uint8Array(0);
  #helloVerifyRequests = 0;
  #chosen: Chosen | undefined;
  #serverKey: KeyObject | undefined;
  #serverPoint: Uint8Array | undefined;
  #isCertificateWanted = false;
  #isResumed = false;
  #masterSecret: Uint8Array | undefined;

  /** `session`: to be resumed, if the server still has it. */
  constructor(options: DtlsClientOptions, session: ClientSession | undefined) {
    this.#options = options;
    this.#offered = session;
    this.#suites = offeredSuites(options);
    this.#random = options.random(RANDOM_BYTES);
    const { ownCidLengthBytes } = options;
    this.#ownCid = ownCidLengthBytes === undefined ? undefined : options.random(ownCidLengthBytes);
    this.#extensions = wantedExtensions(options, this.#ownCid);
    this.#transcript = this.#newTranscript();
  }

  /** The first flight: a ClientHello without cookie. Called once. */
  start(): Flight {
    return this.#hello();
  }

  /** Whether the rest of the server's messages comes protected. */
  get isProtected(): boolean {
    return this.#masterSecret !== undefined;
  }

  /** Takes the server's next message. */
  handle(message: HandshakeMessage): ClientHandshakeStep {
    // Nothing follows from a HelloRequest during a handshake, and it is not part of the transcript (RFC 5246 §7.4.1.1).
    if (message.type === HANDSHAKE_TYPE.HELLO_REQUEST) return NOTHING;
    const receive = ClientHandshake.#expected[this.#state][message.type];
    if (receive === undefined) {
      throw new DtlsAlertError(
        ALERT.UNEXPECTED_MESSAGE,
        "unexpectedMessage",
        `handshake message ${message.type} came where the client expects ${this.#state}`,
      );
    }
    return receive(this, message);
  }

  #newTranscript(): Transcript {
    return new Transcript({ keepsBytes: this.#options.credential.type !== "psk" });
  }

  #hello(): Flight {
    const body = encodeClientHello({
      version: DTLS_1_2,
      random: this.#random,
      sessionId: this.#offered?.id ?? new Uint8Array(0),
      cookie: this.#cookie,
      cipherSuites: this.#suites,
      compressionMethods: NULL_COMPRESSION,
      extensions: encodeClientExtensions(this.#extensions),
    });
    return this.#write(new Flight(), HANDSHAKE_TYPE.CLIENT_HELLO, body);
  }

  /** Appends a message of ours to the flight and to the transcript. */
  #write(flight: Flight, type: number, body: Uint8Array, epoch: 0 | 1 = 0): Flight {
    const message = { type, sequence: this.#nextSequence++, body };
    this.#transcript.add(message);
    return flight.add(message, epoch);
  }

  #helloVerifyRequest({ body }: HandshakeMessage): ClientHandshakeStep {
    this.#cookie = decodeHelloVerifyRequest(body);
    if (++this.#helloVerifyRequests > MAX_HELLO_VERIFY_REQUESTS) {
      throw new DtlsAlertError(
        ALERT.UNEXPECTED_MESSAGE,
        "unexpectedMessage",
        `the server asked ${this.#helloVerifyRequests} times for a cookie`,
      );
    }
    // The hash begins with the hello that carries the cookie (RFC 6347 §4.2.1).
    this.#transcript = this.#newTranscript();
    return { flight: this.#hello() };
  }

  #serverHello(message: HandshakeMessage): ClientHandshakeStep {
    const hello = decodeServerHello(message.body);
    const suite = cipherSuite(hello.cipherSuite);
    if (hello.version !== DTLS_1_2) {
      throw new DtlsAlertError(ALERT.PROTOCOL_VERSION, "noCommonParameters", "the server does not speak DTLS 1.2");
    }
    if (suite === undefined || !this.#suites.includes(suite.id)) {
      throw illegal("the server chose a cipher suite that was not offered");
    }
    const extensions = decodeServerExtensions(hello.extensions, this.#extensions);
    this.#chosen = { suite, serverRandom: hello.random, sessionId: hello.sessionId, extensions };
    this.#transcript.add(message);
    if (this.#offered !== undefined && sameBytes(hello.sessionId, this.#offered.id)) return this.#resume(this.#offered);
    this.#state = suite.keyExchange === "psk" ? "pskKeyExchange" : "certificate";
    return NOTHING;
  }

  /** The server's Finished comes next, ours after it (RFC 5246 §7.3, figure 2). */
  #resume(session: ClientSession): ClientHandshakeStep {
    const { suite, extensions } = this.#negotiated();
    if (suite.id !== session.suite) throw illegal("the server resumed the session with another cipher suite");
    // RFC 7627 §5.3
    if ((extensions.extendedMasterSecret ?? false) !== session.extendedMasterSecret) {
      throw new DtlsAlertError(
        ALERT.HANDSHAKE_FAILURE,
        "extendedMasterSecretRequired",
        "the server resumed the session with another way to make the master secret",
      );
    }
    this.#isResumed = true;
    this.#state = "finished";
    return { keys: this.#expand(session.masterSecret) };
  }

  /** A hint which identity to use (RFC 4279 §5.2): ours is configured. */
  #pskKeyExchange(message: HandshakeMessage): ClientHandshakeStep {
    decodePskServerKeyExchange(message.body);
    this.#transcript.add(message);
    this.#state = "serverHelloDone";
    return NOTHING;
  }

  #certificate(message: HandshakeMessage): ClientHandshakeStep {
    const { credential, serverName, wallMs } = this.#options;
    if (credential.type === "psk") throw illegal("the server showed a certificate to a client with a shared key");
    const { serverCertificateType = CERTIFICATE_TYPE.X509 } = this.#negotiated().extensions;
    const shown =
      serverCertificateType === CERTIFICATE_TYPE.RAW_PUBLIC_KEY
        ? { type: "rawPublicKey" as const, publicKey: decodeRawPublicKey(message.body) ?? new Uint8Array(0) }
        : { type: "certificate" as const, chain: decodeCertificate(message.body) };
    this.#serverKey = trustedServerKey(shown, { trust: credential.server, serverName, nowMs: wallMs() });
    this.#transcript.add(message);
    this.#state = "ecdheKeyExchange";
    return NOTHING;
  }

  #ecdheKeyExchange(message: HandshakeMessage): ClientHandshakeStep {
    const { point, signatureAlgorithm, signature } = decodeEcdheServerKeyExchange(message.body);
    if (signatureAlgorithm !== ECDSA_SHA256) throw illegal("the server signed by an algorithm that was not offered");
    const data = signedParameters(this.#random, this.#negotiated().serverRandom, point);
    const answer = compute({ operation: "verify", key: known(this.#serverKey), data, signature });
    if (answer.type !== "verified" || !answer.valid) {
      throw new DtlsAlertError(ALERT.DECRYPT_ERROR, "wrongKey", "the signature of ServerKeyExchange does not verify");
    }
    this.#serverPoint = point;
    this.#transcript.add(message);
    this.#state = "certificateRequest";
    return NOTHING;
  }

  #certificateRequest(message: HandshakeMessage): ClientHandshakeStep {
    const { certificateTypes, signatureAlgorithms } = decodeCertificateRequest(message.body);
    if (!certificateTypes.includes(ECDSA_SIGN) || !signatureAlgorithms.includes(ECDSA_SHA256)) {
      throw new DtlsAlertError(
        ALERT.HANDSHAKE_FAILURE,
        "noCommonParameters",
        "the server wants a certificate of another kind than P-256 with SHA-256",
      );
    }
    this.#isCertificateWanted = true;
    this.#transcript.add(message);
    this.#state = "serverHelloDone";
    return NOTHING;
  }

  #serverHelloDone(message: HandshakeMessage): ClientHandshakeStep {
    decodeServerHelloDone(message.body);
    this.#transcript.add(message);
    const flight = new Flight();
    if (this.#isCertificateWanted) this.#writeCertificate(flight);
    const premaster = this.#writeKeyExchange(flight);
    const { serverRandom, extensions } = this.#negotiated();
    // The hash up to and with ClientKeyExchange (RFC 7627 §3).
    const master = extensions.extendedMasterSecret
      ? extendedMasterSecret(premaster, this.#transcript.hash())
      : masterSecret(premaster, this.#random, serverRandom);
    premaster.fill(0);
    const keys = this.#expand(master);
    if (this.#isCertificateWanted && this.#canShowKey()) this.#writeCertificateVerify(flight);
    flight.addChangeCipherSpec();
    this.#writeFinished(flight);
    this.#state = "finished";
    return { keys, flight };
  }

  /** Empty when the server did not agree to the only kind that we have (RFC 5246 §7.4.6). */
  #writeCertificate(flight: Flight): void {
    const { credential } = this.#options;
    const isShown = this.#canShowKey();
    const body =
      isShown && credential.type === "rawPublicKey"
        ? encodeRawPublicKey(createPublicKey(credential.privateKey).export({ type: "spki", format: "der" }))
        : encodeCertificate(isShown && credential.type === "certificate" ? credential.chain : []);
    this.#write(flight, HANDSHAKE_TYPE.CERTIFICATE, body);
  }

  #canShowKey(): boolean {
    const { clientCertificateType = CERTIFICATE_TYPE.X509 } = this.#negotiated().extensions;
    const { type } = this.#options.credential;
    return clientCertificateType === CERTIFICATE_TYPE.RAW_PUBLIC_KEY ? type === "rawPublicKey" : type === "certificate";
  }

  /** ClientKeyExchange; the premaster secret that goes with it. */
  #writeKeyExchange(flight: Flight): Uint8Array {
    const { credential } = this.#options;
    if (credential.type === "psk") {
      this.#write(flight, HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, encodePskClientKeyExchange(credential.identity));
      return pskPremasterSecret(credential.key.export());
    }
    const publicKey = pointKey(known(this.#serverPoint));
    if (publicKey === undefined) throw illegal("the point of ServerKeyExchange is not on the curve");
    const { privateKey, point } = makeEphemeralKey();
    this.#write(flight, HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, encodeEcdheClientKeyExchange(point));
    return bytesOf(compute({ operation: "deriveSecret", privateKey, publicKey }));
  }

  #writeCertificateVerify(flight: Flight): void {
    const { credential } = this.#options;
    if (credential.type === "psk") return;
    const signature = bytesOf(
      compute({ operation: "sign", key: credential.privateKey, data: this.#transcript.bytes() }),
    );
    const body = encodeCertificateVerify({ signatureAlgorithm: ECDSA_SHA256, signature });
    this.#write(flight, HANDSHAKE_TYPE.CERTIFICATE_VERIFY, body);
  }

  #writeFinished(flight: Flight): void {
    const data = verifyData(known(this.#masterSecret), "client", this.#transcript.hash());
    this.#write(flight, HANDSHAKE_TYPE.FINISHED, encodeFinished(data), 1);
  }

  #finished(message: HandshakeMessage): ClientHandshakeStep {
    const expected = verifyData(known(this.#masterSecret), "server", this.#transcript.hash());
    if (!timingSafeEqual(decodeFinished(message.body), expected)) {
      throw new DtlsAlertError(ALERT.DECRYPT_ERROR, "wrongKey", "the server's Finished does not verify");
    }
    this.#transcript.add(message);
    this.#state = "done";
    const finished = {
      resumed: this.#isResumed,
      extendedMasterSecret: this.#negotiated().extensions.extendedMasterSecret ?? false,
      session: this.#session(),
    };
    if (!this.#isResumed) return { finished };
    const flight = new Flight().addChangeCipherSpec();
    this.#writeFinished(flight);
    return { flight, finished };
  }

  #session(): ClientSession | undefined {
    const { suite, sessionId: id, extensions } = this.#negotiated();
    if (id.length === 0) return undefined;
    return {
      id: Uint8Array.from(id),
      suite: suite.id,
      masterSecret: known(this.#masterSecret),
      extendedMasterSecret: extensions.extendedMasterSecret ?? false,
    };
  }

  #expand(master: Uint8Array): NegotiatedKeys {
    const { suite, serverRandom, extensions } = this.#negotiated();
    this.#masterSecret = master;
    const { connectionId, encryptThenMac, maxFragmentLength, recordSizeLimit } = extensions;
    return {
      suite,
      encryptThenMac: encryptThenMac ?? false,
      ...expandKeys(suite, master, this.#random, serverRandom),
      // Both sides use Connection IDs, or none (RFC 9146 §3).
      ownCid: connectionId === undefined ? undefined : this.#ownCid,
      serverCid: connectionId === undefined ? undefined : Uint8Array.from(connectionId),
      maxPlaintextBytes: maxFragmentLength ?? recordSizeLimit,
    };
  }

  #negotiated(): Chosen {
    return known(this.#chosen);
  }
}

function wantedExtensions(options: DtlsClientOptions, ownCid: Uint8Array | undefined): ClientExtensions {
  const { credential, serverName, maxFragmentLengthBytes, recordSizeLimitBytes } = options;
  return {
    serverName,
    maxFragmentLength: maxFragmentLengthBytes,
    recordSizeLimit: recordSizeLimitBytes,
    connectionId: ownCid,
    extendedMasterSecret: options.extendedMasterSecret ?? true,
    encryptThenMac: options.encryptThenMac ?? true,
    renegotiationInfo: true,
    ...(credential.type === "psk" ? {} : certificateExtensions(credential)),
  };
}

/** X.509 alone goes without saying (RFC 7250 §4.1). */
function certificateExtensions({
  type,
  server,
}: Exclude<DtlsClientOptions["credential"], { readonly type: "psk" }>): ClientExtensions {
  return {
    supportedGroups: [SECP256R1],
    ecPointFormats: UNCOMPRESSED,
    signatureAlgorithms: [ECDSA_SHA256],
    clientCertificateTypes: type === "rawPublicKey" ? Uint8Array.of(CERTIFICATE_TYPE.RAW_PUBLIC_KEY) : undefined,
    serverCertificateTypes:
      server.type === "publicKey" ? Uint8Array.of(CERTIFICATE_TYPE.RAW_PUBLIC_KEY, CERTIFICATE_TYPE.X509) : undefined,
  };
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length > 0 && Buffer.compare(left, right) === 0;
}

function illegal(detail: string): DtlsAlertError {
  return new DtlsAlertError(ALERT.ILLEGAL_PARAMETER, "noCommonParameters", detail);
}

function known<T>(value: T | undefined): T {
  assert(value !== undefined, "the table of states has it set before it is needed");
  return value;
}

/** Our own keys do what they are asked to; a point of the server's was checked before. */
function bytesOf(answer: ReturnType<typeof compute>): Uint8Array {
  assert(answer.type === "bytes" && answer.bytes !== undefined, "the client's private key is one of P-256");
  return answer.bytes;
}
