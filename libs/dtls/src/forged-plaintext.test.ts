import { DtlsLockstep, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ALERT } from "./alert.ts";
import { encodeHandshake, encodeHandshakeFragment, HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import { CONTENT_TYPE, DTLS_1_2, encodePlaintextRecord } from "./record.ts";
import type { Question } from "./server-io.ts";

/** What anybody can send who knows an address, and guesses at most the number of the next message. */
const FORGERIES: Readonly<Record<string, (nextMessage: number) => Uint8Array>> = {
  "a fatal alert": () => record(CONTENT_TYPE.ALERT, Uint8Array.of(2, ALERT.HANDSHAKE_FAILURE)),
  "a close_notify": () => record(CONTENT_TYPE.ALERT, Uint8Array.of(1, ALERT.CLOSE_NOTIFY)),
  "a message": (sequence) => record(CONTENT_TYPE.HANDSHAKE, encodeHandshake({ ...FORGED, sequence })),
  "a message that comes early": (sequence) =>
    record(CONTENT_TYPE.HANDSHAKE, encodeHandshake({ ...FORGED, sequence: sequence + 1 })),
  "a piece of a message": (sequence) =>
    record(CONTENT_TYPE.HANDSHAKE, encodeHandshakeFragment({ ...FORGED, sequence }, 0, 3)),
  "a piece of a message that comes early": (sequence) =>
    record(CONTENT_TYPE.HANDSHAKE, encodeHandshakeFragment({ ...FORGED, sequence: sequence + 1 }, 0, 3)),
  "a ChangeCipherSpec": () => record(CONTENT_TYPE.CHANGE_CIPHER_SPEC, Uint8Array.of(1)),
  "what does not parse": () => record(CONTENT_TYPE.HANDSHAKE, Uint8Array.of(11, 0, 0)),
};
const FORGED = { type: HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, body: new Uint8Array(7) };

function record(type: number, content: Uint8Array): Uint8Array {
  return encodePlaintextRecord(type, DTLS_1_2, 0, 99, content);
}

interface Moment {
  readonly holds: Question["type"];
  /** Up to the forgery. */
  readonly before: (talk: DtlsLockstep) => DtlsLockstepPeer;
  /** From there on. */
  readonly after: (peer: DtlsLockstepPeer, talk: DtlsLockstep) => void;
}

function greeting(talk: DtlsLockstep, options: Parameters<DtlsLockstep["peer"]>[0]): DtlsLockstepPeer {
  const peer = talk.peer(options).asksForCookie();
  return peer.sends(peer.hello());
}

/** A peer that has read the server's flight of a session that it resumes. */
function resuming(talk: DtlsLockstep): DtlsLockstepPeer {
  const peer = talk.peer().associates();
  const master = peer.master ?? new Uint8Array(0);
  peer.sessionId = peer.serverHello?.sessionId ?? new Uint8Array(0);
  peer.reboots().asksForCookie();
  peer.sends(peer.hello()).reads();
  // Finished came sealed before there were keys: it comes again.
  peer.useMaster(master);
  talk.advance(1_200);
  peer.reads();
  talk.told();
  return peer;
}

const ends = (peer: DtlsLockstepPeer): unknown => peer.sends(peer.changeCipherSpec(), peer.finished());
const X509 = { suite: 0xc0ae, certificate: "x509" } as const;

const MOMENTS: Readonly<Record<string, Moment>> = {
  "while the session is looked for": {
    holds: "session",
    before: (talk) => {
      const peer = talk.peer();
      peer.sessionId = new Uint8Array(32);
      peer.asksForCookie();
      return peer.sends(peer.hello());
    },
    after: (peer, talk) => {
      talk.answer("session", { type: "none" });
      peer.reads();
      ends(peer.sends(peer.keyExchange()));
    },
  },
  "while the server signs": {
    holds: "compute",
    before: (talk) => greeting(talk, X509),
    after: (peer, talk) => {
      talk.holds.clear();
      talk.answer("compute");
      peer.reads();
      peer.sends(peer.certificate(), peer.keyExchange(), peer.certificateVerify());
      ends(peer);
    },
  },
  "while the key is looked for": {
    holds: "psk",
    before: (talk) => {
      const peer = talk.peer().greets();
      return peer.sends(peer.keyExchange());
    },
    after: (peer, talk) => {
      talk.answer("psk");
      ends(peer);
    },
  },
  "while the key is looked for and ChangeCipherSpec has come": {
    holds: "psk",
    before: (talk) => {
      const peer = talk.peer().greets();
      return peer.sends(peer.keyExchange(), peer.changeCipherSpec());
    },
    after: (peer, talk) => {
      talk.answer("psk");
      peer.sends(peer.finished());
    },
  },
  "while the secret is computed and CertificateVerify has come": {
    holds: "compute",
    before: (talk) => {
      const peer = greeting(talk, X509);
      talk.answer("compute");
      peer.reads();
      return peer.sends(peer.certificate(), peer.keyExchange(), peer.certificateVerify());
    },
    after: (peer, talk) => {
      talk.holds.clear();
      talk.answer("compute");
      ends(peer);
    },
  },
  "before ChangeCipherSpec": {
    holds: "claim",
    before: (talk) => {
      const peer = talk.peer().greets();
      return peer.sends(peer.keyExchange());
    },
    after: ends,
  },
  "before ChangeCipherSpec of a session that is resumed": {
    holds: "claim",
    before: resuming,
    after: ends,
  },
  "before Finished": {
    holds: "claim",
    before: (talk) => {
      const peer = talk.peer().greets();
      return peer.sends(peer.keyExchange(), peer.changeCipherSpec());
    },
    after: (peer) => peer.sends(peer.finished()),
  },
};

/** Of events those that are not about the forgery. */
function outcome(talk: DtlsLockstep): string[] {
  return talk.told().filter((event) => event !== "closed replaced" && !event.startsWith("dropped "));
}

const FAR_AHEAD = [
  "a message that comes early",
  "a piece of a message",
  "a piece of a message that comes early",
  "a ChangeCipherSpec",
  "what does not parse",
];

describe("a forged record in the clear (RFC 6347 §4.1.2.7)", () => {
  describe.each(Object.entries(MOMENTS))("%s", (_, { holds, before, after }) => {
    it.each(Object.entries(FORGERIES))("ends nothing when it is %s", (__, forge) => {
      const talk = new DtlsLockstep({ holds: [holds] });
      const peer = before(talk);
      talk.does({ type: "datagram", address: peer.address, bytes: forge(peer.nextMessage) });
      after(peer, talk);
      expect(outcome(talk)).toEqual(["established"]);
      expect(peer.reads().filter((word) => word.startsWith("alert"))).toEqual([]);
    });
  });

  it.each(FAR_AHEAD)("ends nothing before the key exchange when it is %s", (forgery) => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    const bytes = FORGERIES[forgery]?.(peer.nextMessage) ?? new Uint8Array(0);
    talk.does({ type: "datagram", address: peer.address, bytes });
    ends(peer.sends(peer.keyExchange()));
    expect(outcome(talk)).toEqual(["established"]);
  });

  it("leaves a handshake time for the client's first repetition when it pretends to be protected (RFC 7925 §11)", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec());
    const forged = encodePlaintextRecord(CONTENT_TYPE.HANDSHAKE, DTLS_1_2, 1, 0, new Uint8Array(40));
    talk.does({ type: "datagram", address: peer.address, bytes: forged });
    talk.advance(9_000);
    peer.sends(peer.finished());
    expect(outcome(talk)).toEqual(["established"]);
  });
});
