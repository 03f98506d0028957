import assert from "node:assert/strict";
import { inspect } from "node:util";
import { DtlsLockstep } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import type { DirectionKeys } from "./association-state.ts";
import { compute } from "./compute.ts";
import { makeEphemeralKey, pointKey } from "./ec-point.ts";
import { SecretBytes } from "./secret-bytes.ts";

/** All that somebody could see who prints it. */
function shown(value: unknown): string {
  const inspected = inspect(value, { depth: null, showHidden: true, maxArrayLength: null, breakLength: 1e9 });
  return `${inspected}\n${JSON.stringify(value, (_, one) => (typeof one === "bigint" ? `${one}` : one))}`;
}

/** The ways in which bytes are printed. */
function spellings(bytes: Uint8Array): string[] {
  const plain = Buffer.from(bytes);
  const hex = plain.toString("hex");
  const list = [...bytes];
  return [
    hex,
    hex.match(/../g)?.join(" ") ?? hex,
    plain.toString("base64"),
    list.join(", "),
    list.join(","),
    list.map((byte, index) => `"${index}":${byte}`).join(","),
  ];
}

function expectHidden(value: unknown, secrets: readonly Uint8Array[]): void {
  const text = shown(value);
  for (const secret of secrets.filter(({ length }) => length > 0))
    for (const spelling of spellings(secret)) expect(text).not.toContain(spelling);
}

const bytesOf = (...directions: readonly DirectionKeys[]): Uint8Array[] =>
  directions.flatMap(({ key, salt, macKey }) => [key, salt, macKey]);

describe("secrets", () => {
  it.each([
    ["CCM", 0xc0a8],
    ["CBC", 0x00ae],
  ])("of an association and its session are in no question, nor in a snapshot: %s", (_, suite) => {
    const talk = new DtlsLockstep({ server: { suites: [suite] }, holds: ["store"] });
    const peer = talk.peer({ suite }).greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    const question = talk.asked("store");
    const { client, server } = question.association;
    expect(question.session?.masterSecret).toHaveLength(48);
    expectHidden(question, [...bytesOf(client, server), question.session?.masterSecret ?? client.key]);
    talk.answer("store");
    const snapshot = talk.server.snapshot(question.association.id);
    expect(snapshot?.association.client.key).toEqual(client.key);
    expectHidden(snapshot, bytesOf(client, server));
  });

  it("that two keys agree on are not in the answer", () => {
    const publicKey = pointKey(makeEphemeralKey().point);
    assert(publicKey !== undefined);
    const answer = compute({ operation: "deriveSecret", privateKey: makeEphemeralKey().privateKey, publicKey });
    expect(answer.type === "bytes" && answer.bytes).toHaveLength(32);
    expectHidden(answer, [answer.type === "bytes" && answer.bytes !== undefined ? answer.bytes : new Uint8Array(32)]);
  });

  it("are not in what is cut out of them, nor in a text that they are put into", () => {
    const secret = SecretBytes.copyOf(Buffer.from("00112233445566778899aabbccddeeff", "hex"));
    for (const bytes of [secret, secret.subarray(3), secret.slice(3)]) {
      expectHidden({ bytes }, [bytes]);
      expect(`${bytes}`).toBe("[secret]");
    }
  });

  it("are taken from where they were", () => {
    const bytes = Buffer.from("00112233", "hex");
    expect([...SecretBytes.take(bytes), ...bytes]).toEqual([0, 0x11, 0x22, 0x33, 0, 0, 0, 0]);
  });
});
