import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { countOf, EndpointFixture, PSK_KEY, pskCredential } from "./endpoint-fixture.ts";

let fixture: EndpointFixture;

beforeEach(async () => {
  fixture = new EndpointFixture();
  await fixture.declare("meter-1", [{ psk: { identity: "meter-1", key: { plain: PSK_KEY } } }]);
});

afterEach(() => fixture.stop());

it("Devices that are taken over use up none of the look-ups of strangers", async () => {
  const nodes = await Promise.all([1, 2].map((slot) => fixture.node(slot, { lookups: "1:3600" })));
  const [one, two] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const client = await fixture.client(one, pskCredential("meter-1"));
  await client.connect();
  for (const node of [two, one, two, one]) {
    client.moveTo(node);
    expect(await client.ask("a")).toBe("echo a");
  }
  expect(await countOf(two, 'lookups_total{outcome="found"}')).toBe(2);
  expect(await countOf(two, 'lookups_total{outcome="limited"}')).toBe(0);
});
