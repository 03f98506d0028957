import { createHash } from "node:crypto";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { DtlsFormatError } from "./errors.ts";
import { encodeHandshakeFragment } from "./messages/handshake-header.ts";
import { Reassembler } from "./reassembly.ts";
import { Transcript } from "./transcript.ts";

const HELLO = { type: 1, sequence: 1, body: hex("aabbcc") };
const DONE = { type: 14, sequence: 2, body: new Uint8Array(0) };
/** The twelve bytes of their headers as if they had come whole. */
const BYTES = "01000003 0001 000000 000003 aabbcc 0e000000 0002 000000 000000".replaceAll(" ", "");

const sha256 = (bytes: string): string => createHash("sha256").update(hex(bytes)).digest("hex");

describe("transcript (RFC 6347 §4.2.6)", () => {
  it("hashes messages with their headers", () => {
    const transcript = new Transcript({ keepsBytes: false });
    transcript.add(HELLO);
    transcript.add(DONE);
    expect(toHex(transcript.hash())).toBe(sha256(BYTES));
  });

  it("is the same for a message that came in fragments", () => {
    const reassembler = new Reassembler({ nextSequence: 1 });
    const transcript = new Transcript({ keepsBytes: false });
    for (const offset of [2, 0, 1]) {
      for (const message of reassembler.add(encodeHandshakeFragment(HELLO, offset, 1))) transcript.add(message);
    }
    expect(toHex(transcript.hash())).toBe(sha256(BYTES.slice(0, 30)));
  });

  it("goes on after its hash was asked for: session hash, Finished of one side, of the other", () => {
    const transcript = new Transcript({ keepsBytes: false });
    transcript.add(HELLO);
    expect(toHex(transcript.hash())).toBe(sha256(BYTES.slice(0, 30)));
    transcript.add(DONE);
    expect(toHex(transcript.hash())).toBe(sha256(BYTES));
  });

  it("keeps the bytes for a CertificateVerify until there will be none", () => {
    const transcript = new Transcript({ keepsBytes: true });
    transcript.add(HELLO);
    transcript.add(DONE);
    expect(toHex(transcript.bytes())).toBe(BYTES);
    transcript.forgetBytes();
    transcript.add(DONE);
    expect(transcript.bytes()).toHaveLength(0);
  });

  it("keeps none where no CertificateVerify may come", () => {
    const transcript = new Transcript({ keepsBytes: false });
    transcript.add(HELLO);
    expect(transcript.bytes()).toHaveLength(0);
  });

  it("keeps 64 KiB at most", () => {
    const transcript = new Transcript({ keepsBytes: true });
    const large = { type: 11, sequence: 1, body: new Uint8Array(16_372) };
    for (let count = 0; count < 4; count++) transcript.add(large);
    expect(() => transcript.add(DONE)).toThrow(DtlsFormatError);
  });
});
