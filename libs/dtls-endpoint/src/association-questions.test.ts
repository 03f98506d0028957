import { randomBytes } from "node:crypto";
import { parseSealingKeys, sealSecret } from "@ferry/provisioning";
import { SEQUENCE_BLOCK, StateUnavailableError, type StoredAssociation } from "@ferry/state";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import {
  countOf,
  EndpointFixture,
  PSK_KEY,
  pskCredential,
  type TestClient,
  type TestNode,
  until,
} from "./endpoint-fixture.ts";

const DEVICE = { tenant: "default", endpoint: "meter-1" };
const PSK = { psk: { identity: "meter-1-psk", key: { plain: PSK_KEY } } };
const OTHER_PSK = { psk: { identity: "meter-1-psk", key: { plain: Buffer.alloc(16, 9) } } };

let fixture: EndpointFixture;

beforeEach(async () => {
  fixture = new EndpointFixture();
  await fixture.declare("meter-1", [PSK]);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await fixture.stop();
});

const ANY: unknown = expect.anything();
const stored = () => fixture.state.associations.get(DEVICE);

async function storedNow(): Promise<StoredAssociation> {
  return (await stored()) as StoredAssociation; // The device has one.
}

describe("a credential that is withdrawn", () => {
  /** All nodes are told of it while no association of the device is in memory yet. */
  async function withdraw(node: TestNode): Promise<void> {
    await fixture.declare("meter-1", [OTHER_PSK]);
    await node.endpoint.recheck(DEVICE);
  }

  it("while its handshake is under way makes no association and no session", async () => {
    const node = await fixture.node(1);
    const { associations } = fixture.state;
    const putSession = jest.spyOn(associations, "putSession");
    const put = associations.put.bind(associations);
    jest.spyOn(associations, "put").mockImplementation(async (...request) => {
      const outcome = await put(...request);
      await withdraw(node);
      return outcome;
    });
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    expect(await client.connect()).toMatchObject({ type: "failed" });
    expect(node.told).toEqual([]);
    expect(await stored()).toBeUndefined();
    expect(putSession).toHaveBeenCalledTimes(1);
    for (const [{ id }] of putSession.mock.calls) expect(await associations.getSession(id)).toBeUndefined();
  });

  it("while it was being looked at ends the association at once", async () => {
    const node = await fixture.node(1);
    const { associations } = fixture.state;
    const putSession = associations.putSession.bind(associations);
    jest.spyOn(associations, "putSession").mockImplementation(async (...request) => {
      await putSession(...request);
      await withdraw(node);
    });
    const client = await fixture.client(node, pskCredential("meter-1-psk"));
    await client.connect();
    await until(() => node.told.includes("closed closed"));
    expect(node.endpoint.size).toBe(0);
    await until(async () => (await stored()) === undefined);
  });

  it("while its association is being claimed ends that at once", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const { associations } = fixture.state;
    const claim = associations.claim.bind(associations);
    jest.spyOn(associations, "claim").mockImplementation(async (request) => {
      const outcome = await claim(request);
      await withdraw(two);
      return outcome;
    });
    client.moveTo(two);
    client.send("a");
    await until(() => two.told.includes("closed closed"));
    expect(two.endpoint.size).toBe(0);
    await until(async () => (await stored()) === undefined);
  });
});

