import { type Block, blockOption } from "./block.ts";
import { type Deadline, NOT_QUEUED } from "./deadline-queue.ts";
import { type CoapOption, encodeOptions, sortOptions, uintOption } from "./option.ts";
import { OPTION } from "./option-registry.ts";
import type { Peer } from "./peer.ts";

/** The bytes that all bodies in transfer may hold together. */
export class BodyBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes room for so many bytes, or none and says false. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** What became of a block: taken, beyond the limit of one body, or beyond the budget of all. */
export type Appended = "appended" | "too-large" | "no-room";

/** A body that grows block by block. It owns its bytes, so that small blocks do not keep whole datagrams alive. */
export class BodyBuffer {
  readonly #budget: BodyBudget;
  readonly #maxBytes: number;
  #bytes = new Uint8Array(0);
  #length = 0;

  constructor(budget: BodyBudget, maxBytes: number) {
    this.#budget = budget;
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  append(block: Uint8Array): Appended {
    const length = this.#length + block.length;
    if (length > this.#maxBytes) return "too-large";
    if (length > this.#bytes.length && !this.#grow(Math.max(length, 2 * this.#bytes.length))) return "no-room";
    this.#bytes.set(block, this.#length);
    this.#length = length;
    return "appended";
  }

  /** The body so far; shares the buffer's bytes. */
  toBytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Gives the room back; what {@link toBytes} returned stays valid. */
  release(): void {
    this.#budget.release(this.#bytes.length);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
  }

  #grow(capacity: number): boolean {
    if (!this.#budget.reserve(capacity - this.#bytes.length)) return false;
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    return true;
  }
}

/** The body of a peer's request, on its way to us in Block1. */
export class ReceivedBody implements Deadline {
  readonly kind = "body";
  readonly direction = "received";
  readonly peer: Peer;
  readonly key: Uint8Array;
  readonly buffer: BodyBuffer;
  dueMs = 0;
  place: number = NOT_QUEUED;

  constructor(peer: Peer, key: Uint8Array, buffer: BodyBuffer) {
    this.peer = peer;
    this.key = key;
    this.buffer = buffer;
  }
}

/** The body of a response of ours, which the peer fetches in Block2. */
export class ServedBody implements Deadline {
  readonly kind = "body";
  readonly direction = "served";
  readonly peer: Peer;
  readonly key: Uint8Array;
  readonly code: number;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
  dueMs = 0;
  place: number = NOT_QUEUED;

  constructor(
    peer: Peer,
    key: Uint8Array,
    response: { readonly code: number; readonly options: readonly CoapOption[]; readonly payload: Uint8Array },
  ) {
    this.peer = peer;
    this.key = key;
    this.code = response.code;
    this.options = response.options;
    this.payload = response.payload;
  }
}

export type Body = ReceivedBody | ServedBody;

/** Options that say how a body travels and not what it is (RFC 7959 §2; RFC 7641 §2; RFC 7967 §2). */
const TRANSFER_OPTIONS: ReadonlySet<number> = new Set([
  OPTION.OBSERVE,
  OPTION.BLOCK1,
  OPTION.BLOCK2,
  OPTION.SIZE1,
  OPTION.SIZE2,
  OPTION.NO_RESPONSE,
]);

/** What the blocks of one request body have in common: method and options, Content-Format and Request-Tag among them. */
export function requestBodyKey(code: number, options: readonly CoapOption[]): Uint8Array {
  return bodyKey(code, options, (number) => !TRANSFER_OPTIONS.has(number));
}

/** What the requests for the blocks of one response body have in common; the later ones need not describe a payload. */
export function responseBodyKey(code: number, options: readonly CoapOption[]): Uint8Array {
  return bodyKey(code, options, (number) => !TRANSFER_OPTIONS.has(number) && number !== OPTION.CONTENT_FORMAT);
}

function bodyKey(code: number, options: readonly CoapOption[], counts: (number: number) => boolean): Uint8Array {
  const encoded = encodeOptions(options.filter(({ number }) => counts(number)));
  const key = new Uint8Array(1 + encoded.length);
  key[0] = code;
  key.set(encoded, 1);
  return key;
}

/** The options of a message whose body is whole: without those of the transfer in this direction. */
export function withoutBlockOptions(options: readonly CoapOption[], block: number, size: number): CoapOption[] {
  return options.filter(({ number }) => number !== block && number !== size);
}

/** A response that fits into one message, and whether more blocks of it are to be had. */
export interface CutResponse {
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
  readonly more: boolean;
}

/**
 * Cuts the block out of a body that `asked` names, in blocks of at most `maxSize`; the first one when nothing is asked
 * (RFC 7959 §2.2). A body that fits is left as it is. `undefined` when the block lies beyond the end.
 */
export function cutResponse(
  options: readonly CoapOption[],
  body: Uint8Array,
  asked: Block | undefined,
  maxSize: number,
): CutResponse | undefined {
  const size = Math.min(asked?.size ?? maxSize, maxSize);
  const offset = asked === undefined ? 0 : asked.num * asked.size;
  if (offset > 0 && offset >= body.length) return undefined;
  if (asked === undefined && body.length <= size) return { options, payload: body, more: false };
  const end = Math.min(offset + size, body.length);
  const more = end < body.length;
  const block = blockOption(OPTION.BLOCK2, { num: offset / size, more, size });
  const total = offset === 0 && more ? [uintOption(OPTION.SIZE2, body.length)] : [];
  return { options: sortOptions([...options, block, ...total]), payload: body.subarray(offset, end), more };
}

/** Whether two byte strings are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
