import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { ROOT } from "./chart-tools.ts";

/** The file of an import such as `@ferry/bus/kafka`, as its package has it. */
function fileOf(specifier: string): string {
  const [, lib, rest] = /^@ferry\/([^/]+)(.*)$/.exec(specifier) as unknown as [string, string, string]; // All that are looked for match.
  const { exports } = JSON.parse(readFileSync(join(ROOT, "libs", lib, "package.json"), "utf8"));
  return `./${join("libs", lib, exports[`.${rest}`])}`;
}

it("the image keeps compiled what services import only when they start: with one file missing, each would load the translator of TypeScript", () => {
  const sources = globSync(["libs/*/src/**/*.ts", "services/*/src/**/*.ts"], { cwd: ROOT }).filter(
    (path) => !path.endsWith(".test.ts"),
  );
  const late = sources.flatMap((path) =>
    [...readFileSync(join(ROOT, path), "utf8").matchAll(/await import\("([^"]+)"\)/g)].map(
      ([, name]) => name as string,
    ),
  );
  expect(late).toContain("@ferry/bus/kafka");
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  const imported = [...dockerfile.matchAll(/--import (\S+)/g)].map(([, path]) => path);
  expect(imported.sort()).toEqual([...new Set(late.map(fileOf))].sort());
});
