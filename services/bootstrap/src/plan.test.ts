import { type BootstrapOperation, formatPath, parseBootstrapDiscovery } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { BOOTSTRAP_ACCOUNT, PaperDevice, type PaperInstance, serverAccount } from "./paper-accounts.ts";
import { type BootstrapTarget, planBootstrap } from "./plan.ts";

const target = (shortServerIds: readonly number[], more: Partial<BootstrapTarget> = {}): BootstrapTarget => ({
  servers: shortServerIds.map((id) => serverAccount(id)),
  bootstrapServer: undefined,
  objects: [],
  ...more,
});
const shown = (operations: readonly BootstrapOperation[]) =>
  operations.map((each) => `${each.type} ${"path" in each ? formatPath(each.path) : ""}`);
const plan = (to: BootstrapTarget, links: string | undefined) =>
  shown(planBootstrap(to, links === undefined ? undefined : parseBootstrapDiscovery(links)).operations);

describe("instance ids", () => {
  it("of a server that the device knows stay: its instances are deleted and written anew", () => {
    expect(plan(target([101]), "</0/0>,</0/3>;ssid=101,</1/5>;ssid=101")).toEqual([
      "delete /0/3",
      "delete /1/5",
      "write /0/3",
      "write /1/5",
    ]);
  });

  it("of a new server are the lowest that nobody has", () => {
    expect(plan(target([101, 102]), "</0/0>;ssid=9,</0/1>,</0/3>;ssid=8,</1/1>;ssid=9,</1/0>;ssid=8")).toEqual([
      "write /0/2",
      "write /1/2",
      "write /0/4",
      "write /1/3",
    ]);
  });

  it("of a factory-fresh device leave the bootstrap server's account alone, wherever it is", () => {
    expect(plan(target([101]), "</0/0>,</3/0>")).toEqual(["write /0/1", "write /1/0"]);
    expect(plan(target([101]), "</0/1>,</3/0>")).toEqual(["write /0/0", "write /1/0"]);
  });

  it("leave 0 of Security alone when the device names no account of the bootstrap server: it came by one", () => {
    expect(plan(target([101]), "</0>,</1>,</3/0>")).toEqual(["write /0/1", "write /1/0"]);
  });

  it("are from 1 on when the device cannot be asked, and then nothing is deleted", () => {
    expect(plan(target([101, 102], { bootstrapServer: BOOTSTRAP_ACCOUNT }), undefined)).toEqual([
      "write /0/1",
      "write /1/1",
      "write /0/2",
      "write /1/2",
    ]);
  });

  it("of half an account are completed", () => {
    expect(plan(target([101]), "</0/0>,</1/4>;ssid=101")).toEqual(["delete /1/4", "write /0/1", "write /1/4"]);
  });

  it("that one server has more than one of are made one", () => {
    expect(plan(target([101]), "</0/0>,</0/2>;ssid=101,</0/1>;ssid=101,</1/0>;ssid=101")).toEqual([
      "delete /0/1",
      "delete /0/2",
      "delete /1/0",
      "write /0/1",
      "write /1/0",
    ]);
  });
});

describe("the bootstrap server's account", () => {
  it("is written over where it is, last, and never deleted", () => {
    expect(plan(target([101], { bootstrapServer: BOOTSTRAP_ACCOUNT }), "</0/7>,</0/0>;ssid=101")).toEqual([
      "delete /0/0",
      "write /0/0",
      "write /1/0",
      "write /0/7",
    ]);
  });

  it.each(["</0/0>;ssid=101", "</0/0>,</0/1>", ""])(
    "is not written when the device does not say which it is: %s",
    (links) => {
      expect(plan(target([], { bootstrapServer: BOOTSTRAP_ACCOUNT }), links)).toEqual([]);
    },
  );
});

it("other objects are written after the servers, and not deleted", () => {
  const node = { type: "objectInstance", id: 0, resources: [] } as const;
  expect(plan(target([101], { objects: [{ path: [3, 0], node }] }), "</0/0>,</3/0>")).toEqual([
    "write /0/1",
    "write /1/0",
    "write /3/0",
  ]);
});

it("a server gets the binding letters of the version that the device says, 1.0 when it says none", () => {
  const to = { ...target([]), servers: [serverAccount(101, { binding: "UQ" })] };
  const bindingAfter = (versionText: string) => {
    const device = new PaperDevice([], { versionText });
    for (const each of planBootstrap(to, parseBootstrapDiscovery(device.links)).operations) device.perform(each);
    return device.instances.get("1/0")?.get(7);
  };
  expect(bindingAfter("</>;lwm2m=1.1,</3/0>")).toBe("U");
  expect(bindingAfter('lwm2m="1.0",</3/0>')).toBe("UQ");
  expect(bindingAfter("</3/0>")).toBe("UQ");
});

const security = (shortServerId: number): PaperInstance =>
  new Map([
    [0, "coap://old"],
    [1, "false"],
    [10, `${shortServerId}`],
    [99, "stale"],
  ]);
const server = (shortServerId: number): PaperInstance =>
  new Map([
    [0, `${shortServerId}`],
    [2, "77"],
    [99, "stale"],
  ]);
const bootstrapAccount: PaperInstance = new Map([
  [0, "coap://bs"],
  [1, "true"],
]);

const shortServerId = fc.integer({ min: 1, max: 5 });
const instanceId = fc.integer({ min: 0, max: 6 });
const instancesOf = (objectId: number, make: (id: number) => PaperInstance) =>
  fc
    .uniqueArray(fc.tuple(instanceId, shortServerId), { maxLength: 6, selector: ([id]) => id })
    .map((all) => all.map(([id, ssid]): [string, PaperInstance] => [`${objectId}/${id}`, make(ssid)]));
