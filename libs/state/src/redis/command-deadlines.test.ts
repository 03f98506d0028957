import { describe, expect, it } from "@jest/globals";
import { StateUnavailableError } from "../errors.ts";
import { type BoundedCommand, CommandDeadlines } from "./command-deadlines.ts";

/** A command of a client: it settles once. */
class Sent implements BoundedCommand {
  isSettled = false;
  dueMs: number | undefined;
  readonly rejected: Promise<Error>;
  #reject: (error: Error) => void = () => {};

  constructor() {
    this.rejected = new Promise((resolve) => {
      this.#reject = resolve;
    });
  }

  reject(error: Error): void {
    this.isSettled = true;
    this.#reject(error);
  }
}

function sent(deadlines: CommandDeadlines): Sent {
  const command = new Sent();
  deadlines.add(command);
  return command;
}

describe("CommandDeadlines", () => {
  it("rejects what is not settled in time, the oldest first, and what is added later in its own time", async () => {
    const deadlines = new CommandDeadlines(20);
    const order: string[] = [];
    const [first, second] = [sent(deadlines), sent(deadlines)];
    const third = first.rejected.then(() => {
      order.push("first");
      return sent(deadlines).rejected;
    });
    void second.rejected.then(() => order.push("second"));
    void third.then(() => order.push("third"));
    expect(await third).toBeInstanceOf(StateUnavailableError);
    expect((await second.rejected).message).toBe("no answer within 20 ms");
    expect(order).toEqual(["first", "second", "third"]);
  });

  it("rejects nothing that is settled, and what stands behind it all the same", async () => {
    const deadlines = new CommandDeadlines(20);
    const answered = sent(deadlines);
    let isRejected = false;
    void answered.rejected.then(() => (isRejected = true));
    const behind = sent(deadlines);
    answered.isSettled = true;
    await behind.rejected;
    expect(isRejected).toBe(false);
  });

  it("counts the time of a command that the client sends again from the first time", async () => {
    const deadlines = new CommandDeadlines(20);
    const again = sent(deadlines);
    const last = sent(deadlines);
    deadlines.add(again);
    let order = "";
    void again.rejected.then(() => (order += "again "));
    await last.rejected.then(() => (order += "last"));
    expect(order).toBe("again last");
  });

  it("rejects each that is left of thousands of which some are settled, and no other", async () => {
    const deadlines = new CommandDeadlines(50);
    const rejected: number[] = [];
    const commands: Sent[] = [];
    for (let i = 0; i < 5_000; i++) {
      const command = sent(deadlines);
      void command.rejected.then(() => rejected.push(i));
      commands.push(command);
      const answered = commands[i - 100];
      if (answered !== undefined && i % 10 !== 0) answered.isSettled = true;
    }
    const left = [...commands.keys()].filter((i) => commands[i]?.isSettled === false);
    await sent(deadlines).rejected;
    expect(rejected).toEqual(left);
  });
});