describe("an association of a living node", () => {
  /** A record that the node has received, as somebody on the way has seen it. */
  async function captured(client: TestClient, node: TestNode): Promise<Uint8Array> {
    client.sent.length = 0;
    await client.ask("captured");
    await client.ask("newer");
    const [record] = client.sent;
    expect(node.received.map(({ text }) => text)).toEqual(["captured", "newer"]);
    return record ?? new Uint8Array(0);
  }

  it("stays there when a captured record is sent to another one, wherever from: the store does not even hear of it", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const record = await captured(client, one);
    const before = await stored();
    await fixture.sendFromElsewhere(two, record);
    await until(async () => (await countOf(two, 'dropped_total{reason="replay"}')) === 1);
    expect(await countOf(two, 'take_overs_total{owner="kept"}')).toBe(1);
    expect([one.endpoint.size, two.endpoint.size, two.told]).toEqual([1, 0, []]);
    expect(await stored()).toMatchObject({ owner: one.node, stamp: before?.stamp });
    expect(await client.ask("still here")).toBe("echo still here");
  });

  it("goes with its device all the same while captured records are sent to the other one", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const record = await captured(client, one);
    client.moveTo(two);
    void fixture.sendFromElsewhere(two, record);
    expect(await client.ask("moved")).toBe("echo moved");
    expect(await stored()).toMatchObject({ owner: two.node });
    expect(two.endpoint.peer(two.endpoint.byDevice(DEVICE) ?? "")?.provisional).toBe(false);
  });

  it("that a third one claims meanwhile comes from there, with all that it has received", async () => {
    const [one, two, three] = [await fixture.node(1), await fixture.node(2), await fixture.node(3)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const { associations } = fixture.state;
    const claim = associations.claim.bind(associations);
    const twice = jest.spyOn(associations, "claim").mockImplementationOnce(async (request) => {
      client.moveTo(three);
      await client.ask("to the third");
      return await claim(request);
    });
    client.moveTo(two);
    client.send("to the second");
    await until(() => two.told.includes("takenOver"));
    expect(twice).toHaveBeenCalledTimes(2);
    expect([one, two, three].map(({ endpoint }) => endpoint.size)).toEqual([0, 1, 0]);
    expect(two.endpoint.peer(two.endpoint.byDevice(DEVICE) ?? "")?.provisional).toBe(false);
    expect(await stored()).toMatchObject({ owner: two.node });
    client.moveTo(two);
    expect(await client.ask("again")).toBe("echo again");
  });

  it("stays when it is asked for by the stamp of an earlier claim, as a command does that comes late or twice", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const first = await storedNow();
    client.moveTo(two);
    await client.ask("to the second");
    client.moveTo(one);
    await client.ask("and back");
    expect((await storedNow()).stamp).toBeGreaterThan(first.stamp);
    for (const sequence of [undefined, 1_000]) expect(one.endpoint.release(first, sequence)).toBeUndefined();
    expect(one.endpoint.release(first, 0)).toMatchObject({ type: "kept" }); // What it has received is news to nobody.
    expect(one.endpoint.size).toBe(1);
    expect(one.endpoint.release(await storedNow(), 1_000)).toMatchObject({ type: "released", mark: { window: ANY } });
    expect(one.endpoint.size).toBe(0);
  });

  it("that its node claims anew while it is asked for goes all the same, with all that it has received", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const first = await storedNow();
    client.moveTo(two);
    await client.ask("to the second");
    client.moveTo(one);
    await client.ask("and back");
    // The second reads it as it was before.
    jest.spyOn(fixture.state.associations, "get").mockResolvedValueOnce(first);
    client.moveTo(two);
    expect(await client.ask("to the second once more")).toBe("echo to the second once more");
    expect([one.endpoint.size, two.endpoint.size]).toEqual([0, 1]);
    expect(two.endpoint.peer(two.endpoint.byDevice(DEVICE) ?? "")?.provisional).toBe(false);
    expect(await countOf(two, 'take_overs_total{owner="alive"}')).toBe(2);
  });

  it("that is held under an older stamp than the store has goes, but does not count as received up to there", async () => {
    const one = await fixture.node(1);
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const association = await storedNow();
    const later = { ...association, stamp: association.stamp + 1 };
    expect(one.endpoint.release(later, 1_000)).toEqual({ type: "released", mark: undefined });
    expect(one.endpoint.size).toBe(0);
  });

  it("is found by the next record when it was released for a claim that failed", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const away = new StateUnavailableError("the store is away");
    jest.spyOn(fixture.state.associations, "claim").mockRejectedValueOnce(away);
    client.moveTo(two);
    client.send("lost");
    await until(async () => (await countOf(two, 'dropped_total{reason="unknownAssociation"}')) === 1);
    expect([one.endpoint.size, two.endpoint.size]).toEqual([0, 0]);
    expect(await client.ask("found")).toBe("echo found");
    expect(await stored()).toMatchObject({ owner: two.node });
  });
});

