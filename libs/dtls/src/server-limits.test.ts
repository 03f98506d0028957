import { DtlsLockstep, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ALERT } from "./alert.ts";
import type { DtlsLimits } from "./limits.ts";
import { encodeHandshakeFragment, HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import { CONTENT_TYPE } from "./record.ts";

function limited(limits: Partial<DtlsLimits>): DtlsLockstep {
  return new DtlsLockstep({ server: { limits } });
}

/** A peer whose handshake is open. */
function halfOpen(talk: DtlsLockstep, address: string): DtlsLockstepPeer {
  return talk.peer({ address }).greets();
}

function finishes(peer: DtlsLockstepPeer): void {
  peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
}

describe("half-open handshakes", () => {
  it("are so many at most: the one that was heard longest ago goes, silently", () => {
    const talk = limited({ maxHandshakes: 2 });
    const [first, second] = [halfOpen(talk, "192.0.2.1:1"), halfOpen(talk, "198.51.100.1:1")];
    talk.advance(10);
    first.sends(first.changeCipherSpec());
    halfOpen(talk, "203.0.113.1:1");
    expect(talk.hears("handshakeFailed")).toMatchObject({ reason: "evicted", address: second.address });
    expect([second.reads(), talk.server.usage.handshakes]).toEqual([[], 2]);
    finishes(first);
    expect(talk.told()).toEqual(["established"]);
  });

  it("are so many of a network at most: it loses its own, and others lose none", () => {
    const talk = limited({ maxHandshakesPerNetwork: 3 });
    const other = halfOpen(talk, "198.51.100.1:1");
    const peers = Array.from({ length: 5 }, (_, n) => halfOpen(talk, `192.0.2.${n}:1`));
    expect(talk.told()).toEqual(["handshakeFailed evicted", "handshakeFailed evicted"]);
    for (const peer of [other, ...peers.slice(2)]) finishes(peer);
    expect(talk.told()).toEqual(Array.from({ length: 4 }, () => "established"));
  });

  it("keep so many bytes at most", () => {
    const talk = limited({ maxHandshakeBytes: 20_000 });
    const peers = Array.from({ length: 5 }, (_, n) => {
      const peer = halfOpen(talk, `192.0.2.${n}:1`);
      const message = {
        type: HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE,
        sequence: peer.nextMessage,
        body: new Uint8Array(6000),
      };
      peer.sends(peer.record(CONTENT_TYPE.HANDSHAKE, encodeHandshakeFragment(message, 0, 10)));
      return peer;
    });
    // Of 6000 bytes for each message that is not whole there is room for two, and what else belongs to a handshake.
    expect(talk.told()).toEqual(Array.from({ length: 3 }, () => "handshakeFailed evicted"));
    for (const peer of peers.slice(3)) peer.sends(peer.alert(2, ALERT.HANDSHAKE_FAILURE, { epoch: 0 }));
    expect(talk.told()).toEqual(Array.from({ length: 2 }, () => "handshakeFailed peerAlert"));
    expect(talk.server.usage).toMatchObject({ handshakes: 0, handshakeBytes: 0 });
  });

  it("of networks beside each other give way to each other: who is alone in his stays", () => {
    const talk = limited({ maxHandshakes: 64 });
    const alone = [halfOpen(talk, "[2001:db8:77:1::1]:1"), halfOpen(talk, "198.51.100.1:1")];
    for (let n = 0; n < 100; n++) halfOpen(talk, `[2001:db8:1:${(n % 50).toString(16)}00::${n.toString(16)}]:1`);
    talk.told();
    for (const peer of alone) finishes(peer);
    expect([talk.told(), talk.server.usage.handshakes]).toEqual([["established", "established"], 62]);
  });

  it("of a network that is full of others give way to these: who is alone in a part of it stays", () => {
    const talk = limited({ maxHandshakes: 64 });
    const alone = halfOpen(talk, "[2001:db8:1:ff00::1]:1");
    for (let n = 0; n < 100; n++) halfOpen(talk, `[2001:db8:1:1::${n.toString(16)}]:1`);
    talk.told();
    finishes(alone);
    expect(talk.told()).toEqual(["established"]);
  });

  it("that keep the most give way when all keep too many bytes", () => {
    const talk = limited({ maxHandshakeBytes: 100_000 });
    const alone = halfOpen(talk, "198.51.100.1:1");
    for (let n = 0; n < 60; n++) {
      const peer = halfOpen(talk, `[2001:db8:1:${(n % 50).toString(16)}00::${n.toString(16)}]:1`);
      const message = {
        type: HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE,
        sequence: peer.nextMessage,
        body: new Uint8Array(6000),
      };
      peer.sends(peer.record(CONTENT_TYPE.HANDSHAKE, encodeHandshakeFragment(message, 0, 10)));
    }
    expect(talk.server.usage.handshakes).toBeLessThan(20);
    talk.told();
    finishes(alone);
    expect(talk.told()).toEqual(["established"]);
  });

  it("never cost an association its place", () => {
    const talk = limited({ maxHandshakes: 2, maxAssociations: 1 });
    const peer = talk.peer({ address: "203.0.113.1:1" }).associates();
    for (let n = 0; n < 50; n++) halfOpen(talk, `192.0.2.${n}:1`);
    talk.told();
    peer.sends(peer.data("still here"));
    expect(talk.told()).toEqual(["received still here"]);
  });

  it("end with their time, and leave nothing", () => {
    const talk = limited({});
    for (let n = 0; n < 50; n++) halfOpen(talk, `192.0.2.${n}:1`);
    talk.advance(75_000);
    expect(talk.server.usage).toMatchObject({ handshakes: 0, handshakeBytes: 0, questions: 0 });
    expect(talk.server.deadlineMs).toBeUndefined();
  });

  it("begin so fast at most; who is refused comes again", () => {
    const talk = limited({ handshakeBurst: 2, handshakesPerSecond: 1 });
    const peers = ["192.0.2.1:1", "198.51.100.1:1", "203.0.113.1:1"].map((address) =>
      talk.peer({ address }).asksForCookie(),
    );
    const hellos = peers.map((peer) => peer.hello());
    for (const [n, peer] of peers.entries()) peer.sends(hellos[n] ?? new Uint8Array(0));
    expect([talk.told(), talk.server.usage.handshakes]).toEqual([["dropped tooManyHandshakes"], 2]);
    talk.advance(1_000);
    peers[2]?.sends(hellos[2] ?? new Uint8Array(0));
    expect(talk.server.usage.handshakes).toBe(3);
  });

  it("of one network begin at their own rate, so that others can", () => {
    const talk = limited({ networkHandshakeBurst: 2, networkHandshakesPerSecond: 1 });
    for (let n = 0; n < 5; n++) {
      const peer = talk.peer({ address: `192.0.2.${n}:1` }).asksForCookie();
      peer.sends(peer.hello());
    }
    halfOpen(talk, "198.51.100.1:1");
    expect(talk.told()).toEqual(Array.from({ length: 3 }, () => "dropped tooManyHandshakes"));
    expect(talk.server.usage.handshakes).toBe(3);
  });

  it("of networks beside each other begin at one rate", () => {
    const talk = limited({ wideNetworkHandshakeBurst: 2, wideNetworkHandshakesPerSecond: 1 });
    for (let n = 0; n < 5; n++) {
      const peer = talk.peer({ address: `[2001:db8:1:${n}00::1]:1` }).asksForCookie();
      peer.sends(peer.hello());
    }
    halfOpen(talk, "[2001:db8:2::1]:1");
    expect(talk.told()).toEqual(Array.from({ length: 3 }, () => "dropped tooManyHandshakes"));
  });

  it("of a network in which few begin can begin while others use up the rate of all", () => {
    const talk = limited({ handshakeBurst: 40, handshakesPerSecond: 40, quietHandshakeBurst: 1 });
    const tries = (address: string): string[] => {
      const peer = talk.peer({ address }).asksForCookie();
      peer.sends(peer.hello());
      return talk.told();
    };
    const busy = Array.from({ length: 60 }, (_, n) => tries(`192.0.2.${n}:1`)).flat();
    expect(busy).toHaveLength(30);
    expect(Array.from({ length: 5 }, (_, n) => tries(`198.51.${n}.1:1`)).flat()).toEqual([]);
    expect(tries("198.51.0.2:1")).toEqual(["dropped tooManyHandshakes"]);
  });

  it("that fail get so many alerts at most", () => {
    const talk = limited({ alertBurst: 2, alertsPerSecond: 1 });
    const answers = Array.from({ length: 4 }, (_, n) => {
      const peer = halfOpen(talk, `192.0.2.${n}:1`);
      return peer.sends(peer.message(HANDSHAKE_TYPE.FINISHED, new Uint8Array(12))).reads().length;
    });
    expect(answers).toEqual([1, 1, 0, 0]);
  });
});

describe("associations", () => {
  it("are so many in memory at most: the one that was heard longest ago goes, with its mark and without an alert", () => {
    const talk = limited({ maxAssociations: 2 });
    const [first, second] = ["192.0.2.1:1", "192.0.2.2:1"].map((address) => talk.peer({ address }).associates());
    for (const peer of [second, first]) peer?.sends(peer.data("x"));
    talk.told();
    talk.peer({ address: "192.0.2.3:1" }).associates();
    expect(talk.hears("mark").association.address).toBe("192.0.2.2:1");
    expect(talk.told()).toEqual(["closed evicted", "established"]);
    expect([second?.receives(), talk.server.usage.associations]).toEqual([[], 2]);
  });

  it("leave memory when they were not heard for an hour, with their mark and without an alert", () => {
    const talk = limited({ markMs: 10_000_000 });
    const [first, second] = ["192.0.2.1:1", "192.0.2.2:1"].map((address) => talk.peer({ address }).associates());
    talk.advance(1_800_000);
    first?.sends(first.data("x"));
    talk.told();
    talk.advance(1_800_000);
    expect(talk.hears("closed")).toMatchObject({ reason: "idle", association: { address: "192.0.2.2:1" } });
    talk.advance(1_799_999);
    expect(talk.told()).toEqual([]);
    talk.advance(1);
    expect(talk.told()).toEqual(["mark", "closed idle"]);
    expect([first?.receives(), second?.receives()]).toEqual([[], []]);
    expect(talk.server.deadlineMs).toBeUndefined();
  });

  it("leave memory with a mark that has what came late in it", () => {
    const talk = limited({ markMs: 1_000 });
    const peer = talk.peer().associates();
    const late = peer.data("late");
    peer.sends(peer.data("x"));
    talk.advance(1_000);
    const { window } = talk.hears("mark").mark;
    peer.sends(late);
    talk.advance(3_600_000);
    expect(talk.hears("mark").mark.window).not.toEqual(window);
    expect(talk.told().at(-1)).toBe("closed idle");
  });

  it("have their keys ready only while they are busy", () => {
    const talk = limited({ maxReadyKeys: 3 });
    const peers = Array.from({ length: 10 }, (_, n) => talk.peer({ address: `192.0.2.${n}:1` }).associates());
    expect(talk.server.usage.readyKeys).toBe(3);
    for (const [n, peer] of peers.entries()) peer.sends(peer.data(`${n}`));
    expect(talk.told().filter((event) => event.startsWith("received"))).toHaveLength(10);
    expect(talk.server.usage.readyKeys).toBe(3);
  });

  it("keep so many last flights at most", () => {
    const talk = limited({ maxLastFlights: 3 });
    for (let n = 0; n < 10; n++) talk.peer({ address: `192.0.2.${n}:1` }).associates();
    expect(talk.server.usage).toMatchObject({ associations: 10, lastFlights: 3 });
  });
});
