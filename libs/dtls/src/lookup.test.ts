import { DtlsLockstep, type DtlsLockstepOptions, type DtlsLockstepPeer, EMPTY_DTLS_SERVER } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import type { AssociationId, ReceiveMark } from "./association-state.ts";

const CID = Uint8Array.of(1, 2, 3);
const OTHER_ADDRESS = "198.51.100.7:1";

interface TakeOver {
  /** The node that had the association. */
  readonly before: DtlsLockstep;
  readonly talk: DtlsLockstep;
  readonly peer: DtlsLockstepPeer;
  readonly id: AssociationId;
  /** Sends to the node that has not. */
  readonly sends: (...records: Uint8Array[]) => void;
}

/** An association of another node, with a store that both share. */
function elsewhere(options: DtlsLockstepOptions = {}, hasCid = true): TakeOver {
  const before = new DtlsLockstep();
  const peer = before.peer(hasCid ? { cid: CID } : {}).associates();
  const { id } = before.hears("established").association;
  const talk = new DtlsLockstep({
    answers: before.answers,
    seed: 2,
    ...options,
    server: { slot: 2, ...options.server },
  });
  const sends = (...records: Uint8Array[]): void => {
    talk.does({ type: "datagram", address: peer.address, bytes: Buffer.concat(records) });
  };
  return { before, talk, peer, id, sends };
}

/** What a living owner says: received up to here, without gaps. */
function markAt(newest: number): ReceiveMark {
  return { newest, window: new Uint8Array(8).fill(0xff) };
}

describe("a record of an association that this node does not have", () => {
  it.each([
    ["Connection ID", true],
    ["address", false],
  ])("has it found by %s, claimed and served, without the device noticing", (_, hasCid) => {
    const { talk, peer, id, sends } = elsewhere({ holds: ["find", "claim"] }, hasCid);
    sends(peer.data("hello"));
    const { by } = talk.asked("find");
    expect(by).toEqual(hasCid ? { cid: peer.granted.connectionId } : { address: peer.address });
    talk.answer("find");
    expect(talk.asked("claim")).toMatchObject({ association: id, principal: "device" });
    expect(talk.told()).toEqual([]);
    talk.answer("claim");
    const { association } = talk.hears("takenOver");
    expect(association).toMatchObject({ id, principal: "device", provisional: false, address: peer.address });
    expect(talk.told()).toEqual(["received hello"]);
    talk.does({ type: "send", association: id, bytes: Buffer.from("answer") });
    const { address } = peer;
    expect(talk.takeSent(address)).toHaveLength(1);
  });

  it("is answered beyond what the node before may have written, with nonces of its own", () => {
    const { before, talk, peer, id, sends } = elsewhere();
    before.does({ type: "send", association: id, bytes: Buffer.from("before") });
    const [old] = before.takeSent(peer.address).slice(-1);
    sends(peer.data("hello"));
    talk.does({ type: "send", association: id, bytes: Buffer.from("after") });
    const [fresh] = talk.takeSent(peer.address);
    const [first, second] = [old, fresh].map((bytes) => Buffer.from(bytes ?? []));
    const nonceAt = 13 + CID.length;
    expect((second?.readUIntBE(5, 6) ?? 0) - (first?.readUIntBE(5, 6) ?? 0)).toBeGreaterThan(65_536);
    expect(second?.readUInt32BE(nonceAt)).toBe((first?.readUInt32BE(nonceAt) ?? 0) + 1);
    expect([first?.[nonceAt + 4], second?.[nonceAt + 4]]).toEqual([1, 2]);
  });

  it.each<[string, (peer: DtlsLockstepPeer) => Uint8Array, string]>([
    ["does not open", (peer) => peer.data("forged").with(-1, 0), "dropped badMac"],
    ["is not newer than the stored mark", (peer) => peer.data("old", { sequence: 0 }), "dropped replay"],
    ["has no Connection ID", (peer) => peer.data("bare", { cid: undefined }), "dropped cidMissing"],
  ])("claims nothing when it %s", (_, record, dropped) => {
    const { talk, peer, sends } = elsewhere({ holds: ["claim"] });
    sends(record(peer));
    expect([talk.told(), talk.askedCount("claim")]).toEqual([[dropped], 0]);
    expect(talk.server.usage).toMatchObject({ lookups: 0, associations: 0, readyKeys: 0 });
  });

  it("is dropped when nobody has it, and nothing stays", () => {
    const talk = new DtlsLockstep();
    const { peer } = elsewhere();
    talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes: peer.data("stray") });
    expect(talk.told()).toEqual(["dropped unknownAssociation"]);
    expect(talk.server.usage).toMatchObject({ lookups: 0, questions: 0 });
  });

  it.each(["find", "claim"] as const)(
    "is dropped when there is no answer to %s in 10 s; a late one is ignored",
    (type) => {
      const { talk, peer, sends } = elsewhere({ holds: [type] });
      sends(peer.data("hello"));
      const { questionId } = talk.asked(type);
      talk.advance(10_000);
      expect(talk.told()).toEqual(["dropped unknownAssociation"]);
      talk.does({ type: "answer", question: questionId, answer: { type: "none" } });
      talk.answer(type);
      expect(talk.server.usage).toMatchObject({ lookups: 0, associations: 0, questions: 0, readyKeys: 0 });
    },
  );

  it.each(["none", "unavailable"] as const)("is dropped when it may not be claimed: %s", (type) => {
    const { talk, peer, sends } = elsewhere({ holds: ["claim"] });
    sends(peer.data("hello"));
    talk.answer("claim", { type });
    expect(talk.told()).toEqual(["dropped unknownAssociation"]);
    expect(talk.server.usage).toMatchObject({ lookups: 0, associations: 0, readyKeys: 0 });
  });

  it("is of a suite that is not allowed any more: it is as good as unknown", () => {
    const { talk, peer, sends } = elsewhere({ server: { suites: [0x00a8] } });
    sends(peer.data("hello"));
    expect(talk.told()).toEqual(["dropped unknownAssociation"]);
  });

  it("waits with at most seven others, and 8 KiB", () => {
    const { talk, peer, sends } = elsewhere({ holds: ["find", "claim"] });
    for (let n = 0; n < 5; n++) sends(peer.data(`${n}`));
    talk.answer("find");
    for (let n = 5; n < 9; n++) sends(peer.data(`${n}`));
    expect(talk.told()).toEqual(["dropped parkedFull"]);
    talk.answer("claim");
    expect(talk.told()).toEqual(["takenOver", ...Array.from({ length: 8 }, (_, n) => `received ${n}`)]);
    const large = elsewhere({ holds: ["find"] });
    for (let n = 0; n < 3; n++) large.sends(large.peer.data("x".repeat(3000)));
    expect(large.talk.told()).toEqual(["dropped parkedFull"]);
  });

  it("does not hide the right one: forged ones may wait before it", () => {
    const { talk, peer, sends } = elsewhere({ holds: ["find"] });
    sends(peer.data("forged", { sequence: 500 }).with(-1, 0));
    sends(peer.data("right"));
    talk.answer("find");
    expect(talk.told()).toEqual(["takenOver", "dropped badMac", "received right"]);
  });

  it("is looked for within a limit", () => {
    const talk = new DtlsLockstep({ server: { limits: { maxLookups: 2 } }, holds: ["find"] });
    const { peer } = elsewhere();
    for (const port of [1, 2, 3]) {
      const record = peer.data("stray", { cid: undefined });
      talk.does({ type: "datagram", address: `192.0.2.1:${port}`, bytes: record });
    }
    expect([talk.told(), talk.askedCount("find")]).toEqual([["dropped tooManyLookups"], 2]);
  });
});

