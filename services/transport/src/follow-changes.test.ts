import { describe, expect, it } from "@jest/globals";
import { ChangeGatherer } from "./follow-changes.ts";

describe("changes of profiles and models", () => {
  it("are followed by one look at all devices where they come together, and by one more for all that come meanwhile", async () => {
    const rounds: { profiles: string[]; objects: number[] }[] = [];
    const pauses: (() => void)[] = [];
    const looked = Promise.withResolvers<void>();
    const gatherer = new ChangeGatherer(
      async ({ profiles, objects }) => {
        rounds.push({ profiles: [...profiles], objects: [...objects] });
      },
      () =>
        new Promise((resolve) => {
          pauses.push(resolve);
          looked.resolve();
        }),
    );
    const models = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => from + index).map((id) =>
        gatherer.note({ kind: "model", tenant: "system", id: `${id}_1.0` }),
      );

    const [first] = models(10_000, 500);
    await looked.promise;
    expect(rounds.map(({ objects }) => objects.length)).toEqual([500]);

    await Promise.all([...models(20_000, 300), gatherer.note({ kind: "profile", tenant: "acme", id: "meter" })]);
    expect(rounds).toHaveLength(1);
    const ended = first?.then(() => pauses.length);
    pauses[0]?.();
    while (pauses.length < 2) await new Promise((resolve) => setImmediate(resolve));
    pauses[1]?.();
    expect(await ended).toBe(2);
    expect(rounds).toHaveLength(2);
    expect(rounds[1]?.profiles).toEqual(["acme/meter"]);
    expect(rounds[1]?.objects).toHaveLength(300);
  });
});
