import { StateUnavailableError } from "@ferry/state";
import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { countOf, EndpointFixture, until } from "./endpoint-fixture.ts";

let fixture: EndpointFixture;

beforeEach(() => {
  fixture = new EndpointFixture();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await fixture.stop();
});

it("A store that is away is not told to be back by look-ups that never reach it, and those that do are counted as unavailable", async () => {
  const node = await fixture.node(1, { lookups: "2:3600" });
  const { associations } = fixture.state;
  const finds = jest.spyOn(associations, "findByCid").mockRejectedValue(new StateUnavailableError("away"));
  await fixture.sendForged(node, ["0001020304050607"]);
  await until(() => finds.mock.calls.length === 1);
  await fixture.sendForged(node, ["0001020304050608"]);
  await until(() => finds.mock.calls.length === 2);
  await fixture.sendForged(node, ["0001020304050609"]);
  await until(async () => (await countOf(node, 'lookups_total{outcome="limited"}')) === 1);
  expect(node.logged.filter((line) => line.includes("cannot be stored or looked up"))).toHaveLength(2);
  expect(node.logged.filter((line) => line.includes("looked up again"))).toEqual([]);
  expect(await countOf(node, 'lookups_total{outcome="unavailable"}')).toBe(2);
});
