import { inspect } from "node:util";
import { DtlsLockstep, type DtlsLockstepOptions, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ALERT } from "./alert.ts";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import { CONTENT_TYPE } from "./record.ts";

function associated(options: DtlsLockstepOptions = {}): { talk: DtlsLockstep; peer: DtlsLockstepPeer } {
  const talk = new DtlsLockstep(options);
  const peer = talk.peer().associates();
  expect(talk.told()).toEqual(["established"]);
  return { talk, peer };
}

/** The last byte is part of the MAC. */
function forged(record: Uint8Array): Uint8Array {
  return record.with(-1, (record.at(-1) ?? 0) ^ 1);
}

describe("records of an association", () => {
  it("are taken one by one: a bad one is dropped silently and spoils none behind it (RFC 6347 §4.1.2.7)", () => {
    const { talk, peer } = associated();
    const unknownEpoch = peer.data("of another epoch").with(4, 2);
    const otherVersion = peer.data("of another version").with(2, 0xfc);
    const cut = peer.data("cut off").subarray(0, 20);
    peer.sends(forged(peer.data("forged")), peer.data("one"), unknownEpoch, otherVersion, peer.data("two"), cut);
    expect(talk.told().toSorted()).toEqual([
      "dropped badMac",
      "dropped malformed",
      "dropped unknownEpoch",
      "dropped version",
      "received one",
      "received two",
    ]);
    expect(peer.receives()).toEqual([]);
  });

  it("are taken once, and in any order within the window (RFC 6347 §4.1.2.6)", () => {
    const { talk, peer } = associated();
    const [first, second, third] = [peer.data("1"), peer.data("2"), peer.data("3")];
    for (const record of [third, first, third, second, first]) peer.sends(record);
    expect(talk.told()).toEqual(["received 3", "received 1", "dropped replay", "received 2", "dropped replay"]);
  });

  it("that are forged do not move the window", () => {
    const { talk, peer } = associated();
    peer.sends(forged(peer.data("far ahead", { sequence: 2 ** 40 })), peer.data("next"));
    expect(talk.told()).toEqual(["dropped badMac", "received next"]);
  });

  it("that do not open are counted and never end it", () => {
    const { talk, peer } = associated();
    for (let n = 0; n < 199; n++) peer.sends(forged(peer.data("guess")));
    talk.told();
    peer.sends(forged(peer.data("guess")), peer.data("still here"));
    expect(talk.hears("dropped")).toMatchObject({
      reason: "badMac",
      association: expect.any(String),
      failedOpens: 200,
    });
    expect(talk.told()).toEqual(["received still here"]);
    expect(peer.receives()).toEqual([]);
  });

  it("of epoch 0 never touch it: alert, ChangeCipherSpec, handshake messages, data", () => {
    const { talk, peer } = associated();
    peer.sends(peer.alert(2, ALERT.HANDSHAKE_FAILURE, { epoch: 0 }));
    peer.sends(peer.alert(1, ALERT.CLOSE_NOTIFY, { epoch: 0 }));
    peer.sends(peer.changeCipherSpec());
    peer.sends(peer.message(HANDSHAKE_TYPE.FINISHED, new Uint8Array(12)));
    peer.sends(peer.data("in the clear", { epoch: 0 }));
    peer.sends(peer.data("protected"));
    expect(talk.told()).toEqual([
      "dropped plaintextAlert",
      "dropped plaintextAlert",
      "dropped noHandshake",
      "dropped noHandshake",
      "dropped noHandshake",
      "received protected",
    ]);
    expect(peer.receives()).toEqual([]);
  });

  it("of another association's address open nothing", () => {
    const { talk, peer } = associated();
    const other = talk.peer({ address: "198.51.100.1:5" }).associates();
    talk.told();
    const { address } = other;
    talk.does({ type: "datagram", address, bytes: peer.data("from elsewhere") });
    expect(talk.told()).toEqual(["dropped badMac"]);
  });
});

