import { type Block, blockOption, MAX_BLOCK_NUM, readBlock } from "./block.ts";
import { type BodyBudget, BodyBuffer, sameBytes, withoutBlockOptions } from "./blockwise.ts";
import { CODE, codeClass } from "./code.ts";
import type { Outgoing } from "./exchange.ts";
import type { Message } from "./message.ts";
import { type CoapOption, findOption, readUintOption, sortOptions, uintOption } from "./option.ts";
import { OPTION } from "./option-registry.ts";
import type { StackInput } from "./stack-io.ts";
import type { StackLimits } from "./stack-limits.ts";

const NO_BYTES = new Uint8Array(0);

/** What follows from a response: another request, the whole response, nothing since it is outdated, or the end. */
export type TransferStep =
  | { readonly type: "send"; readonly outgoing: Outgoing }
  | { readonly type: "done"; readonly response: Message }
  | { readonly type: "ignore" }
  | { readonly type: "fail"; readonly detail: string };

/** The blocks of one request of ours: its body goes out in Block1, the response's comes in by Block2 (RFC 7959). */
export class RequestTransfer {
  readonly #request: Outgoing;
  readonly #limits: StackLimits;
  readonly #budget: BodyBudget;
  readonly #newToken: () => Uint8Array;
  readonly #continueFrom: (StackInput & { readonly type: "request" })["continueFrom"];
  /** Where the request's body stands: the block at `offset` is under way. */
  #upload: { offset: number; size: number };
  #download: BodyBuffer | undefined;
  #downloadSize: number;
  #etag: Uint8Array | undefined;
  /** The response that began the body. */
  #first: Message | undefined;
  /** Observe option of the first response, which requests for later blocks do not repeat. */
  #observe: CoapOption | undefined;
  #restarts = 0;

  constructor(
    request: Outgoing,
    continueFrom: (StackInput & { readonly type: "request" })["continueFrom"],
    limits: StackLimits,
    budget: BodyBudget,
    newToken: () => Uint8Array,
  ) {
    this.#request = request;
    this.#continueFrom = continueFrom;
    this.#limits = limits;
    this.#budget = budget;
    this.#newToken = newToken;
    this.#upload = { offset: 0, size: limits.blockSize };
    this.#downloadSize = limits.blockSize;
  }

