import { setTimeout as sleep } from "node:timers/promises";
import { type FerryClient, formatRecord, type RpcAnswer, type RpcCall } from "@ferry/client";
import type { Terminal } from "./terminal.ts";

/** How long after an answer what was said of its request before is waited for, ms: it comes by another topic. */
const LAST_WORDS_MS = 1_000;

/** Carries a request out and says on stderr how far the device's requests are, from before the call until its answer. That they cannot be followed any more costs no answer. */
export async function callWithProgress(
  client: FerryClient,
  call: RpcCall,
  { stderr }: Pick<Terminal, "stderr">,
): Promise<RpcAnswer> {
  const over = new AbortController();
  const ready = Promise.withResolvers<void>();
  const delivered = new Set<unknown>();
  let answered: unknown;
  const tail = client.tail("rpcStatus", {
    from: "latest",
    endpoint: call.endpoint,
    ...(call.tenant === undefined ? {} : { tenant: call.tenant }),
    signal: over.signal,
    onRecord: (record) => {
      stderr.write(`${formatRecord(record)}\n`);
      const { requestId, progress } = record.value;
      if (progress !== "RPC_PROGRESS_DELIVERED") return;
      delivered.add(requestId);
      if (requestId === answered) over.abort();
    },
    onReady: ready.resolve,
  });
  tail.catch(ready.reject);
  await ready.promise;
  const followed = tail.catch((error: unknown) => {
    stderr.write(`ferry: the progress cannot be followed any more: ${Error.isError(error) ? error.message : error}\n`);
  });
  try {
    const answer = await client.rpc(call);
    answered = answer.requestId;
    if (!delivered.has(answered)) await Promise.race([followed, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    return answer;
  } finally {
    over.abort();
    await followed;
  }
}
