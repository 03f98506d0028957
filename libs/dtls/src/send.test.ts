import { DtlsLockstep, type DtlsLockstepOptions, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import type { LiveAssociation } from "./association.ts";
import type { AssociationId, WriteGrant } from "./association-state.ts";
import { MAX_SEQUENCE } from "./record.ts";
import { WritePermit } from "./write-permit.ts";

interface Associated {
  readonly talk: DtlsLockstep;
  readonly peer: DtlsLockstepPeer;
  readonly id: AssociationId;
  readonly permit: WritePermit;
  /** Sends this many records. */
  readonly sends: (count: number) => void;
}

function associated(options: DtlsLockstepOptions = {}): Associated {
  const talk = new DtlsLockstep(options);
  const peer = talk.peer().associates();
  // The live view is the association itself.
  const { id, permit } = talk.hears("established").association as LiveAssociation;
  if (permit === undefined) throw new TypeError("an association that was made may write");
  let n = 0;
  const sends = (count: number): void => {
    for (let end = n + count; n < end; n++) talk.does({ type: "send", association: id, bytes: Buffer.from(`${n}`) });
  };
  return { talk, peer, id, permit, sends };
}

/** The explicit nonce of each record of epoch 1. */
function nonces(peer: DtlsLockstepPeer): string[] {
  return peer.receives().map(({ bytes }) => Buffer.from(bytes.subarray(13, 21)).toString("hex"));
}

describe("sequence numbers", () => {
  it("are asked for when less than a quarter of a block is left", () => {
    const { talk, sends } = associated({ holds: ["reserve"] });
    // Finished took number 0.
    sends(767);
    expect(talk.askedCount("reserve")).toBe(0);
    sends(1);
    expect(talk.asked("reserve").grant).toMatchObject({ slot: 1, from: 769, ceiling: 1024 });
    sends(200);
    expect(talk.askedCount("reserve")).toBe(1);
    talk.answer("reserve");
    sends(823);
    expect(talk.askedCount("reserve")).toBe(0);
    sends(1);
    expect(talk.asked("reserve").grant).toMatchObject({ from: 1793, ceiling: 2048 });
  });

  it("that are used up let records wait, in order and within bounds, until there are more", () => {
    const { talk, peer, sends } = associated({ holds: ["reserve"] });
    sends(1023);
    peer.receives();
    sends(10);
    expect(peer.receives()).toEqual([]);
    expect(talk.told()).toEqual(["dropped noSequence", "dropped noSequence"]);
    talk.answer("reserve");
    expect(peer.reads()).toEqual(Array.from({ length: 8 }, (_, n) => `data ${1023 + n}`));
    sends(1);
    expect(peer.reads()).toEqual(["data 1033"]);
  });

  it("that cannot be had now are asked for again by the next record", () => {
    const { talk, peer, sends } = associated({ holds: ["reserve"] });
    sends(1023);
    sends(1);
    peer.receives();
    talk.answer("reserve", { type: "unavailable" });
    expect(talk.told()).toEqual(["dropped noSequence"]);
    sends(1);
    talk.answer("reserve");
    expect(peer.reads()).toEqual(["data 1024"]);
  });

  it("that are refused say that another node has the association: it is forgotten, silently", () => {
    const { talk, peer, sends } = associated({ holds: ["reserve"] });
    sends(768);
    peer.receives();
    talk.answer("reserve", { type: "none" });
    expect(talk.told()).toEqual(["closed lost"]);
    expect(peer.receives()).toEqual([]);
    sends(1);
    expect(talk.told()).toEqual(["dropped noAssociation"]);
  });

  it("that are reserved too late, for an association that has ended, change nothing", () => {
    const { talk, id, sends } = associated({ holds: ["reserve"] });
    sends(768);
    talk.does({ type: "close", association: id, alert: undefined });
    talk.answer("reserve", { type: "none" });
    expect(talk.told()).toEqual(["closed closed"]);
  });

  it("bound what waits by its bytes, too", () => {
    const { talk, id, sends } = associated({ holds: ["reserve"] });
    sends(1023);
    for (let n = 0; n < 3; n++) talk.does({ type: "send", association: id, bytes: new Uint8Array(3000) });
    expect(talk.told()).toEqual(["dropped noSequence"]);
  });
});

describe("explicit nonces (docs/architecture.md)", () => {
  it("are stamp, slot and a counter, and none is twice", () => {
    const { talk, peer, sends } = associated({ server: { slot: 0xab } });
    sends(3000);
    const stamp = Math.floor(Date.UTC(2030, 0, 1) / 1000).toString(16);
    const all = nonces(peer);
    // Finished took counter 0.
    expect(all[0]).toBe(`${stamp}ab000001`);
    expect([all.length, new Set(all).size]).toEqual([3000, 3000]);
    expect(talk.told()).toEqual([]);
  });

  it("are the record's numbers where a modem insists", () => {
    const { peer, sends } = associated({ server: { nonce: "sequence" } });
    sends(2);
    expect(nonces(peer)).toEqual(["0001000000000001", "0001000000000002"]);
  });
});

describe("a permit to write", () => {
  const GRANT: WriteGrant = { stamp: 1, slot: 2, from: 0, ceiling: 4 };

  it("ends with the last number of an epoch, for good (RFC 6347 §4.1)", () => {
    const permit = new WritePermit({ ...GRANT, from: MAX_SEQUENCE, ceiling: MAX_SEQUENCE + 1024 }, "stamped");
    expect(permit.take()?.sequence).toBe(MAX_SEQUENCE);
    expect([permit.take(), permit.lacks, permit.isLow]).toEqual([undefined, "end", false]);
    permit.extend(MAX_SEQUENCE + 5000);
    expect(permit.take()).toBeUndefined();
  });

  it("is not shortened by a late answer", () => {
    const permit = new WritePermit(GRANT, "stamped");
    permit.extend(3);
    expect(permit.grant.ceiling).toBe(4);
  });
});

describe("a counter of nonces that is used up", () => {
  it("has the association claimed again, and what waited goes on under the new stamp", () => {
    const { talk, peer, permit, id } = associated({ holds: ["claim", "reserve"] });
    permit.extend(2 ** 25);
    let last: Uint8Array | undefined;
    for (let number = permit.take(); number !== undefined; number = permit.take()) last = number.nonce;
    expect(Buffer.from(last ?? []).readUIntBE(5, 3)).toBe(2 ** 24 - 1);
    talk.does({ type: "send", association: id, bytes: Buffer.from("waits") });
    expect(peer.receives()).toEqual([]);
    expect(talk.asked("claim")).toMatchObject({ association: id, principal: "device", sequence: undefined });
    const grant = { stamp: 1_900_000_000, slot: 1, from: 2 ** 26 + 65_536, ceiling: 2 ** 26 + 66_560 };
    talk.answer("claim", { type: "claimed", grant, mark: undefined });
    const [record] = peer.receives();
    expect(Buffer.from(record?.content ?? []).toString()).toBe("waits");
    expect(Buffer.from(record?.bytes.subarray(13, 21) ?? []).readUInt32BE()).toBe(1_900_000_000);
    expect(talk.told()).toEqual([]);
  });
});