describe("an association of a living owner", () => {
  it("comes with its exact mark: what the owner had seen is a replay, and moves no address", () => {
    const { talk, peer, id } = elsewhere({ holds: ["claim"] });
    const captured = [peer.data("1"), peer.data("2")];
    for (const bytes of captured) talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes });
    const grant = { stamp: 2_000_000_000, slot: 2, from: 70_000, ceiling: 71_024 };
    talk.answer("claim", { type: "claimed", grant, mark: markAt(2) });
    expect(talk.told()).toEqual(["takenOver", "dropped replay", "dropped replay"]);
    talk.does({ type: "send", association: id, bytes: Buffer.from("to the device") });
    expect([talk.takeSent(OTHER_ADDRESS).length, talk.takeSent(peer.address).length]).toEqual([0, 1]);
  });

  it("stays with its owner when that has received what came here, or something newer", () => {
    const { talk, peer } = elsewhere({ holds: ["claim"] });
    talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes: peer.data("captured") });
    expect(talk.asked("claim")).toMatchObject({ sequence: 1 });
    talk.answer("claim", { type: "kept", mark: markAt(7) });
    expect(talk.told()).toEqual(["dropped replay"]);
    expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
  });

  it("comes with a record that it has not received, whatever was repeated before that", () => {
    const { talk, peer, sends } = elsewhere({ holds: ["claim"] });
    for (const text of ["1", "2"]) talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes: peer.data(text) });
    sends(peer.data("3"));
    talk.answer("claim", { type: "kept", mark: markAt(2) });
    expect(talk.asked("claim")).toMatchObject({ sequence: 3 });
    const grant = { stamp: 2_000_000_000, slot: 2, from: 70_000, ceiling: 71_024 };
    talk.answer("claim", { type: "claimed", grant, mark: markAt(2) });
    expect(talk.told()).toEqual(["takenOver", "dropped replay", "dropped replay", "received 3"]);
  });

  it("is not asked for twice by one record, whatever its owner says", () => {
    const { talk, peer, sends } = elsewhere({ holds: ["claim"] });
    sends(peer.data("1"));
    talk.answer("claim", { type: "kept", mark: { newest: -1, window: new Uint8Array(8) } });
    expect([talk.told(), talk.askedCount("claim"), talk.server.usage]).toEqual([
      ["dropped replay"],
      0,
      EMPTY_DTLS_SERVER,
    ]);
  });

  it("is where its owner heard it last", () => {
    const { talk, peer, id, sends } = elsewhere({ holds: ["claim"] });
    sends(peer.data("1"));
    const grant = { stamp: 2_000_000_000, slot: 2, from: 70_000, ceiling: 71_024 };
    talk.answer("claim", { type: "claimed", grant, mark: markAt(1), address: OTHER_ADDRESS });
    expect(talk.told()).toEqual(["takenOver", "dropped replay"]);
    expect(talk.server.snapshot(id)?.association.address).toBe(OTHER_ADDRESS);
  });

  it("moves with a record that is newer than the exact mark", () => {
    const { talk, peer } = elsewhere({ holds: ["claim"] });
    peer.data("lost");
    talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes: peer.data("newer") });
    const grant = { stamp: 2_000_000_000, slot: 2, from: 70_000, ceiling: 71_024 };
    talk.answer("claim", { type: "claimed", grant, mark: markAt(1) });
    expect(talk.told()).toEqual(["takenOver", "moved", "received newer"]);
  });
});