/** Any device: accounts whole, half or twice; the bootstrap server's anywhere, or not listed at all, then at 0. */
const anyDevice = fc
  .record({
    security: instancesOf(0, security),
    servers: instancesOf(1, server),
    bootstrap: fc.oneof(
      instanceId.map((id) => ({ id, hidden: [] as string[] })),
      fc.constant({ id: 0, hidden: ["0/0"] }),
    ),
    merges: fc.boolean(),
    versionText: fc.constantFrom("</>;lwm2m=1.1", 'lwm2m="1.0"', ""),
  })
  .map(({ security: accounts, servers, bootstrap: { id, hidden }, merges, versionText }) => {
    const instances = [...accounts, ...servers, [`0/${id}`, bootstrapAccount] as const];
    return { device: new PaperDevice(instances, { merges, versionText, hidden }), bootstrapPath: `0/${id}` };
  });
const anyTarget = fc
  .record({ ids: fc.uniqueArray(shortServerId, { maxLength: 5 }), withBootstrap: fc.boolean() })
  .map(({ ids, withBootstrap }) => target(ids, withBootstrap ? { bootstrapServer: BOOTSTRAP_ACCOUNT } : {}));

describe("a plan performed on any device", () => {
  const apply = (device: PaperDevice, to: BootstrapTarget) => {
    const operations = planBootstrap(to, parseBootstrapDiscovery(device.links)).operations;
    return operations.map((each) => device.perform(each));
  };
  const ofServer = (device: PaperDevice, objectId: number, resourceId: number, id: number) =>
    [...device.instances].filter(
      ([path, values]) => path.startsWith(`${objectId}/`) && values.get(resourceId) === `${id}`,
    );

  it("is taken by the device as a whole", () => {
    fc.assert(
      fc.property(anyDevice, anyTarget, ({ device }, to) => {
        expect(apply(device, to).filter((code) => code >= 0x80)).toEqual([]);
      }),
    );
  });

  it("gives each server one instance of Security and one of Server, new but for the id", () => {
    fc.assert(
      fc.property(anyDevice, anyTarget, ({ device }, to) => {
        apply(device, to);
        for (const { shortServerId: id, uri } of to.servers) {
          const accounts = ofServer(device, 0, 10, id);
          const servers = ofServer(device, 1, 0, id);
          expect([accounts.length, servers.length]).toEqual([1, 1]);
          expect(accounts[0]?.[1].get(0)).toBe(uri);
          expect([accounts[0]?.[1].has(99), servers[0]?.[1].has(99)]).toEqual([false, false]);
        }
      }),
    );
  });

  it("leaves the accounts of others as they were", () => {
    fc.assert(
      fc.property(anyDevice, anyTarget, ({ device }, to) => {
        const wanted = new Set(to.servers.map((each) => `${each.shortServerId}`));
        const others = [...device.instances].filter(
          ([path, values]) => values.get(1) !== "true" && !wanted.has(values.get(path.startsWith("0/") ? 10 : 0) ?? ""),
        );
        apply(device, to);
        for (const [path, values] of others) expect([path, device.instances.get(path)]).toEqual([path, values]);
      }),
    );
  });

  it("keeps the bootstrap server's account, and changes it only when that is wanted and the device said where it is", () => {
    fc.assert(
      fc.property(anyDevice, anyTarget, ({ device, bootstrapPath }, to) => {
        const isKnown = parseBootstrapDiscovery(device.links).bootstrapInstance !== undefined;
        apply(device, to);
        const after = device.instances.get(bootstrapPath);
        expect(after?.get(1)).toBe("true");
        const isWritten = isKnown && to.bootstrapServer !== undefined;
        expect(after?.get(0)).toBe(isWritten ? BOOTSTRAP_ACCOUNT.uri : "coap://bs");
        expect([...device.instances.values()].filter((values) => values.get(1) === "true")).toHaveLength(1);
      }),
    );
  });

  it("changes nothing when it is made and performed again", () => {
    fc.assert(
      fc.property(anyDevice, anyTarget, ({ device }, to) => {
        apply(device, to);
        const once = device.state;
        apply(device, to);
        expect(device.state).toEqual(once);
      }),
    );
  });

  it("comes to the same when an earlier session stopped midway", () => {
    fc.assert(
      fc.property(anyDevice, anyTarget, fc.nat({ max: 20 }), ({ device }, to, count) => {
        const operations = planBootstrap(to, parseBootstrapDiscovery(device.links)).operations;
        for (const each of operations.slice(0, count)) device.perform(each);
        apply(device, to);
        for (const { shortServerId: id } of to.servers) {
          expect([ofServer(device, 0, 10, id).length, ofServer(device, 1, 0, id).length]).toEqual([1, 1]);
        }
      }),
    );
  });
});

describe("a plan without Discover, performed on any device", () => {
  it("keeps the bootstrap server's account at 0, and performed again changes nothing", () => {
    fc.assert(
      fc.property(anyTarget, (to) => {
        const device = new PaperDevice([["0/0", bootstrapAccount]]);
        const apply = () => planBootstrap(to, undefined).operations.map((each) => device.perform(each));
        expect(apply().filter((code) => code >= 0x80)).toEqual([]);
        const once = device.state;
        apply();
        expect(device.state).toEqual(once);
        expect(device.instances.get("0/0")).toBe(bootstrapAccount);
      }),
    );
  });
});
