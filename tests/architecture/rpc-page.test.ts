import { readFileSync } from "node:fs";
import { join } from "node:path";
import { METHODS, parseTerminalLine } from "@ferry/rpc";
import { describe, expect, it } from "@jest/globals";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/rpc.md"), "utf8");

/** The part of the page about a method. */
function sectionOf(method: string): string {
  return PAGE.split(`\n### ${method}\n`)[1]?.split("\n## ")[0]?.split("\n### ")[0] ?? "";
}

interface Request {
  readonly method: string;
  readonly params?: unknown;
}

describe("docs/rpc.md", () => {
  it.each(METHODS)("has one request of $name for the command line, HTTP and Kafka, and its answer", ({ name }) => {
    const section = sectionOf(name);
    const line = /\$ npx ferry rpc demo '(.*)'\n/.exec(section)?.[1] ?? "";
    const http = JSON.parse(/ -d '(.*)'\n/.exec(section)?.[1] ?? "{}") as Request;
    const kafka = JSON.parse(/\$ echo 'default\/demo\|(.*)' \| \$SEND\n/.exec(section)?.[1] ?? "{}") as Request;
    const { method, params } = parseTerminalLine(line);
    const expected = { method: name, ...(params === "" ? {} : { params: JSON.parse(params) as unknown }) };
    expect(method).toBe(name);
    expect(http).toEqual({ endpoint: "demo", ...expected });
    expect(kafka).toEqual({ requestId: expect.any(String), ...expected });
    expect(JSON.parse(/\n(\{"result".*)\n/.exec(section)?.[1] ?? "{}")).toHaveProperty("result");
  });
});
