import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDeviceProfile } from "@ferry/profile";
import { describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/profiles.md"), "utf8");

/** The code blocks of the page in a language. */
function blocksOf(language: string): readonly string[] {
  return [...PAGE.matchAll(new RegExp(`\n\`\`\`${language}\n(.*?)\n\`\`\`\n`, "gs"))].map(([, text = ""]) => text);
}

describe("docs/profiles.md", () => {
  const documents = blocksOf("yaml").flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as { readonly kind: string; readonly name?: string }),
  );
  const profiles = documents.filter(({ kind }) => kind === "profile");

  it.each(profiles)("has a profile $name that can be applied", ({ kind: _, name: __, ...profile }) => {
    expect(() => parseDeviceProfile(profile)).not.toThrow();
  });

  it("has a profile for bootstrap, with a region for each device", () => {
    const example = profiles.find(({ name }) => name === "bootstrapped-meter");
    const { kind, name, ...profile } = example ?? { kind: "", name: "" };
    expect(parseDeviceProfile(profile).bootstrap).toMatchObject({
      servers: [{ shortServerId: 123, addresses: [{ weight: 3 }, { weight: 1 }] }, { shortServerId: 124 }],
      bootstrapServer: { holdOffS: 10 },
      objects: [{ path: [2, 1] }, { path: [11, 0] }],
    });
  });

  it("has a profile of ThingsBoard that can be applied", () => {
    const [profile = "{}"] = blocksOf("json");
    expect(parseDeviceProfile(JSON.parse(profile)).entries).not.toEqual([]);
  });
});
