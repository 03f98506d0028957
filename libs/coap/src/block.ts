import { CoapFormatError } from "./errors.ts";
import { type CoapOption, decodeUint, findOption, uintOption } from "./option.ts";

/**
 * The value of a Block1 or Block2 option (RFC 7959 §2.2).
 *
 * ```
 *  0 1 2 3 4 5 6 7   (8, 16 or 24 bits; the last byte drawn)
 * +-+-+-+-+-+-+-+-+
 * |  NUM  |M| SZX |   size = 2 ** (SZX + 4)
 * +-+-+-+-+-+-+-+-+
 * ```
 */
export interface Block {
  /** Which block, counted from 0 in units of `size`. */
  readonly num: number;
  /** More blocks follow. */
  readonly more: boolean;
  /** Bytes per block: a power of two from 16 to 1024. */
  readonly size: number;
}

/** NUM has 20 bits. */
export const MAX_BLOCK_NUM: number = 2 ** 20 - 1;

/** The Block option with this number. @throws {CoapFormatError} the reserved SZX 7, or more than three bytes */
export function readBlock(options: readonly CoapOption[], number: number): Block | undefined {
  const option = findOption(options, number);
  return option === undefined ? undefined : decodeBlock(option.value);
}

/** Decodes the value of a Block option. @throws {CoapFormatError} the reserved SZX 7, or more than three bytes */
export function decodeBlock(bytes: Uint8Array): Block {
  const value = bytes.length > 3 ? undefined : decodeUint(bytes);
  if (value === undefined) throw new CoapFormatError(`block option of ${bytes.length} bytes`);
  const szx = value & 0x07;
  if (szx === 7) throw new CoapFormatError("reserved block size exponent 7");
  return { num: value >> 4, more: (value & 0x08) !== 0, size: 16 << szx };
}

/** The option that says `block`; `number` is Block1 or Block2. */
export function blockOption(number: number, block: Block): CoapOption {
  const szx = 27 - Math.clz32(block.size); // 16 is 0, 1024 is 6
  return uintOption(number, (block.num << 4) | (block.more ? 0x08 : 0) | szx);
}
