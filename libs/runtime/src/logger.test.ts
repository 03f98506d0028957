import { describe, expect, it } from "@jest/globals";
import { createEpisode } from "./episode.ts";
import { createLogger, type Logger } from "./logger.ts";

function capture(format: "auto" | "json" | "pretty"): { readonly logger: Logger; readonly lines: () => string[] } {
  const written: string[] = [];
  const destination = { write: (text: string) => void written.push(text) };
  const logger = createLogger("transport", { level: "info", format }, { terminal: false, destination });
  return {
    logger,
    lines: () =>
      written
        .join("")
        .split("\n")
        .filter((line) => line !== ""),
  };
}

describe("the logger", () => {
  it("writes JSON with facts beside a constant sentence", () => {
    const { logger, lines } = capture("auto");
    logger.child({ node: "n1" }).info({ endpoint: "e" }, "registered");
    logger.debug("not shown");
    expect(lines().map((line) => JSON.parse(line))).toEqual([
      { level: "info", time: expect.any(String), service: "transport", node: "n1", endpoint: "e", msg: "registered" },
    ]);
  });

  it("tells an error with its code and cause", () => {
    const { logger, lines } = capture("json");
    logger.error({ error: new TypeError("a", { cause: new RangeError("b") }) }, "failed");
    expect(JSON.parse(lines()[0] ?? "").error).toMatchObject({
      type: "TypeError",
      message: expect.stringContaining("a"),
    });
  });
});

describe("an episode", () => {
  it("is told once when it begins and once when it ends", () => {
    const { logger, lines } = capture("json");
    const outage = createEpisode(logger, { failed: "Redis cannot be reached", healed: "Redis is reachable again" });
    outage.healed();
    for (let attempt = 0; attempt < 5; attempt++) outage.failed(new TypeError("refused"));
    expect(outage.lasting).toBe(true);
    outage.healed();
    outage.healed();
    expect(lines().map((line) => JSON.parse(line))).toMatchObject([
      { level: "warn", msg: "Redis cannot be reached" },
      { level: "info", msg: "Redis is reachable again", failures: 5 },
    ]);
  });
});
