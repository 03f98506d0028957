import type { KeyObject } from "node:crypto";
import { type Deadline, NOT_QUEUED } from "@ferry/coap";
import type { LiveAssociation } from "./association.ts";
import type { Address, Principal } from "./association-state.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import type { Flight } from "./flight.ts";
import type { Choice, Offer } from "./hello.ts";
import type { ClientHello } from "./messages/client-hello.ts";
import type { HandshakeMessage } from "./messages/handshake-header.ts";
import { networkOf } from "./network.ts";
import type { Parked } from "./parked.ts";
import type { Reassembler } from "./reassembly.ts";
import type { QuestionId } from "./server-io.ts";
import type { Transcript } from "./transcript.ts";

/** What a handshake waits for: a message of the client, or the answer to a question. `server` decides what follows on what. */
export type HandshakeState =
  | "waitSession"
  | "waitSignature"
  | "waitCertificate"
  | "waitClientKeyExchange"
  | "waitPsk"
  | "waitSecret"
  | "waitCertificateVerify"
  | "waitVerified"
  | "waitPrincipal"
  | "waitChangeCipherSpec"
  | "waitFinished"
  | "waitStored"
  | "over";

/** What both sides have agreed on with ServerHello. */
export interface Terms {
  readonly suite: CipherSuite;
  readonly certificates: Choice["certificates"];
  readonly encryptThenMac: boolean;
  readonly extendedMasterSecret: boolean;
  readonly ownCid: Uint8Array | undefined;
  readonly peerCid: Uint8Array | undefined;
  readonly maxPlaintextBytes: number;
  readonly serverRandom: Uint8Array;
  /** Empty: it cannot be resumed. */
  readonly sessionId: Uint8Array;
  readonly isResumed: boolean;
}

/** What a client has shown in its Certificate. */
export interface ClientCertificate {
  readonly key: KeyObject;
  /** The raw public key, or the chain. */
  readonly bytes: readonly Uint8Array[];
}

/** Objects, buffers and a hash state, about. */
const FIXED_BYTES = 2_048;

/** A handshake that has shown a right cookie and has not ended. */
export class Handshake implements Deadline {
  readonly address: Address;
  readonly network: string;
  /** Without extensions until the handshake begins. */
  offer: Offer;
  /** The ClientHello with the cookie, for the transcript. */
  readonly helloMessage: HandshakeMessage;
  /** It is dropped then. */
  endsAtMs: number;
  state: HandshakeState = "waitSession";
  question: QuestionId | undefined;

  /** Of our next record of epoch 0, and of our next message. */
  nextRecord: number;
  nextMessage: number;
  flight: Flight | undefined;
  /** How often the flight was sent, and when last. */
  transmissions = 0;
  sentAtMs = 0;
  retransmitAtMs: number | undefined;

  /** Of messages in the clear; in `waitFinished` another one, of epoch 1. */
  reassembler: Reassembler;
  /** Number of the client's next message: those before it were taken. */
  nextClientMessage: number;
  /** Messages that are whole and wait for an answer that must come first. */
  readonly inbox: HandshakeMessage[] = [];
  /** Records of epoch 1 that came early. */
  readonly parked: Parked;
  hasParkedChangeCipherSpec = false;
  /** A record of epoch 1 did not open: a wrong key, or somebody's forgery. */
  hasFailedOpen = false;

  terms: Terms | undefined;
  transcript: Transcript | undefined;
  /** What the transcript and the flight keep, about. */
  messageBytes = 0;
  ephemeralKey: { readonly privateKey: KeyObject; readonly point: Uint8Array } | undefined;
  clientCertificate: ClientCertificate | undefined;
  /** Of the messages up to ClientKeyExchange (RFC 7627 §3). */
  sessionHash: Uint8Array | undefined;
  masterSecret: Uint8Array | undefined;
  principal: Principal | undefined;
  isUnknownIdentity = false;
  /** Known as soon as there are keys; in no table before the handshake ends. */
  association: LiveAssociation | undefined;

  /** What the table has counted for it. */
  countedBytes = 0;
  dueMs = 0;
  place: number = NOT_QUEUED;

  constructor(start: {
    readonly address: Address;
    readonly hello: ClientHello;
    readonly helloMessage: HandshakeMessage;
    readonly record: number;
    readonly reassembler: Reassembler;
    readonly parked: Parked;
    readonly endsAtMs: number;
  }) {
    this.address = start.address;
    this.network = networkOf(start.address);
    this.offer = { hello: start.hello, extensions: {} };
    this.helloMessage = start.helloMessage;
    this.nextRecord = start.record;
    // ServerHello takes the numbers of the hello that it answers (RFC 6347 §4.2.2).
    this.nextMessage = start.helloMessage.sequence;
    this.nextClientMessage = start.helloMessage.sequence + 1;
    this.reassembler = start.reassembler;
    this.parked = start.parked;
    this.endsAtMs = start.endsAtMs;
  }

  get kind(): "handshake" {
    return "handshake";
  }

  get isOver(): boolean {
    return this.state === "over";
  }

  /** Bytes that it keeps, about. */
  get keptBytes(): number {
    const inbox = this.inbox.reduce((sum, { body }) => sum + body.length, 0);
    return FIXED_BYTES + this.messageBytes + this.reassembler.keptBytes + this.parked.bytes + inbox;
  }
}
