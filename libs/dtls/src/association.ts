import type { Deadline } from "@ferry/coap";
import { NOT_QUEUED } from "@ferry/coap";
import type { Address, AssociationId, AssociationState, Principal, ReceiveMark } from "./association-state.ts";
import type { Linked } from "./recency.ts";
import { ReplayWindow } from "./replay-window.ts";
import type { Association } from "./server-io.ts";
import type { WritePermit } from "./write-permit.ts";

/** An address that so far one datagram only has named (RFC 9146 §6): what is sent to it is bounded by what came from it. */
export interface Probation {
  /** The datagram that named it; a newer record of another one confirms it. */
  readonly datagram: number;
  /** It came after a take-over from a dead node, whose mark may be old: the record could be a captured one. */
  readonly isProvisional: boolean;
  receivedBytes: number;
  sentBytes: number;
}

/** Records that wait for leave to write. */
export interface WaitingSends {
  readonly records: { readonly type: number; readonly content: Uint8Array }[];
  bytes: number;
}

/**
 * An association in memory. There may be hundreds of thousands, nearly all of them idle: keys are packed elsewhere (`KeyRing`), and what only a busy or
 * moving one needs is undefined otherwise.
 */
export class LiveAssociation implements Association, Deadline, Linked<LiveAssociation> {
  readonly id: AssociationId;
  readonly principal: Principal;
  readonly suite: number;
  readonly encryptThenMac: boolean;
  readonly extendedMasterSecret: boolean;
  readonly maxPlaintextBytes: number;
  /** As latin1: a key of the table of Connection IDs. */
  readonly ownCid: string | undefined;
  /** As latin1; undefined when none was negotiated. */
  readonly peerCid: string | undefined;
  /** Where the `KeyRing` has its keys. */
  readonly keySlot: number;
  createdAtMs: number;
  address: Address;
  window: ReplayWindow;
  /** Undefined until it may be written. */
  permit: WritePermit | undefined;
  /** What was asked for so that it can be written. */
  asked: "claim" | "reserve" | undefined;
  waiting: WaitingSends | undefined;
  probation: Probation | undefined;
  /** Changes of the address in the minute that ends then. */
  moves: { count: number; untilMs: number } | undefined;
  heardAtMs = 0;
  /** Newer records since the last mark. */
  unmarked = 0;
  /** Records that named it and did not open: CCM_8 has a tag of 64 bits, and somebody may be trying (RFC 9147 §4.5.3). Never a reason to end it. */
  failedOpens = 0;
  /** When a renegotiation was declined last. */
  declinedAtMs: number = Number.NEGATIVE_INFINITY;
  isClosed = false;
  /** When a mark is due. */
  dueMs = 0;
  place: number = NOT_QUEUED;
  older: LiveAssociation | undefined;
  newer: LiveAssociation | undefined;

  constructor(state: Omit<AssociationState, "server" | "client">, keySlot: number) {
    this.id = state.id;
    this.principal = state.principal;
    this.suite = state.suite;
    this.encryptThenMac = state.encryptThenMac;
    this.extendedMasterSecret = state.extendedMasterSecret;
    this.maxPlaintextBytes = state.maxPlaintextBytes;
    this.ownCid = state.ownCid === undefined ? undefined : cidText(state.ownCid);
    this.peerCid = state.peerCid === undefined ? undefined : cidText(state.peerCid);
    this.keySlot = keySlot;
    this.createdAtMs = state.createdAtMs;
    this.address = state.address;
    this.window = ReplayWindow.from(state.mark);
  }

  get kind(): "association" {
    return "association";
  }

  get provisional(): boolean {
    return this.probation?.isProvisional ?? false;
  }

  get hasCid(): boolean {
    return this.ownCid !== undefined;
  }

  get mark(): ReceiveMark {
    return this.window.mark;
  }
}

/** A Connection ID as a key of a map. */
export function cidText(cid: Uint8Array): string {
  return Buffer.from(cid.buffer, cid.byteOffset, cid.length).toString("latin1");
}

/** The bytes of {@link cidText}. */
export function cidBytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