describe("an association of a dead owner", () => {
  it("is provisionally at a new address: three times the received bytes, until a second datagram", () => {
    const { talk, peer, id } = elsewhere();
    const bytes = peer.data("could be captured");
    talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes });
    expect(talk.hears("takenOver").association).toMatchObject({ provisional: true, address: OTHER_ADDRESS });
    expect(talk.told()).toEqual(["received could be captured"]);
    talk.does({ type: "send", association: id, bytes: new Uint8Array(3 * bytes.length) });
    expect(talk.told()).toEqual(["dropped amplification"]);
    talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes: peer.data("second") });
    expect(talk.hears("confirmed").association.provisional).toBe(false);
    talk.does({ type: "send", association: id, bytes: new Uint8Array(1000) });
    expect(talk.told()).toEqual(["received second"]);
    expect(talk.takeSent(OTHER_ADDRESS)).toHaveLength(1);
  });

  it("is not confirmed by a second record of the same datagram, nor by the same one again", () => {
    const { talk, peer } = elsewhere();
    const bytes = Buffer.concat([peer.data("1"), peer.data("2")]);
    for (let n = 0; n < 2; n++) talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes });
    expect(talk.told()).toEqual(["takenOver", "received 1", "received 2", "dropped replay", "dropped replay"]);
  });

  it("goes back to the device with its next record", () => {
    const { talk, peer, sends } = elsewhere();
    talk.does({ type: "datagram", address: OTHER_ADDRESS, bytes: peer.data("captured") });
    sends(peer.data("from the device"));
    expect(talk.told()).toEqual(["takenOver", "received captured", "moved", "received from the device"]);
    sends(peer.data("again"));
    expect(talk.told()).toEqual(["confirmed", "received again"]);
  });

  it("is not provisional at the address that was stored", () => {
    const { talk, peer, sends } = elsewhere();
    sends(peer.data("1"));
    expect(talk.hears("takenOver").association.provisional).toBe(false);
  });
});

describe("an association that comes here by two ways", () => {
  it("is one: the later claim holds", () => {
    const { talk, peer, id, sends } = elsewhere({ holds: ["find", "claim"] });
    sends(peer.data("1"));
    talk.answer("find").answer("claim");
    const { association } = talk.hears("takenOver");
    // Found by its address, for a record that lacks the Connection ID: not its own.
    sends(peer.data("2", { cid: undefined }));
    talk.answer("find");
    expect(talk.told()).toEqual(["received 1", "dropped cidMissing"]);
    expect([association.id, talk.server.usage.associations]).toEqual([id, 1]);
  });
});

describe("discard", () => {
  it("forgets everything before anything is sent: associations, handshakes, look-ups", () => {
    const { talk, peer, sends } = elsewhere({ holds: ["claim"] });
    talk.peer({ address: "192.0.2.5:1" }).associates();
    talk.peer({ address: "192.0.2.6:1" }).greets();
    sends(peer.data("being claimed"));
    talk.told();
    talk.does({ type: "discard" });
    expect(talk.told()).toEqual(["closed lost"]);
    expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
    talk.answer("claim");
    talk.advance(1_000_000);
    expect([talk.told(), talk.takeSent("192.0.2.5:1").length]).toEqual([[], 0]);
  });
});
