import { parseSealingKeys } from "@ferry/provisioning";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { openAssociation } from "./association-record.ts";
import { type AssociationSealing, deriveAssociationSealing } from "./association-sealing.ts";
import { EndpointFixture, PSK_KEY, pskCredential } from "./endpoint-fixture.ts";

const [OLD, NEW] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];

let fixture: EndpointFixture;

beforeEach(async () => {
  fixture = new EndpointFixture();
  await fixture.declare("meter-1", [{ psk: { identity: "meter-1-psk", key: { plain: PSK_KEY } } }]);
});

afterEach(() => fixture.stop());

/** Of a file with these lines. */
function sealingOf(...keys: readonly string[]): AssociationSealing {
  return deriveAssociationSealing(parseSealingKeys(keys.join("\n")));
}

describe("a sealing key that is rotated on one node after the other", () => {
  it("goes last, then first, then the old one goes: no association is lost, for each claim seals anew by the first key", async () => {
    const steps = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]];
    const nodes = await Promise.all(steps.map((keys, slot) => fixture.node(slot, {}, { sealing: sealingOf(...keys) })));
    const opens = async (...keys: readonly string[]): Promise<boolean> => {
      const stored = await fixture.state.associations.get({ tenant: "default", endpoint: "meter-1" });
      return stored !== undefined && openAssociation(sealingOf(...keys), stored) !== undefined;
    };
    const [one, two, three, four] = nodes as [(typeof nodes)[0], ...typeof nodes];
    const client = await fixture.client(one, pskCredential("meter-1-psk"));
    await client.connect();
    for (const node of [two, three] as (typeof nodes)[0][]) {
      client.moveTo(node);
      expect(await client.ask("a")).toBe("echo a");
      expect([await opens(OLD), await opens(NEW)]).toEqual([node === two, node === three]);
    }
    client.moveTo(four as (typeof nodes)[0]);
    expect(await client.ask("b")).toBe("echo b");
    expect([one, two, three, four].map((node) => node?.told)).toEqual([
      ["established"],
      ["takenOver"],
      ["takenOver"],
      ["takenOver"],
    ]);
  });
});
