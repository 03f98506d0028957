import type { DeviceState } from "@ferry/state";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { OwnedDevice } from "./owned-device.ts";
import { Ownership } from "./ownership.ts";
import type { Serving } from "./serving.ts";

const HERE = "192.0.2.1:5683";
const THERE = "192.0.2.1:5684";
const SERVING = {} as Serving; // Nothing here looks at it.

function newDevice(endpoint: string, peer = HERE, epoch = 1, registrationId = `${endpoint}/${epoch}`): OwnedDevice {
  const registration = { tenant: "default", endpoint, registrationId };
  const state = { registration, owner: { slot: 0, bootId: "a0", epoch }, observations: [], waiting: { requests: 0 } };
  return new OwnedDevice(state as unknown as DeviceState, SERVING, { peer, address: peer }, 0); // No more of it is read.
}

describe("a device is found by its source address", () => {
  let ownership: Ownership;
  beforeEach(() => {
    ownership = new Ownership();
  });
  /** As `hear` does it. */
  function move(device: OwnedDevice, peer: string): void {
    const before = device.peer;
    device.heard({ peer, address: peer }, 1, 1000);
    ownership.moved(device, before);
  }

  it("from when it was adopted until it is dropped", () => {
    const device = ownership.adopt(newDevice("a"));
    expect(ownership.byPeer(HERE)).toBe(device);
    ownership.drop(device);
    expect(ownership.byPeer(HERE)).toBeUndefined();
  });

  it("where it was heard last, and no longer where it was", () => {
    const device = ownership.adopt(newDevice("a"));
    move(device, THERE);
    expect(ownership.byPeer(HERE)).toBeUndefined();
    expect(ownership.byPeer(THERE)).toBe(device);
  });

  it("not while several are there, and again when the others have left", () => {
    const devices = ["a", "b", "c"].map((endpoint) => ownership.adopt(newDevice(endpoint)));
    expect(ownership.byPeer(HERE)).toBe("ambiguous");
    ownership.drop(devices[0] as OwnedDevice);
    expect(ownership.byPeer(HERE)).toBe("ambiguous");
    move(devices[1] as OwnedDevice, THERE);
    expect(ownership.byPeer(HERE)).toBe(devices[2]);
    expect(ownership.byPeer(THERE)).toBe(devices[1]);
  });

  it("as what it became when it registered anew, from elsewhere too", () => {
    ownership.adopt(newDevice("a", HERE, 1));
    const again = ownership.adopt(newDevice("a", THERE, 2));
    expect(ownership.byPeer(HERE)).toBeUndefined();
    expect(ownership.byPeer(THERE)).toBe(again);
  });

  it("not when it was dropped before it moved, and not when all was cleared", () => {
    const device = ownership.adopt(newDevice("a"));
    ownership.drop(device);
    move(device, THERE);
    expect(ownership.byPeer(THERE)).toBeUndefined();
    ownership.adopt(newDevice("b"));
    ownership.clear();
    expect(ownership.byPeer(HERE)).toBeUndefined();
  });
});

it("What was counted of a device goes on when it registers anew", () => {
  const ownership = new Ownership();
  const device = ownership.adopt(newDevice("a", HERE, 1));
  device.uplinks = [5];
  device.linesLeftOut = 3;
  expect(ownership.adopt(newDevice("a", HERE, 2))).toMatchObject({ uplinks: [5], linesLeftOut: 3 });
});

describe("what is under way to a device is given up", () => {
  type Change = (ownership: Ownership, device: OwnedDevice) => void;

  /** Whether a request under way has been given up after the change. */
  function isGivenUp(change: Change, repeatable: boolean): boolean {
    const ownership = new Ownership();
    const device = ownership.adopt(newDevice("a"));
    const underWay = new AbortController();
    device.underWay = { repeatable, abort: () => underWay.abort() };
    change(ownership, device);
    return underWay.signal.aborted;
  }

  it.each<[string, Change]>([
    ["when it is dropped", (ownership, device) => ownership.drop(device)],
    ["when it registers anew", (ownership) => ownership.adopt(newDevice("a", HERE, 2))],
    ["when it registers anew at another node", (ownership, device) => ownership.drop(device, "another")],
    ["when all is cleared", (ownership) => ownership.clear()],
  ])("%s", (_, change) => {
    expect([isGivenUp(change, true), isGivenUp(change, false)]).toEqual([true, true]);
  });

  it.each<[string, Change]>([
    ["at another node", (ownership, device) => ownership.drop(device, device.registration.registrationId)],
    [
      "at this one",
      (ownership, { registration }) => ownership.adopt(newDevice("a", THERE, 2, registration.registrationId)),
    ],
  ])(
    "when its registration lives on %s, but what does something each time is not: its answer may still come",
    (_, change) => {
      expect([isGivenUp(change, true), isGivenUp(change, false)]).toEqual([true, false]);
    },
  );
});
