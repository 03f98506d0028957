import type { SeededRandom } from "@ferry/testing";
import { pick } from "./mutate.ts";

/** A value of DER: of a constructed one its members. */
export interface DerTree {
  tag: number;
  members?: DerTree[];
  content: Uint8Array;
}

const CONSTRUCTED = 0x20;
const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x17, 0x18, 0x1e, 0x30, 0x31, 0x80, 0xa0, 0xa3];

/** Reads what is known to be DER. */
export function parseDer(bytes: Uint8Array): DerTree[] {
  const values: DerTree[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag = 0, first = 0] = bytes.subarray(at);
    const count = first < 0x80 ? 0 : first & 0x7f;
    const size =
      count === 0 ? first : bytes.subarray(at + 2, at + 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
    const content = bytes.subarray(at + 2 + count, at + 2 + count + size);
    values.push((tag & CONSTRUCTED) === 0 ? { tag, content } : { tag, content, members: parseDer(content) });
    at += 2 + count + size;
  }
  return values;
}

export function encodeDer({ tag, members, content }: DerTree): Buffer {
  const bytes = members === undefined ? content : Buffer.concat(members.map(encodeDer));
  const length = bytes.length < 0x80 ? [bytes.length] : [0x82, bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...length), bytes]);
}

/** Changes one value so that all lengths still agree: emptied, gone, there twice, of another type, or with another content. */
export function mutateDer(random: SeededRandom, root: DerTree): void {
  const parents = [...parentsIn(root)];
  const parent = pick(random, parents);
  const members = parent.members ?? [];
  const at = random.below(members.length);
  const chosen = members[at];
  if (chosen === undefined) return;
  const kind = random.below(5);
  if (kind === 0) members[at] = { tag: chosen.tag, content: new Uint8Array(0) };
  else if (kind === 1) members.splice(at, 1);
  else if (kind === 2) members.splice(at, 0, chosen);
  else if (kind === 3) members[at] = { ...chosen, tag: pick(random, TAGS) };
  else members[at] = { tag: chosen.tag, content: random.bytes(random.below(24)) };
}

function* parentsIn(tree: DerTree): Generator<DerTree> {
  if (tree.members === undefined) return;
  yield tree;
  for (const member of tree.members) yield* parentsIn(member);
}
