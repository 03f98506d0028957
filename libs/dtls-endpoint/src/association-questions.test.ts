import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { EndpointFixture, PSK_KEY, pskCredential, type TestNode, until } from "./endpoint-fixture.ts";

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

const stored = () => fixture.state.associations.get(DEVICE);

describe("a credential that is withdrawn", () => {
  /** All nodes are told of it while no association of the device is in memory yet. */
  async function withdraw(node: TestNode): Promise<void> {
    await fixture.declare("meter-1", [OTHER_PSK]);
    await node.endpoint.recheck(DEVICE);
  }

  it("while its handshake is under way makes no association", async () => {
    const node = await fixture.node(1);
    const { associations } = fixture.state;
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
