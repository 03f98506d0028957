import { type BudgetStore, StateUnavailableError } from "@ferry/state";
import { MemoryBudgetStore } from "@ferry/state/memory";
import { describe, expect, it } from "@jest/globals";
import { TenantBudgets } from "./tenant-budgets.ts";

const HOUR_MS = 3_600_000;

describe("the budget of a tenant", () => {
  let nowMs = 0;
  const failures: unknown[] = [];
  function makeNode(budgets: BudgetStore, capacity: number, nodes: number, periodMs = HOUR_MS): TenantBudgets {
    return new TenantBudgets({
      budgets,
      buckets: [{ capacity, periodMs }],
      countNodes: async () => nodes,
      monotonicMs: () => nowMs,
      onUnavailable: (error) => failures.push(error),
    });
  }
  /** Lets every question to the store be answered. */
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it("is shared by all nodes: together they let through what it holds, give or take the chunks they hold", async () => {
    const budgets = new MemoryBudgetStore(() => nowMs);
    const nodes = [1, 2, 3, 4].map(() => makeNode(budgets, 1000, 4));
    let passed = 0;
    for (let i = 0; i < 2000; i++) {
      // All of the load is at two of the four nodes: a fair share alone would let through half.
      const node = nodes[i % 2] as TenantBudgets;
      if (node.take("t", nowMs) === 0) passed += 1;
      await settle();
    }
    expect(passed).toBeGreaterThanOrEqual(1000 - 100);
    expect(passed).toBeLessThanOrEqual(1000 + 1);
  });

  it("counts what was let through before the store answered", async () => {
    const node = makeNode(new MemoryBudgetStore(() => nowMs), 100, 1);
    const burst = Array.from({ length: 200 }, () => node.take("t", nowMs)).filter((wait) => wait === 0).length;
    expect(burst).toBe(100);
    for (let i = 0; i < 5; i++) {
      await settle();
      expect(node.take("t", nowMs)).toBeGreaterThan(0);
    }
  });

  it("of one tenant is not used up by another", async () => {
    const node = makeNode(new MemoryBudgetStore(() => nowMs), 1, 1);
    expect(node.take("a", nowMs)).toBe(0);
    await settle();
    expect(node.take("a", nowMs)).toBeGreaterThan(0);
    expect(node.take("b", nowMs)).toBe(0);
  });

  it("is filled again with time", async () => {
    const node = makeNode(new MemoryBudgetStore(() => nowMs), 10, 1, 1000);
    for (let i = 0; i < 20; i++) {
      node.take("t", nowMs);
      await settle();
    }
    expect(node.take("t", nowMs)).toBeGreaterThan(0);
    nowMs += 1000;
    node.take("t", nowMs);
    await settle();
    expect(node.take("t", nowMs)).toBe(0);
  });

  it("is divided among the live nodes while Redis is away, and shared again when it is back", async () => {
    let away = true;
    const store = new MemoryBudgetStore(() => nowMs);
    const budgets: BudgetStore = {
      take: (request) => (away ? Promise.reject(new StateUnavailableError("away")) : store.take(request)),
    };
    const node = makeNode(budgets, 100, 4);
    node.take("t", nowMs);
    await settle();
    expect(failures).toHaveLength(1);
    let passed = 1;
    for (let i = 0; i < 200; i++) if (node.take("t", nowMs) === 0) passed += 1;
    expect(passed).toBe(25);
    away = false;
    nowMs += 2000;
    node.take("t", nowMs);
    await settle();
    expect(node.take("t", nowMs)).toBe(0);
  });

  it("lets everything through when there is no limit, and asks nobody", () => {
    const budgets: BudgetStore = { take: () => Promise.reject(new StateUnavailableError("asked")) };
    const node = new TenantBudgets({
      budgets,
      buckets: [],
      countNodes: async () => 1,
      monotonicMs: () => nowMs,
      onUnavailable: () => {},
    });
    for (let i = 0; i < 1000; i++) expect(node.take("t", nowMs)).toBe(0);
  });
});
