import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Loss, type LossRow, RedisLosses, type Stage } from "./redis-losses.ts";
import type { Method, RpcCounts } from "./rpc-ledger.ts";
import { type Stops, stopAll } from "./system.ts";

/** Of each row: 20 for the acceptance of a release. */
const RUNS = Number(process.env.FERRY_CRASH_RUNS ?? 2);
/** What a run takes at worst, beside what the table takes once. */
const RUN_MS = 240_000;

function row(loss: Loss, stage: Stage, method: Method, ...statuses: readonly string[]): LossRow {
  return { loss, stage, method, statuses };
}

/*
 * A fail-over is a real one: the replica has lost its primary a second before that is killed, and then takes its address. What an operator would have besides,
 * Sentinels or a Kubernetes operator, decides when that happens and not what is lost.
 *
 * INDETERMINATE stands beside SUCCESSFUL where the answer of the device and the word that Redis was lost race each other: both are true.
 *
 * Seen to fail with what it guards taken out by hand: where a node carries out what it fetches before the router has restored the store
 * (RpcExecutor#fetch without `isRestored`), `fail-over, woken, answered` executes twice and answers twice, and `woken, under way` executes twice.
 * An incarnation that does not look at the run id of the server (incarnation.lua): the same in one fail-over of four, where nobody had looked in the lost second.
 */
const ROWS: readonly LossRow[] = [
  row("FLUSHALL", "waits", "Execute", "SUCCESSFUL"),
  row("FLUSHALL", "waits", "Read", "SUCCESSFUL"),
  row("FLUSHALL", "under way", "Execute", "SUCCESSFUL", "INDETERMINATE"),
  row("FLUSHALL", "under way", "Read", "SUCCESSFUL"),
  row("FLUSHALL", "answered", "Execute", "SUCCESSFUL"),
  row("fail-over", "waits", "Execute", "SUCCESSFUL"),
  row("fail-over", "under way", "Execute", "SUCCESSFUL", "INDETERMINATE"),
  row("fail-over", "under way", "Read", "SUCCESSFUL"),
  row("fail-over", "answered", "Execute", "SUCCESSFUL"),
  row("fail-over", "woken, under way", "Execute", "SUCCESSFUL", "INDETERMINATE"),
  row("fail-over", "woken, answered", "Execute", "SUCCESSFUL"),
];

describe("an RPC whose Redis is lost", () => {
  const stops: Stops = [];
  let table: ReadonlyMap<LossRow, RpcCounts>;

  beforeAll(async () => {
    table = await (await RedisLosses.start(stops)).run(ROWS, RUNS);
    for (const [{ loss, stage, method }, counts] of table) {
      process.stdout.write(`lost-redis: ${method}: ${loss}, ${stage} ${JSON.stringify(counts)}\n`);
    }
  }, RUNS * RUN_MS);

  afterAll(() => stopAll(stops), 60_000);

  it.each(ROWS.map((each) => [each.method, each.loss, each.stage, each] as const))(
    "has one final answer, and its device executes at most once: %s, %s, %s",
    (method, _loss, _stage, each) => {
      const { runs, answers, statuses, executed } = table.get(each) as RpcCounts; // `run` counts every row.
      expect(answers).toEqual({ 1: runs });
      expect(each.statuses).toEqual(expect.arrayContaining(Object.keys(statuses)));
      expect(executed).toEqual({ [method === "Execute" ? 1 : 0]: runs });
    },
  );
});