describe("a claim whose answer was lost", () => {
  /** The store gives the association to whoever claims it next, and nobody hears of it. */
  function loseAnswer(): void {
    const { associations } = fixture.state;
    const claim = associations.claim.bind(associations);
    jest.spyOn(associations, "claim").mockImplementationOnce(async (request) => {
      await claim(request);
      throw new StateUnavailableError("the answer was lost");
    });
  }

  /** The device moves to a node, whose claim it is; the node has nothing then, and is the owner by the store. */
  async function claimInVain(client: TestClient, node: TestNode): Promise<StoredAssociation> {
    const before = await countOf(node, 'dropped_total{reason="unknownAssociation"}');
    loseAnswer();
    client.moveTo(node);
    client.send("lost");
    await until(async () => (await countOf(node, 'dropped_total{reason="unknownAssociation"}')) > before);
    expect(node.endpoint.byDevice(DEVICE)).toBeUndefined();
    const association = await storedNow();
    expect(association.owner).toEqual(node.node);
    return association;
  }

  const peerAt = (node: TestNode) => node.endpoint.peer(node.endpoint.byDevice(DEVICE) ?? "");

  it("is made once more for the next record, beyond all that the lost one gave, and nobody takes the stored mark for exact", async () => {
    const [one, two] = [await fixture.node(1), await fixture.node(2)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const lost = await claimInVain(client, two);
    await client.rebind();
    expect(await client.ask("found")).toBe("echo found");
    const { owner, stamp, sendCeiling } = await storedNow();
    expect(owner).toEqual(two.node);
    expect(stamp).toBeGreaterThan(lost.stamp);
    expect(sendCeiling).toBeGreaterThanOrEqual(lost.sendCeiling + SEQUENCE_BLOCK);
    expect(peerAt(two)).toMatchObject({ provisional: true });
  });

  it("makes its node as good as dead for the next one", async () => {
    const [one, two, three] = [await fixture.node(1), await fixture.node(2), await fixture.node(3)];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    const lost = await claimInVain(client, two);
    expect(two.endpoint.release(lost, 1_000)).toBeUndefined();
    await client.rebind();
    client.moveTo(three);
    expect(await client.ask("found")).toBe("echo found");
    expect(await countOf(three, 'take_overs_total{owner="dead"}')).toBe(1);
    expect(await countOf(three, 'take_overs_total{owner="alive"}')).toBe(0);
    expect(peerAt(three)).toMatchObject({ provisional: true });
    expect((await storedNow()).stamp).toBeGreaterThan(lost.stamp);
  });

  it("ends that the stored mark was exact for the node that had stored it", async () => {
    const one = await fixture.node(1, { maxAssociations: 1 });
    await fixture.declare("meter-2", [{ psk: { identity: "meter-2-psk", key: { plain: PSK_KEY } } }]);
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    await (await fixture.client(one, pskCredential("meter-2-psk"))).connect(); // There is no room for both.
    await until(() => one.endpoint.byDevice(DEVICE) === undefined);
    await claimInVain(client, one);
    await client.rebind();
    expect(await client.ask("found")).toBe("echo found");
    expect(peerAt(one)).toMatchObject({ provisional: true });
  });
});

it("Of all devices whose credentials changed the associations end when all are looked at, also beside one whose key cannot be opened", async () => {
  const node = await fixture.node(1);
  await fixture.declare("meter-2", [{ psk: { identity: "meter-2-psk", key: { plain: PSK_KEY } } }]);
  for (const name of ["meter-2", "meter-1"]) await (await fixture.client(node, pskCredential(`${name}-psk`))).connect();
  const others = parseSealingKeys(Buffer.alloc(32, 4).toString("base64"));
  const sealed = sealSecret(others, PSK_KEY, "default/meter-2", randomBytes);
  await fixture.declare("meter-2", [{ psk: { identity: "meter-2-psk", key: { sealed } } }]);
  await fixture.declare("meter-1", [OTHER_PSK]);
  await node.endpoint.recheckAll();
  expect(node.endpoint.byDevice({ tenant: "default", endpoint: "meter-2" })).toBeDefined();
  expect(node.endpoint.byDevice(DEVICE)).toBeUndefined();
});
