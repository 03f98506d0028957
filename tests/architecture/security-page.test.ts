import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const ROOT = join(import.meta.dirname, "../..");
/** What spec reviews found that servers get wrong; each has a row. */
const PITFALLS = 27;

/** Where `dtls/receive` or `fuzz/dtls-server` is. */
function fileOf(name: string): string | undefined {
  const [first, ...rest] = name.split("/");
  const candidates = [`libs/${first}/src/${rest.join("/")}.test.ts`, `tests/${name}.test.ts`, `tests/${name}.ts`];
  return candidates.map((path) => join(ROOT, path)).find((path) => existsSync(path));
}

describe("docs/security.md", () => {
  const page = readFileSync(join(ROOT, "docs/security.md"), "utf8");
  const rows = [...page.matchAll(/^\| (\d+) \| .* \| (.*) \|$/gm)];

  it("has a row for each pitfall", () => {
    expect(rows.map(([, number]) => Number(number))).toEqual(Array.from({ length: PITFALLS }, (_, index) => index + 1));
  });

  it.each(rows.map(([, number = "", tests = ""]) => [number, tests] as const))(
    "names tests that there are, for pitfall %s",
    (_, tests) => {
      const cited = [...tests.matchAll(/`([^`]+)`: ((?:"[^"]+"(?:, )?)+)/g)];
      expect(cited.length).toBeGreaterThan(0);
      for (const [, name = "", sentences = ""] of cited) {
        const file = fileOf(name);
        const source = file === undefined ? `${name} is no file` : readFileSync(file, "utf8");
        for (const [, sentence = ""] of sentences.matchAll(/"([^"]+)"/g)) expect(source).toContain(sentence);
      }
    },
  );
});