describe("alerts of an association (RFC 5246 §7.2)", () => {
  it("close it: close_notify is answered", () => {
    const { talk, peer } = associated();
    peer.sends(peer.alert(1, ALERT.CLOSE_NOTIFY), peer.data("after the end"));
    expect(talk.told()).toEqual(["closed closeNotify"]);
    expect(peer.reads()).toEqual([`alert 1 ${ALERT.CLOSE_NOTIFY}`]);
    expect(talk.server.usage).toMatchObject({ associations: 0, lastFlights: 0, readyKeys: 0 });
  });

  it("end it when they are fatal, without an answer", () => {
    const { talk, peer } = associated();
    peer.sends(peer.alert(2, ALERT.INTERNAL_ERROR));
    expect(talk.told()).toEqual(["closed fatalAlert"]);
    expect(peer.receives()).toEqual([]);
  });

  it("that warn, or are no alerts, change nothing", () => {
    const { talk, peer } = associated();
    peer.sends(peer.alert(1, ALERT.NO_RENEGOTIATION));
    peer.sends(peer.record(CONTENT_TYPE.ALERT, Uint8Array.of(2), { epoch: 1 }));
    peer.sends(peer.record(CONTENT_TYPE.ALERT, Uint8Array.of(2, 40, 0), { epoch: 1 }));
    peer.sends(peer.data("on"));
    expect(talk.told()).toEqual(["received on"]);
  });

  it("decline a renegotiation by a warning, not at each try (RFC 5246 §7.2.2)", () => {
    const { talk, peer } = associated();
    for (let n = 0; n < 3; n++) peer.sends(peer.message(HANDSHAKE_TYPE.CLIENT_HELLO, new Uint8Array(60), { epoch: 1 }));
    expect(peer.reads()).toEqual([`alert 1 ${ALERT.NO_RENEGOTIATION}`]);
    talk.advance(10_000);
    peer.sends(peer.message(HANDSHAKE_TYPE.CLIENT_HELLO, new Uint8Array(60), { epoch: 1 }), peer.data("on"));
    expect(peer.reads()).toEqual([`alert 1 ${ALERT.NO_RENEGOTIATION}`]);
    expect(talk.told()).toContain("received on");
    expect(talk.server.usage.handshakes).toBe(0);
  });

  it.each([
    ["closeNotify", `alert 1 ${ALERT.CLOSE_NOTIFY}`],
    ["accessDenied", `alert 2 ${ALERT.ACCESS_DENIED}`],
    [undefined, undefined],
  ] as const)("are sent when it is closed with %s", (alert, expected) => {
    const { talk, peer } = associated();
    peer.sends(peer.data("hello"));
    const { association } = talk.hears("received");
    talk.does({ type: "close", association: association.id, alert });
    expect(peer.reads()).toEqual(expected === undefined ? [] : [expected]);
    expect(talk.told()).toEqual(["closed closed"]);
    talk.does({ type: "send", association: association.id, bytes: Buffer.from("too late") });
    expect(talk.told()).toEqual(["dropped noAssociation"]);
  });
});

describe("secrets", () => {
  it("are seen neither in events nor in the server, however it is looked at", () => {
    const talk = new DtlsLockstep();
    talk.peer().associates();
    const event = talk.hears("established");
    const { client, server } = talk.server.snapshot(event.association.id)?.association ?? {};
    const text = inspect([event, talk.server], {
      depth: null,
      showHidden: true,
      maxArrayLength: null,
      breakLength: 1e9,
    });
    for (const { key, salt } of [client, server].filter((keys) => keys !== undefined)) {
      for (const secret of [key, salt]) {
        expect(text).not.toContain(Buffer.from(secret).toString("hex").match(/../g)?.join(" ") ?? "none");
        expect(text).not.toContain([...secret].join(", "));
      }
    }
    expect(text).toContain("LiveAssociation");
  });
});

describe("marks", () => {
  it("are told every 32 newer records, and 30 s after the first", () => {
    const { talk, peer } = associated();
    for (let n = 0; n < 31; n++) peer.sends(peer.data("x"));
    expect(talk.told()).not.toContain("mark");
    peer.sends(peer.data("x"));
    expect(talk.hears("mark").mark.newest).toBe(32);
    talk.told();
    talk.advance(60_000);
    expect(talk.told()).toEqual([]);
    peer.sends(peer.data("x"));
    talk.advance(29_999);
    expect(talk.told()).toEqual(["received x"]);
    talk.advance(1);
    expect(talk.hears("mark").mark.newest).toBe(33);
  });
});
