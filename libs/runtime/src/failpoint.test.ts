import { describe, expect, it } from "@jest/globals";
import { ConfigError } from "./errors.ts";
import { armFailpoint, FAILPOINTS } from "./failpoint.ts";

describe("a failpoint", () => {
  it("does nothing unless it is armed", () => {
    const signals: string[] = [];
    const pass = armFailpoint(undefined, (name) => signals.push(name));
    for (const step of FAILPOINTS) pass(step);
    expect(signals).toEqual([]);
  });

  it("ends the process at the armed step, and at no other", () => {
    const signals: string[] = [];
    const pass = armFailpoint("dispatched", (name) => signals.push(name));
    pass("accepted");
    expect(signals).toEqual([]);
    pass("dispatched");
    expect(signals).toEqual(["SIGKILL"]);
  });

  it("stops the process once where it says so: who goes on afterwards is not stopped again", () => {
    const signals: string[] = [];
    const pass = armFailpoint("dispatched:stop", (name) => signals.push(name));
    pass("dispatched");
    pass("dispatched");
    expect(signals).toEqual(["SIGSTOP"]);
  });

  it("refuses a name that is no step, and names those that are", () => {
    expect(() => armFailpoint("dispached")).toThrow(ConfigError);
    expect(() => armFailpoint("sent:pause")).toThrow(/accepted, handed, received/);
  });
});
