import type { BudgetGrant, BudgetRequest, BudgetStore } from "../budget.ts";
import { ROUNDING_MS } from "../token-bucket.ts";
import type { RedisConnection } from "./connection.ts";
import { budgetKey } from "./keys.ts";
import { constants, Scripts } from "./scripts.ts";

/** Keeps budgets in Redis: one short hash for each name, which lapses when its buckets are full. */
export class RedisBudgetStore implements BudgetStore {
  readonly #scripts: Scripts<"budget">;

  constructor(connection: RedisConnection) {
    this.#scripts = new Scripts(connection, ["budget"], constants({ ROUNDING_MS }));
  }

  async take({ name, buckets, wanted }: BudgetRequest): Promise<BudgetGrant> {
    if (buckets.length === 0) return { granted: wanted, retryAfterMs: 0 };
    const sizes = buckets.flatMap(({ capacity, periodMs }) => [capacity, periodMs]);
    const [granted, retryAfterMs] = (await this.#scripts.run("budget", budgetKey(name), wanted, ...sizes)) as [
      number,
      number,
    ]; // As the script answers.
    return { granted, retryAfterMs };
  }
}
