import { StateUnavailableError } from "@ferry/state";
import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { EndpointFixture, PSK_KEY, pskCredential, until } from "./endpoint-fixture.ts";

const DEVICE = { tenant: "default", endpoint: "meter-1" };

let fixture: EndpointFixture;

beforeEach(async () => {
  fixture = new EndpointFixture();
  for (const name of ["meter-1", "meter-2"])
    await fixture.declare(name, [{ psk: { identity: name, key: { plain: PSK_KEY } } }]);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await fixture.stop();
});

it("A mark that was stored late is not taken for exact after what was received since", async () => {
  const node = await fixture.node(1, { maxAssociations: 1 });
  const [client, other] = [
    await fixture.client(node, pskCredential("meter-1")),
    await fixture.client(node, pskCredential("meter-2")),
  ];
  const { associations } = fixture.state;
  const [markGate, claimGate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const mark = associations.mark.bind(associations);
  const marks = jest.spyOn(associations, "mark").mockImplementation(async (request) => {
    if (marks.mock.calls.length > 1) throw new StateUnavailableError("away");
    await markGate.promise;
    return mark(request);
  });
  const claim = associations.claim.bind(associations);
  const claims = jest.spyOn(associations, "claim").mockImplementation(async (request) => {
    await claimGate.promise;
    return claim(request);
  });
  await client.connect();
  await client.ask("a");
  await other.connect();
  await until(() => marks.mock.calls.length === 1);
  const answer = client.ask("b");
  await until(() => claims.mock.calls.length === 1);
  markGate.resolve();
  await marks.mock.results[0]?.value;
  claimGate.resolve();
  expect(await answer).toBe("echo b");
  expect(await other.ask("c")).toBe("echo c");
  await client.rebind();
  expect(await client.ask("d")).toBe("echo d");
  expect(node.endpoint.peer(node.endpoint.byDevice(DEVICE) ?? "")).toMatchObject({ provisional: true });
});
