import { DtlsLockstep, type DtlsLockstepOptions, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import type { AssociationId } from "./association-state.ts";
import { parseConnectionId } from "./connection-id.ts";
import { CONTENT_TYPE } from "./record.ts";

const CID = Uint8Array.of(1, 2, 3);

function associated(
  options: DtlsLockstepOptions = {},
  cid: Uint8Array = CID,
): { talk: DtlsLockstep; peer: DtlsLockstepPeer; id: AssociationId } {
  const talk = new DtlsLockstep(options);
  const peer = talk.peer({ cid }).associates();
  const { id } = talk.hears("established").association;
  return { talk, peer, id };
}

function sends(talk: DtlsLockstep, association: AssociationId, bytes: number): void {
  talk.does({ type: "send", association, bytes: new Uint8Array(bytes) });
}

describe("a Connection ID (RFC 9146)", () => {
  it.each([8, 12])("has our length, %i bytes, and says where to look", (cidLengthBytes) => {
    const { peer, talk } = associated({ server: { cidLengthBytes, slot: 9 } });
    const own = peer.granted.connectionId ?? new Uint8Array(0);
    expect(own).toHaveLength(cidLengthBytes);
    expect(parseConnectionId(own)?.slot).toBe(9);
    peer.sends(peer.data("hello"));
    expect(talk.hears("received").association.hasCid).toBe(true);
  });

  it("of the client is in our records", () => {
    const { talk, peer, id } = associated();
    sends(talk, id, 5);
    const [record] = peer.receives();
    expect(record?.type).toBe(CONTENT_TYPE.APPLICATION_DATA);
    expect([...(record?.bytes.subarray(11, 14) ?? [])]).toEqual([...CID]);
  });

  it("of the client may be empty: our records have none then", () => {
    const { talk, peer, id } = associated({}, new Uint8Array(0));
    sends(talk, id, 5);
    expect(peer.receives()[0]?.bytes[0]).toBe(CONTENT_TYPE.APPLICATION_DATA);
  });

  it("of more than 32 bytes is not agreed to, nor any when ours are off", () => {
    expect(associated({}, new Uint8Array(33)).peer.granted.connectionId).toBeUndefined();
    expect(associated({ server: { cidLengthBytes: 0 } }).peer.granted.connectionId).toBeUndefined();
  });

  it("is in all records, once it was negotiated: others are dropped", () => {
    const { talk, peer } = associated();
    peer.sends(peer.data("without", { cid: undefined }), peer.data("with"));
    expect(talk.told().toSorted()).toEqual(["dropped cidMissing", "received with"]);
  });

  it("is in Finished already", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer({ cid: CID }).greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished({ cid: undefined }));
    expect(talk.told()).toEqual(["dropped cidMissing"]);
    expect(talk.server.usage.associations).toBe(0);
  });

  it("is in Finished also beside an association of the same address that has none", () => {
    const talk = new DtlsLockstep();
    talk.peer().associates();
    talk.told();
    const peer = talk.peer({ cid: CID }).greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished({ cid: undefined }));
    // To the association its number is an old one.
    expect(talk.told()).toEqual(["dropped replay"]);
  });

  it("that is none of ours is dropped without a question", () => {
    const { talk, peer } = associated({ holds: ["find"] });
    peer.sends(peer.data("guess", { cid: new Uint8Array(8).fill(0xff) }));
    expect([talk.told(), talk.askedCount("find")]).toEqual([["dropped unknownAssociation"], 0]);
  });
});

describe("an address (RFC 9146 §6)", () => {
  it("changes with a newer record, before what the record said is told", () => {
    const { talk, peer, id } = associated();
    peer.address = "198.51.100.7:1";
    peer.sends(peer.data("moved"));
    const moved = talk.hears("moved");
    expect([moved.from, moved.association.address, moved.association.provisional]).toEqual([
      "192.0.2.1:40000",
      "198.51.100.7:1",
      false,
    ]);
    expect(talk.told()).toEqual(["received moved"]);
    sends(talk, id, 5);
    expect(peer.receives()).toHaveLength(1);
  });

  it("does not change with an older record, a repeated one, or one that does not open", () => {
    const { talk, peer, id } = associated();
    const [older, newer] = [peer.data("older"), peer.data("newer")];
    peer.sends(newer);
    peer.address = "198.51.100.7:1";
    peer.sends(newer).sends(older);
    peer.sends(peer.data("forged", { sequence: 1000 }).with(-1, 0));
    expect(talk.told()).toEqual(["received newer", "dropped replay", "received older", "dropped badMac"]);
    sends(talk, id, 5);
    expect(peer.receives()).toEqual([]);
  });

  it("is decided after all records of a datagram", () => {
    const { talk, peer } = associated();
    const [first, second] = [peer.data("first"), peer.data("second")];
    peer.address = "198.51.100.7:1";
    peer.sends(second, first);
    expect(talk.told()).toEqual(["moved", "received second", "received first"]);
  });

  it("that one datagram has named gets at most three times what came from it, until another one came", () => {
    const { talk, peer, id } = associated();
    peer.address = "198.51.100.7:1";
    const record = peer.data("moved", {});
    peer.sends(record);
    talk.told();
    sends(talk, id, 3 * record.length);
    expect(talk.told()).toEqual(["dropped amplification"]);
    sends(talk, id, 20);
    expect(peer.receives().reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(3 * record.length);
    peer.sends(peer.data("once more"));
    sends(talk, id, 1000);
    expect(peer.receives()).toHaveLength(1);
    expect(talk.told()).toEqual(["received once more"]);
  });

  it("changes at most ten times a minute; the records are taken all the same", () => {
    const { talk, peer } = associated();
    for (let n = 0; n < 12; n++) {
      peer.address = `198.51.100.7:${n}`;
      peer.sends(peer.data("on the move"));
    }
    const told = talk.told();
    expect(told.filter((event) => event === "moved")).toHaveLength(10);
    expect(told.filter((event) => event === "received on the move")).toHaveLength(12);
    talk.advance(60_000);
    peer.sends(peer.data("later"));
    expect(talk.told()).toContain("moved");
  });

  it("of a device without Connection ID cannot be taken from it by one that has one", () => {
    const talk = new DtlsLockstep({ holds: ["find"] });
    const victim = talk.peer({ address: "192.0.2.1:1" }).associates();
    const other = talk.peer({ address: "192.0.2.2:1", cid: CID }).associates();
    talk.told();
    const { address } = victim;
    talk.does({ type: "datagram", address, bytes: other.data("from the victim's address") });
    victim.sends(victim.data("still served"));
    expect(talk.told()).toEqual(["moved", "received from the victim's address", "received still served"]);
  });

  it("that passes to another device ends nobody's association that has a Connection ID", () => {
    const talk = new DtlsLockstep();
    talk.answers.addPsk("second");
    const first = talk.peer({ cid: CID }).associates();
    const second = talk.peer({ cid: CID, identity: "second" }).associates();
    expect(talk.hears("established").replaced).toBeUndefined();
    talk.told();
    first.address = "198.51.100.7:1";
    first.sends(first.data("first"));
    second.sends(second.data("second"));
    expect(talk.told()).toEqual(["moved", "received first", "received second"]);
  });
});
