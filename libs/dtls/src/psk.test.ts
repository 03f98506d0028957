import { DTLS_KEYS, DtlsConversation } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";

const IDENTITY = Buffer.from("device");

describe("a handshake with a pre-shared key", () => {
  it("ends, and data goes both ways", () => {
    const conversation = new DtlsConversation();
    conversation.answers.addPsk("device");
    const device = conversation.client({ credential: { type: "psk", identity: IDENTITY, key: DTLS_KEYS.psk } });
    device.handle({ type: "connect" });
    conversation.advance(1000);
    device.sends("hello");
    conversation.advance(100);
    expect(conversation.received).toEqual(["hello"]);
  });
});
