import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { buf } from "../golden/schema.ts";

const PROTO = join(import.meta.dirname, "../../../proto");
const BASELINE = join(PROTO, "baseline.binpb");

/** What buf has against the schemas; empty when a reader of the last release understands them. */
function complaints(directory: string): string {
  try {
    return buf("breaking", directory, "--against", BASELINE).toString();
  } catch (error) {
    return String((error as { stdout?: Buffer }).stdout);
  }
}

/** The schemas with one change. */
function changed(file: string, from: string, to: string): string {
  const directory = mkdtempSync(join(tmpdir(), "ferry-proto-"));
  try {
    cpSync(PROTO, directory, { recursive: true });
    const path = join(directory, "lwm2m/v1", file);
    const before = readFileSync(path, "utf8");
    expect(before).toContain(from);
    writeFileSync(path, before.replace(from, to));
    return complaints(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

it("has changed nothing that readers of the last release rely on", () => {
  expect(complaints(PROTO)).toBe("");
});

it.each([
  ["another type", "uint64 owner_epoch = 5;", "uint32 owner_epoch = 5;", "changed type"],
  ["another number", "uint64 sequence = 6;", "uint64 sequence = 60;", "was deleted"],
  ["another name, which JSON shows", "string endpoint = 3;", "string device = 3;", "changed name"],
])("is caught when a field gets %s", (_change, from, to, complaint) => {
  expect(changed("common.proto", from, to)).toContain(complaint);
});

it("may gain a field", () => {
  expect(changed("common.proto", "string node = 7;", "string node = 7;\n  // More.\n  string more = 99;")).toBe("");
});

it("keeps to buf's style", () => {
  expect(buf("lint", PROTO).toString()).toBe("");
});
