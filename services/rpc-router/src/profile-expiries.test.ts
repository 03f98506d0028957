import { CONTENT_TYPE, lwm2m, provisioningKey, toSafeNumber } from "@ferry/proto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { RouterFixture } from "./router-fixture.ts";

const READ = { requestId: "r-1", endpoint: "demo", method: "Read", params: { id: "/3/0/9" } };

let fixture: RouterFixture;

beforeEach(async () => {
  fixture = new RouterFixture();
  await fixture.start();
  fixture.routeRequests();
});

afterEach(() => fixture.stop());

/** A record of the provisioning topic; `document` undefined is a tombstone. */
function publishProfile(document: object | undefined, { tenant = "default", id = "quickstart" } = {}): void {
  const record = { tenant, id, profile: { json: JSON.stringify(document) } };
  fixture.ports.profileExpiries.take({
    key: provisioningKey("profile", tenant, id),
    value: document === undefined ? null : lwm2m.v1.ProvisioningRecord.encode(record).finish(),
    headers: { "content-type": CONTENT_TYPE.protobuf },
  });
}

/** How long the request lives that is now asked, ms. */
async function lifetimeOf(request: object = {}): Promise<number> {
  const requestId = `r-${fixture.states.length}`;
  await fixture.publishRequest("default/demo", { ...READ, requestId, persistent: true, ...request });
  const accepted = () => fixture.states.find(({ record }) => record?.request?.requestId === requestId);
  await fixture.until(() => accepted() !== undefined);
  return toSafeNumber(accepted()?.record?.request?.expiresAtMs) - fixture.nowMs;
}

const resources = {};

describe("a request without expiry", () => {
  it.each([
    ["of its device's profile", { resources, requestExpiryMs: 60_000 }, {}, 60_000],
    ["of the router where its profile says none", { resources }, {}, 10_000],
    ["of the router where another profile says one", { resources, requestExpiryMs: 60_000 }, { id: "other" }, 10_000],
    ["of the router where another tenant's does", { resources, requestExpiryMs: 60_000 }, { tenant: "acme" }, 10_000],
    [
      "that is the most there is, where its profile says more",
      { resources, requestExpiryMs: 2_000_000_000 },
      {},
      3_600_000,
    ],
  ])("has the expiry %s", async (_, document, of, expected) => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    publishProfile(document, of);
    expect(await lifetimeOf()).toBe(expected);
    expect(await lifetimeOf({ expiresAtMs: fixture.nowMs + 7_000 })).toBe(7_000);
  });

  it("follows its profile, which a bad record leaves in force and a tombstone ends", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    publishProfile({ resources, requestExpiryMs: 60_000 });
    publishProfile({ resources, requestExpiryMs: "soon" });
    expect(await lifetimeOf()).toBe(60_000);
    publishProfile({ resources });
    expect(await lifetimeOf()).toBe(10_000);
    publishProfile({ resources, requestExpiryMs: 30_000 });
    publishProfile(undefined);
    expect(await lifetimeOf()).toBe(10_000);
  });

  it.each(["demo", "dem*", "demo*"])(
    "has that of the profile that %s declares while the device is not registered",
    async (endpoint) => {
      const allowUnauthenticatedFleet = endpoint.endsWith("*");
      const body = { endpoint, profile: "quickstart", credentials: [{ noSec: {} }], allowUnauthenticatedFleet };
      const value = lwm2m.v1.ProvisioningRecord.encode({ tenant: "default", id: endpoint, device: body }).finish();
      await fixture.provisioning.put({ kind: "device", tenant: "default", id: endpoint, value, offset: 1 }, []);
      publishProfile({ resources, requestExpiryMs: 60_000 });
      expect(await lifetimeOf()).toBe(60_000);
    },
  );
});
