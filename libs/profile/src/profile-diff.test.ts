import type { NotificationAttributes, SupportedObjects } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseDeviceProfile } from "./device-profile.ts";
import { attributeChanges, changedReads, groupName } from "./profile-diff.ts";

const path = [3, 0, 9];

describe("the Write-Attributes of a change", () => {
  it.each([
    ["nothing, when nothing differs", { pmin: 10 }, { pmin: 10 }, undefined],
    [
      "all that the path is to have, when one differs",
      { pmin: 10, pmax: 60 },
      { pmin: 10, pmax: 90 },
      { pmin: 10, pmax: 90 },
    ],
    ["a clear of what is wanted no more, beside what is", { pmin: 10, gt: 5 }, { pmin: 10 }, { gt: null, pmin: 10 }],
    ["a clear of everything", { pmin: 10, pmax: 60 }, undefined, { pmin: null, pmax: null }],
    ["no clear of what was cleared", { pmin: null }, undefined, undefined],
    ["what is new", undefined, { pmin: 1 }, { pmin: 1 }],
    ["a clear that the profile itself asks for", undefined, { pmin: null }, { pmin: null }],
  ])("are %s", (_, before, after, written) => {
    const list = (attributes: NotificationAttributes | undefined) =>
      attributes === undefined ? [] : [{ path, attributes }];
    expect(attributeChanges(list(before), list(after))).toEqual(list(written as NotificationAttributes | undefined));
  });

  it("repeat what is not known to have been taken, and clear it where it is not wanted any more", () => {
    const unsettled = [{ path, attributes: { pmin: 10, gt: null } }];
    const wanted = [{ path, attributes: { pmax: 60 } }];
    expect(attributeChanges(wanted, wanted, unsettled)).toEqual([
      { path, attributes: { pmin: null, gt: null, pmax: 60 } },
    ]);
  });

  it("bring any set of attributes to any other", () => {
    const attributes = fc.record({ pmin: fc.nat(9), pmax: fc.nat(9), gt: fc.nat(9) }, { requiredKeys: [] });
    fc.assert(
      fc.property(attributes, attributes, attributes, (before, unsettled, after) => {
        const changes = attributeChanges(
          [{ path, attributes: before }],
          [{ path, attributes: after }],
          [{ path, attributes: unsettled }],
        );
        const device: Record<string, unknown> = { ...before, ...unsettled };
        Object.assign(device, changes[0]?.attributes);
        const held = Object.fromEntries(Object.entries(device).filter(([, value]) => value !== null));
        expect(held).toEqual(after);
      }),
    );
  });
});

describe("the reads of a change", () => {
  const supported: SupportedObjects = {
    lwm2mVersion: "1.1",
    rootPath: [],
    contentFormats: [],
    objects: new Map([["3", { version: "1.1", instances: [0] }]].map(([id, object]) => [Number(id), object as never])),
  };
  const before = {
    profile: parseDeviceProfile({ resources: { "/3/0/0": { key: "maker", attribute: true } } }),
    supported,
  };
  const reads = (resources: object, device = supported) =>
    changedReads(before, { profile: parseDeviceProfile({ resources }), supported: device });

  it("are those of paths that are published now, or by another name, or as something else", () => {
    expect(reads({ "/3/0/0": { key: "maker", attribute: true } })).toEqual([]);
    expect(reads({ "/3/0/0": { key: "manufacturer", attribute: true } })).toEqual([[[3, 0, 0]]]);
    expect(reads({ "/3/0/0": { key: "maker", attribute: true, telemetry: true } })).toEqual([[[3, 0, 0]]]);
    expect(reads({ "/3/0/1": { key: "model", attribute: true } })).toEqual([[[3, 0, 1]]]);
  });

  it("leave out what is newly observed, for it reports by itself", () => {
    expect(reads({ "/3/0/9": { key: "level", telemetry: true, observe: true } })).toEqual([]);
  });

  it("are those of Object Instances that the device has got", () => {
    const resources = {
      "/3303/0/5601": { key: "min0", attribute: true },
      "/3303/1/5601": { key: "min1", attribute: true },
    };
    const profile = parseDeviceProfile({ resources });
    const has = (instances: number[]): SupportedObjects => ({
      ...supported,
      objects: new Map([[3303, { version: "1.0", instances }]]),
    });
    expect(changedReads({ profile, supported: has([0]) }, { profile, supported: has([0, 1]) })).toEqual([
      [[3303, 1, 5601]],
    ]);
  });
});

describe("the name of a group", () => {
  it("does not depend on the order of its paths", () => {
    const one = [
      [3, 0, 9],
      [19, 0, 0],
    ];
    expect(groupName(one)).toBe(groupName(one.toReversed()));
    expect(groupName([[3, 0, 9]])).toBe("/3/0/9");
  });
});
