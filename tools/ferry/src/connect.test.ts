import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { interrupted } from "./connect.ts";

describe("a stop signal", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.runAllTimers(); // They take away what listens.
    jest.useRealTimers();
  });

  it("aborts, and copies of it within a second do nothing", () => {
    const signal = interrupted();
    expect(signal.aborted).toBe(false);
    process.emit("SIGINT");
    expect(signal.aborted).toBe(true);
    jest.advanceTimersByTime(999);
    expect(process.emit("SIGINT")).toBe(true);
  });

  it("is left to the default a second after the first, which ends the process", () => {
    interrupted();
    process.emit("SIGINT");
    jest.advanceTimersByTime(1000);
    for (const later of ["SIGINT", "SIGTERM", "SIGHUP"] as const) expect(process.listeners(later)).toEqual([]);
  });
});
