import { DtlsLockstep, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import { CONTENT_TYPE } from "./record.ts";

/** When something was sent to the peer, s, within a time. */
function sendTimes(talk: DtlsLockstep, peer: DtlsLockstepPeer, seconds: number): number[] {
  const times: number[] = [];
  for (let tenth = 0; tenth < 10 * seconds; tenth++) {
    talk.advance(100);
    if (peer.receives().length > 0) times.push(talk.nowMs / 1000);
  }
  return times;
}

/** Finished, as a client sends it again: the same message, in a record with another number. */
function finishedAgain(peer: DtlsLockstepPeer, message: Uint8Array): Uint8Array {
  return peer.record(CONTENT_TYPE.HANDSHAKE, message, { epoch: 1 });
}

describe("the server's flight (RFC 6347 §4.2.4)", () => {
  it("is sent again after 1, 2, 4, 8 and 16 s and a little, and given up", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    const times = sendTimes(talk, peer, 80);
    const waits = times.map((time, n) => time - (times[n - 1] ?? 0));
    expect(waits).toHaveLength(5);
    for (const [n, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(2 ** n - 0.1);
      expect(wait).toBeLessThanOrEqual(1.1 * 2 ** n + 0.2);
    }
    expect(talk.told()).toEqual(["handshakeFailed timeout"]);
    expect(talk.server.usage).toMatchObject({ handshakes: 0, handshakeBytes: 0 });
  });

  it("has new record numbers each time, and the same messages", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    const first = peer.sends(peer.hello()).receives();
    talk.advance(1200);
    const again = peer.receives();
    expect(again.map(({ content }) => content)).toEqual(first.map(({ content }) => content));
    expect(again.map(({ sequence }) => sequence)).toEqual(first.map(({ sequence }) => sequence + first.length));
  });

  it("is not sent again for a repeated part of the client's own next flight", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    const exchange = peer.keyExchange();
    talk.advance(900);
    peer.sends(exchange).sends(exchange);
    expect(peer.receives()).toEqual([]);
  });

  it("is not sent again while a question is open: the client has answered it", () => {
    const talk = new DtlsLockstep({ holds: ["psk"] });
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange());
    expect(sendTimes(talk, peer, 9)).toEqual([]);
  });

  it("fits the datagrams that are allowed", () => {
    const talk = new DtlsLockstep({ server: { mtuBytes: 576 } });
    const peer = talk.peer({ suite: 0xc02b, certificate: "x509" }).asksForCookie();
    peer.sends(peer.hello());
    const records = peer.receives();
    expect(new Set(records.map(({ bytes }) => bytes)).size).toBeGreaterThan(1);
    expect(Math.max(...records.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(576);
  });
});

describe("the last flight (RFC 6347 §4.2.4)", () => {
  function ended(): { talk: DtlsLockstep; peer: DtlsLockstepPeer; finished: Uint8Array } {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec());
    const sequence = peer.nextMessage;
    const before = peer.transcript.hash();
    peer.sends(peer.finished());
    expect(peer.reads()).toEqual(["CCS", "20"]);
    talk.told();
    // The content of Finished, once more.
    const header = Uint8Array.of(HANDSHAKE_TYPE.FINISHED, 0, 0, 12, 0, sequence, 0, 0, 0, 0, 0, 12);
    return { talk, peer, finished: Buffer.concat([header, before.subarray(0, 12)]) };
  }

  it("is not sent by the timer", () => {
    const { talk, peer } = ended();
    expect(sendTimes(talk, peer, 70)).toEqual([]);
  });

  it("is sent again when the client's Finished comes again, also after data, with new record numbers", () => {
    const { talk, peer, finished } = ended();
    peer.sends(peer.data("already"));
    talk.advance(1000);
    peer.sends(finishedAgain(peer, finished));
    const records = peer.receives();
    expect(records.map(({ type, epoch }) => [type, epoch])).toEqual([
      [CONTENT_TYPE.CHANGE_CIPHER_SPEC, 0],
      [CONTENT_TYPE.HANDSHAKE, 1],
    ]);
    expect(records[1]).toMatchObject({ sequence: 1, content: expect.any(Uint8Array) });
  });

  it("is sent again at most every 200 ms", () => {
    const { talk, peer, finished } = ended();
    talk.advance(1000);
    for (let n = 0; n < 5; n++) peer.sends(finishedAgain(peer, finished));
    expect(peer.receives()).toHaveLength(2);
  });

  it("is forgotten after 240 s, twice the MSL, and with its association", () => {
    const { talk, peer, finished } = ended();
    talk.advance(239_999);
    peer.sends(finishedAgain(peer, finished));
    expect(peer.receives()).toHaveLength(2);
    talk.advance(1);
    expect(talk.server.usage).toMatchObject({ associations: 1, lastFlights: 0 });
    peer.sends(finishedAgain(peer, finished));
    expect(peer.receives()).toEqual([]);
  });

  it("is not sent for repeated messages in the clear: anybody could write them", () => {
    const { talk, peer } = ended();
    talk.advance(1000);
    peer.sends(peer.message(HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, Buffer.alloc(8)), peer.changeCipherSpec());
    expect(peer.receives()).toEqual([]);
  });
});