  /** The first message. */
  begin(): TransferStep {
    if (this.#continueFrom !== undefined) return this.#continueDownload(this.#continueFrom);
    if (this.#request.payload.length > (MAX_BLOCK_NUM + 1) * this.#upload.size) {
      return { type: "fail", detail: `payload of ${this.#request.payload.length} bytes` };
    }
    return { type: "send", outgoing: this.#isUploading ? this.#uploadBlock() : this.#request };
  }

  /** @throws {CoapFormatError} a malformed Block option */
  advance(response: Message): TransferStep {
    const block1 = readBlock(response.options, OPTION.BLOCK1);
    const block2 = readBlock(response.options, OPTION.BLOCK2);
    if (this.#download !== undefined) return this.#advanceDownload(this.#download, response, block2);
    return this.#advanceUpload(response, block1) ?? this.#beginDownload(response, block2);
  }

  /** Gives back the room of an unfinished body. */
  release(): void {
    this.#download?.release();
    this.#download = undefined;
  }

  get #isUploading(): boolean {
    return this.#request.payload.length > this.#upload.size;
  }

  #uploadBlock(): Outgoing {
    const { code, token, options, payload } = this.#request;
    const { offset, size } = this.#upload;
    const end = Math.min(offset + size, payload.length);
    const block = blockOption(OPTION.BLOCK1, { num: offset / size, more: end < payload.length, size });
    const total = offset === 0 ? [uintOption(OPTION.SIZE1, payload.length)] : [];
    return {
      code,
      token,
      options: sortOptions([...options, block, ...total]),
      payload: payload.subarray(offset, end),
    };
  }

  /** What follows for the request's body; `undefined` when the response is the one to the whole of it. */
  #advanceUpload(response: Message, block1: Block | undefined): TransferStep | undefined {
    const { offset, size } = this.#upload;
    if (response.code === CODE.REQUEST_ENTITY_TOO_LARGE && block1 !== undefined && block1.size < size) {
      return this.#restartUpload(block1.size); // A hint that smaller blocks are welcome (RFC 7959 §2.9.3).
    }
    if (!this.#isUploading) return undefined;
    if (response.code === CODE.REQUEST_ENTITY_INCOMPLETE) return this.#restartUpload(size);
    if (codeClass(response.code) !== 2) return undefined;

    const end = Math.min(offset + size, this.#request.payload.length);
    const isLast = end === this.#request.payload.length;
    if (isLast && response.code !== CODE.CONTINUE) return undefined;
    if (block1 === undefined) return { type: "fail", detail: "response to a block without Block1" };
    if (block1.num < offset / size) return { type: "ignore" };
    if (block1.num > offset / size)
      return { type: "fail", detail: `block ${block1.num} acknowledged before it was sent` };
    if (isLast) return { type: "fail", detail: "2.31 Continue after the last block" };

    this.#upload = { offset: end, size: Math.min(size, block1.size) };
    return { type: "send", outgoing: this.#uploadBlock() };
  }

  /** Begins the request's body anew; `undefined` when that was tried often enough. */
  #restartUpload(size: number): TransferStep | undefined {
    if (this.#restarts === this.#limits.maxBlockwiseRestarts) return undefined;
    this.#restarts++;
    this.#upload = { offset: 0, size };
    return { type: "send", outgoing: this.#isUploading ? this.#uploadBlock() : this.#request };
  }

  #beginDownload(response: Message, block2: Block | undefined): TransferStep {
    const asked = readBlock(this.#request.options, OPTION.BLOCK2);
    const isWhole = block2 === undefined || (!block2.more && block2.num === (asked?.num ?? 0));
    if (isWhole || codeClass(response.code) !== 2) return { type: "done", response: this.#restoreToken(response) };
    this.#observe = findOption(response.options, OPTION.OBSERVE);
    this.#download = this.#newBuffer();
    return this.#advanceDownload(this.#download, response, block2);
  }

  #continueDownload(from: {
    readonly body: Uint8Array;
    readonly blockSize: number;
    readonly etag?: Uint8Array;
  }): TransferStep {
    this.#download = this.#newBuffer();
    this.#downloadSize = Math.min(from.blockSize, this.#limits.blockSize);
    this.#etag = from.etag;
    if (from.body.length % this.#downloadSize !== 0) {
      return { type: "fail", detail: `${from.body.length} bytes are no whole blocks of ${from.blockSize}` };
    }
    if (this.#download.append(from.body) !== "appended") return { type: "fail", detail: "no room for the body" };
    return { type: "send", outgoing: this.#requestBlock(from.body.length / this.#downloadSize) };
  }

  #advanceDownload(body: BodyBuffer, response: Message, block2: Block | undefined): TransferStep {
    if (codeClass(response.code) !== 2) return { type: "done", response: this.#restoreToken(response) };
    if (block2 === undefined) return { type: "fail", detail: "response to a block without Block2" };
    const offset = block2.num * block2.size;
    const etag = findOption(response.options, OPTION.ETAG)?.value;
    if (body.length > 0 && !sameEtag(etag, this.#etag))
      return this.#restartDownload("the body changed while it was read");
    if (offset < body.length) return { type: "ignore" };
    if (offset > body.length) return this.#restartDownload(`block at byte ${offset} after ${body.length}`);
    if (response.payload.length > block2.size || (block2.more && response.payload.length < block2.size)) {
      return { type: "fail", detail: `block of ${response.payload.length} bytes, not ${block2.size}` };
    }
    const totalBytes = readUintOption(response.options, OPTION.SIZE2) ?? 0;
    const appended = totalBytes > this.#limits.maxBodyBytes ? "too-large" : body.append(response.payload);
    if (appended === "too-large") return { type: "fail", detail: `body over ${this.#limits.maxBodyBytes} bytes` };
    if (appended === "no-room") return { type: "fail", detail: "no room for the body" };

    this.#etag = etag;
    this.#first ??= response;
    this.#downloadSize = Math.min(this.#downloadSize, block2.size);
    if (block2.more) return { type: "send", outgoing: this.#requestBlock(body.length / this.#downloadSize) };
    return { type: "done", response: this.#wholeResponse(this.#first, response, body.toBytes()) };
  }

  #restartDownload(why: string): TransferStep {
    if (this.#restarts === this.#limits.maxBlockwiseRestarts) return { type: "fail", detail: why };
    this.#restarts++;
    this.release();
    this.#download = this.#newBuffer();
    this.#etag = undefined;
    this.#first = undefined;
    return { type: "send", outgoing: this.#requestBlock(0) };
  }

  /** A request for one more block; its own token keeps it apart from notifications under the request's. */
  #requestBlock(num: number): Outgoing {
    const { code, options, payload } = this.#request;
    // A FETCH is named by its payload too; the other methods were carried out already.
    const repeatsPayload = code === CODE.FETCH && payload.length <= this.#limits.blockSize;
    const block = blockOption(OPTION.BLOCK2, { num, more: false, size: this.#downloadSize });
    const kept = options.filter(({ number }) => isRepeated(number, repeatsPayload));
    return {
      code,
      token: this.#newToken(),
      options: sortOptions([...kept, block]),
      payload: repeatsPayload ? payload : NO_BYTES,
    };
  }

  #wholeResponse(first: Message, last: Message, payload: Uint8Array): Message {
    const options = withoutBlockOptions(first.options, OPTION.BLOCK2, OPTION.SIZE2);
    if (this.#observe !== undefined && findOption(options, OPTION.OBSERVE) === undefined) options.push(this.#observe);
    return { ...last, token: this.#request.token, options: sortOptions(options), payload };
  }

  #restoreToken(response: Message): Message {
    return { ...response, token: this.#request.token };
  }

  #newBuffer(): BodyBuffer {
    return new BodyBuffer(this.#budget, this.#limits.maxBodyBytes);
  }
}

function isRepeated(number: number, withPayload: boolean): boolean {
  if (number === OPTION.OBSERVE || number === OPTION.BLOCK2) return false;
  return withPayload || number !== OPTION.CONTENT_FORMAT;
}

function sameEtag(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameBytes(a, b);
}
