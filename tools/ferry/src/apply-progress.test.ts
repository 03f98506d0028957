import type { PublishOutcome } from "@ferry/provisioning";
import { describe, expect, it } from "@jest/globals";
import { ApplyProgress } from "./apply-progress.ts";

const outcomeOf = (id: number, outcome: PublishOutcome["outcome"] = "applied"): PublishOutcome => ({
  kind: "model",
  tenant: "default",
  id: `${id}_1.0`,
  outcome,
  field: outcome === "rejected" ? "xml" : "",
  reason: outcome === "rejected" ? "is bad" : "",
});

/** What is written when `total` documents have their outcomes, the second of them `second`. */
function told(total: number, isTTY: boolean, second: PublishOutcome["outcome"] = "applied") {
  let [stdout, stderr] = ["", ""];
  const terminal = {
    env: {},
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text), isTTY },
  };
  const progress = new ApplyProgress(terminal, total);
  for (let id = 1; id <= total; id++) progress.report(outcomeOf(id, id === 2 ? second : "applied"), `models/${id}.xml`);
  progress.end();
  return { stdout, stderr };
}

describe("the progress of an apply", () => {
  it("is told document by document while they are few", () => {
    expect(told(2, true, "unchanged")).toEqual({ stdout: "applied model 1_1.0\nunchanged model 2_1.0\n", stderr: "" });
  });

  it("is a line for every hundred where no terminal shows it", () => {
    expect(told(250, false)).toEqual({ stdout: "", stderr: "100 of 250\n200 of 250\n" });
  });

  it("is one line that changes on a terminal, and is gone at the end", () => {
    const { stdout, stderr } = told(21, true);
    expect(stdout).toBe("");
    expect(stderr.split("\r\u001B[K")).toEqual([
      "",
      ...Array.from({ length: 21 }, (_, index) => `${index + 1} of 21`),
      "",
    ]);
  });

  it.each([true, false])(
    "names what is rejected in a line of its own, with file and reason (terminal: %p)",
    (isTTY) => {
      const { stderr } = told(100, isTTY, "rejected");
      expect(stderr).toContain("rejected model 2_1.0 (models/2.xml): xml is bad\n");
      expect(stderr).toContain("100 of 100, 1 rejected");
    },
  );
});
