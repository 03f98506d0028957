import { timingSafeEqual } from "node:crypto";
import type { Address } from "./association-state.ts";
import { ByteReader } from "./byte-reader.ts";
import { cipherSuite } from "./cipher-suite.ts";
import { type Context, drop } from "./context.ts";
import { blamePeer, endHandshake, failHandshake } from "./end-handshake.ts";
import { Handshake } from "./handshake.ts";
import { repeatHello, startHandshake } from "./handshake-server.ts";
import { type ClientHello, decodeClientHello } from "./messages/client-hello.ts";
import {
  encodeHandshake,
  HANDSHAKE_TYPE,
  type HandshakeMessage,
  readHandshakeFragment,
} from "./messages/handshake-header.ts";
import { encodeHelloVerifyRequest } from "./messages/hello-verify-request.ts";
import { type Arrival, Parked } from "./parked.ts";
import { Reassembler } from "./reassembly.ts";
import { CONTENT_TYPE, DTLS_1_0, encodePlaintextRecord, type WireRecord } from "./record.ts";

/** A client counts its hellos from 0, and its records. */
const MAX_HELLO_MESSAGE = 255;
const MAX_HELLO_RECORD = 2 ** 32;

/** A hello is looked at before anything else: it may be the first word of a peer. */
export function isClientHello({ type, fragment }: WireRecord): boolean {
  return type === CONTENT_TYPE.HANDSHAKE && fragment[0] === HANDSHAKE_TYPE.CLIENT_HELLO;
}

/**
 * Takes a ClientHello (RFC 6347 §4.2.1). Until its cookie is right nothing is kept of it, and it gets no more than a HelloVerifyRequest, smaller than
 * itself: neither memory nor bandwidth is to be had from an address that is not one's own. That goes for resumption too.
 */
export function acceptHello(context: Context, arrival: Arrival): void {
  blamePeer(context, undefined, () => {
    const message = readWholeHello(arrival.record);
    if (message === undefined) {
      drop(context, "badFragment");
      return;
    }
    const hello = decodeClientHello(message.body);
    if (!context.cookies.verify(arrival.address, hello)) askForCookie(context, arrival, message, hello);
    else if (!isRepeated(context, arrival, hello)) beginHandshake(context, arrival, message, hello);
  });
}

/** A hello in pieces would have to be put together, from anybody: such a client gets no answer. */
function readWholeHello({ fragment }: WireRecord): HandshakeMessage | undefined {
  const { type, sequence, length, fragment: body } = readHandshakeFragment(new ByteReader(fragment, "ClientHello"));
  return body.length === length ? { type, sequence, body } : undefined;
}

/** 44 bytes, and no hello has less than 67. Version and numbers are those of RFC 6347 §4.2.1, §4.2.2: record and message number of the hello. */
function askForCookie(
  context: Context,
  { record, address, datagram }: Arrival,
  message: HandshakeMessage,
  hello: ClientHello,
): void {
  // Packets cost a network, too, not bytes only: a datagram gets one.
  if (context.verifiedDatagram === datagram) {
    drop(context, "amplification");
    return;
  }
  context.verifiedDatagram = datagram;
  const body = encodeHelloVerifyRequest(context.cookies.make(address, hello));
  const request = encodeHandshake({ type: HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST, sequence: message.sequence, body });
  const bytes = encodePlaintextRecord(CONTENT_TYPE.HANDSHAKE, DTLS_1_0, 0, record.sequence, request);
  context.out.push({ type: "send", address, bytes });
}

/** One with the random of before is the same hello again: the answer is, too. */
function isRepeated(context: Context, { address }: Arrival, hello: ClientHello): boolean {
  const handshake = context.handshakes.get(address);
  if (handshake !== undefined && timingSafeEqual(handshake.offer.hello.random, hello.random)) {
    repeatHello(context, handshake);
    return true;
  }
  const association = context.associations.byAddress(address);
  const last = association === undefined ? undefined : context.lastFlights.get(association);
  if (last === undefined || !timingSafeEqual(last.clientRandom, hello.random)) return false;
  drop(context, "noHandshake");
  return true;
}

/** The cookie is right: somebody is at this address. What limits handshakes may still refuse it, silently, for it comes again. */
function beginHandshake(
  context: Context,
  { record, address }: Arrival,
  message: HandshakeMessage,
  { cipherSuites }: ClientHello,
): void {
  const { limits, handshakes, nowMs } = context;
  // Behind such numbers there would be none for our own records and messages.
  if (message.sequence > MAX_HELLO_MESSAGE || record.sequence > MAX_HELLO_RECORD) {
    drop(context, "malformed");
    return;
  }
  const refusal = refuse(context, address, cipherSuites);
  if (refusal !== undefined) {
    drop(context, refusal);
    return;
  }
  const body = Uint8Array.from(message.body);
  const handshake = new Handshake({
    address,
    hello: decodeClientHello(body),
    helloMessage: { ...message, body },
    record: record.sequence,
    reassembler: new Reassembler({ nextSequence: message.sequence + 1 }),
    parked: new Parked({ maxRecords: limits.maxParkedHandshakeRecords, maxBytes: limits.maxParkedHandshakeBytes }),
    endsAtMs: nowMs + limits.handshakeTimeoutMs,
  });
  const before = handshakes.get(address);
  // The client began anew.
  if (before !== undefined) endHandshake(context, before);
  makeRoom(context, handshake);
  startHandshake(context, handshake);
}

function refuse(
  context: Context,
  address: Address,
  cipherSuites: readonly number[],
): "tooManyComputations" | "tooManyHandshakes" | undefined {
  const { questions, limits, beginnings, nowMs } = context;
  const mayCompute = cipherSuites.some((id) => cipherSuite(id)?.keyExchange === "ecdheEcdsa");
  if (mayCompute && questions.waitingComputations >= limits.maxWaitingComputations) return "tooManyComputations";
  return beginnings.take(address, nowMs) ? undefined : "tooManyHandshakes";
}

/** A network that has too many loses its own; where all have too many, the one that has the most does. Associations are in another table. */
function makeRoom(context: Context, { network }: Handshake): void {
  const { handshakes, limits } = context;
  const ofNetwork = handshakes.ofNetwork(network) >= limits.maxHandshakesPerNetwork;
  const oldest = ofNetwork ? handshakes.oldest(network) : handshakes.oldestOfLargest("handshakes");
  if (oldest === undefined || (!ofNetwork && handshakes.size < limits.maxHandshakes)) return;
  failHandshake(context, oldest, "evicted", "too many handshakes");
}
