import { ByteReader } from "./byte-reader.ts";
import { type HandshakeFragment, type HandshakeMessage, readHandshakeFragment } from "./messages/handshake-header.ts";

/** Bounds of what a peer's handshake messages may take while they are put together. */
export interface ReassemblyLimits {
  /** Largest message, bytes; certificates are the large ones. At most {@link MAX_MESSAGE_BYTES}. */
  readonly maxMessageBytes: number;
  /** Messages beyond the next one of which parts are kept. */
  readonly maxAhead: number;
  /** All that is kept, bytes; at least `maxMessageBytes`, which the next message can always have. */
  readonly maxBytes: number;
}

/** Ceiling of `maxMessageBytes`. */
export const MAX_MESSAGE_BYTES = 16_384;
export const DEFAULT_REASSEMBLY_LIMITS: ReassemblyLimits = {
  maxMessageBytes: 8_192,
  maxAhead: 8,
  maxBytes: 16_384,
};

/** What is known of a message that has not been given out. */
interface PartialMessage {
  readonly type: number;
  readonly body: Uint8Array;
  /** One bit for each byte of `body` that came. */
  readonly present: Uint8Array;
  missingBytes: number;
}

/**
 * Puts handshake messages together from fragments that come in any order, twice and overlapping (RFC 6347 §4.2.3), and gives them out once
 * and in order. The first fragment of a message fixes its type and length; of overlapping fragments the first bytes stay. But a message that comes whole
 * when it is next is given out whatever came of it before: a forged piece must not keep it out. The work for a fragment is proportional to its own bytes.
 */
export class Reassembler {
  readonly #limits: ReassemblyLimits;
  readonly #partials = new Map<number, PartialMessage>();
  /** Bytes of the bodies of messages beyond the next one. */
  #aheadBytes = 0;
  #nextSequence: number;
  #repeated = 0;
  #ignored = 0;

  constructor(options: { readonly nextSequence: number } & Readonly<Partial<ReassemblyLimits>>) {
    this.#nextSequence = options.nextSequence;
    this.#limits = { ...DEFAULT_REASSEMBLY_LIMITS, ...options };
  }

  /** `message_seq` of the message that is given out next. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Fragments so far of messages that had been given out: the peer sends its flight again. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Fragments so far that a limit, or another length or type for the same message, kept out. */
  get ignored(): number {
    return this.#ignored;
  }

  /** Bytes kept. */
  get keptBytes(): number {
    return this.#aheadBytes + (this.#partials.get(this.#nextSequence)?.body.length ?? 0);
  }

  /**
   * Takes the content of a handshake record, one or more messages or fragments; gives out those messages that are whole and next in order.
   * Their bodies may share the bytes of `content`.
   * @throws {DtlsFormatError} it does not consist of fragments; then nothing of it was taken
   */
  add(content: Uint8Array): HandshakeMessage[] {
    const reader = new ByteReader(content, "handshake record");
    const fragments: HandshakeFragment[] = [];
    while (reader.remaining > 0) fragments.push(readHandshakeFragment(reader));
    return fragments.flatMap((fragment) => this.#take(fragment));
  }

  #take(fragment: HandshakeFragment): HandshakeMessage[] {
    const { type, sequence, length } = fragment;
    if (sequence < this.#nextSequence) {
      this.#repeated++;
      return [];
    }
    if (sequence === this.#nextSequence && isWhole(fragment) && this.#mayHave(fragment)) {
      this.#partials.delete(sequence);
      this.#advance();
      return [{ type, sequence, body: fragment.fragment }, ...this.#giveOut()];
    }
    const partial = this.#partials.get(sequence) ?? this.#begin(fragment);
    if (partial === undefined || partial.type !== type || partial.body.length !== length) {
      this.#ignored++;
      return [];
    }
    fill(partial, fragment);
    return this.#giveOut();
  }

  #begin(fragment: HandshakeFragment): PartialMessage | undefined {
    if (!this.#mayHave(fragment)) return undefined;
    const { type, length, sequence } = fragment;
    const partial = {
      type,
      body: new Uint8Array(length),
      present: new Uint8Array((length + 7) >> 3),
      missingBytes: length,
    };
    this.#partials.set(sequence, partial);
    if (sequence > this.#nextSequence) this.#aheadBytes += length;
    return partial;
  }

  #mayHave({ sequence, length }: HandshakeFragment): boolean {
    const { maxMessageBytes, maxAhead, maxBytes } = this.#limits;
    if (length > Math.min(maxMessageBytes, MAX_MESSAGE_BYTES)) return false;
    if (sequence === this.#nextSequence) return true;
    return sequence <= this.#nextSequence + maxAhead && this.#aheadBytes + length <= maxBytes - maxMessageBytes;
  }

  #giveOut(): HandshakeMessage[] {
    const messages: HandshakeMessage[] = [];
    for (;;) {
      const sequence = this.#nextSequence;
      const partial = this.#partials.get(sequence);
      if (partial === undefined || partial.missingBytes > 0) return messages;
      this.#partials.delete(sequence);
      this.#advance();
      messages.push({ type: partial.type, sequence, body: partial.body });
    }
  }

  /** The next message is no longer one of those ahead. */
  #advance(): void {
    this.#nextSequence++;
    this.#aheadBytes -= this.#partials.get(this.#nextSequence)?.body.length ?? 0;
  }
}

function isWhole({ length, fragment }: HandshakeFragment): boolean {
  return fragment.length === length;
}

function fill(partial: PartialMessage, { offset, fragment }: HandshakeFragment): void {
  const { body, present } = partial;
  for (let index = 0; index < fragment.length; index++) {
    const place = offset + index;
    const bit = 1 << (place & 7);
    const bits = present[place >> 3] ?? 0;
    if ((bits & bit) !== 0) continue;
    present[place >> 3] = bits | bit;
    body[place] = fragment[index] ?? 0;
    partial.missingBytes--;
  }
}
