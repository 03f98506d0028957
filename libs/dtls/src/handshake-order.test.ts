import { DtlsLockstep, type DtlsLockstepPeer, type DtlsLockstepPeerOptions } from "@ferry/testing";
import { expect, it } from "@jest/globals";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";

/** What a peer may say after the server's first flight; undefined where it has no keys for it yet. */
const WORDS: Readonly<Record<string, (peer: DtlsLockstepPeer) => Uint8Array | undefined>> = {
  certificate: (peer) => peer.certificate(),
  emptyCertificate: (peer) => peer.certificate([]),
  keyExchange: (peer) => peer.keyExchange(),
  certificateVerify: (peer) => peer.certificateVerify(),
  changeCipherSpec: (peer) => peer.changeCipherSpec(),
  finished: (peer) => (peer.master === undefined ? undefined : peer.finished()),
  finishedInTheClear: (peer) => peer.message(HANDSHAKE_TYPE.FINISHED, new Uint8Array(12)),
  data: (peer) => (peer.master === undefined ? undefined : peer.data("early")),
};
const NAMES = Object.keys(WORDS);
/** What comes of these words: whether there is an association, and whether the handshake goes on. */
function run(
  options: DtlsLockstepPeerOptions,
  words: readonly string[],
): "established" | "open" | "over" | "unspeakable" {
  const talk = new DtlsLockstep();
  const peer = talk.peer(options).greets();
  for (const word of words) {
    const record = WORDS[word]?.(peer);
    if (record === undefined) return "unspeakable";
    peer.sends(record);
  }
  const told = talk.told();
  // No data of a handshake that has not ended is ever told.
  expect(told.indexOf("received early")).toBeLessThanOrEqual(told.includes("established") ? Infinity : -1);
  if (told.includes("established")) return "established";
  return talk.server.usage.handshakes > 0 ? "open" : "over";
}

/** All that is said up to `depth` words, as long as the handshake is open; gives what made an association. */
function explore(options: DtlsLockstepPeerOptions, depth: number): string[][] {
  const ends: string[][] = [];
  let open: string[][] = [[]];
  for (let length = 1; length <= depth; length++) {
    const next: string[][] = [];
    for (const words of open.flatMap((before) => NAMES.map((name) => [...before, name]))) {
      const outcome = run(options, words);
      if (outcome === "established") ends.push(words);
      if (outcome === "open") next.push(words);
    }
    open = next;
  }
  return ends;
}

/** By their numbers the messages up to Finished are exactly these, and a ChangeCipherSpec came behind those in the clear. What is numbered behind Finished is nobody's. */
function isLegal(words: readonly string[], legal: readonly string[]): boolean {
  const messages = words.filter((word) => word !== "changeCipherSpec" && word !== "data");
  const upToFinished = messages.slice(0, messages.indexOf("finished"));
  const lastInTheClear = words.indexOf(legal.at(-1) ?? "");
  return upToFinished.join() === legal.join() && words.lastIndexOf("changeCipherSpec") > lastInTheClear;
}

it.each<[string, DtlsLockstepPeerOptions, readonly string[], number]>([
  ["PSK", {}, ["keyExchange"], 4],
  ["certificates", { suite: 0xc0ae, certificate: "x509" }, ["certificate", "keyExchange", "certificateVerify"], 5],
])(
  "of all that a client may say in any order, only the one legal order of messages makes an association: %s",
  (_, options, legal, depth) => {
    const ends = explore(options, depth);
    expect(ends).toContainEqual([...legal, "changeCipherSpec", "finished"]);
    for (const words of ends) {
      expect({ words, isLegal: isLegal(words, legal) }).toEqual({ words, isLegal: true });
    }
  },
);
