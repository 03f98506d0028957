import { setTimeout as sleep } from "node:timers/promises";
import {
  escapeControls,
  type FerryClient,
  formatRecord,
  NoAnswerError,
  type RpcAnswer,
  type StreamRecord,
} from "@ferry/client";
import { hintFor } from "./rpc-hint.ts";
import type { Terminal } from "./terminal.ts";

/** Which device is to bootstrap again, and how long that may take. */
export interface Trigger {
  readonly endpoint: string;
  readonly tenant: string;
  /** Instance of the Server object (1) whose Bootstrap-Request Trigger is executed. */
  readonly instance: number;
  /** How long the device's answer may take, ms. */
  readonly timeoutMs: number;
  /** How long its bootstrap may take after that, ms; undefined where that is not followed. */
  readonly waitMs: number | undefined;
}

/**
 * Has a device bootstrap again (OMA LwM2M Core 1.1.1 §6.1.4, resource 1/x/9), and follows that to its end where asked to.
 *
 * @throws {NoAnswerError} nobody answered, or the bootstrap has not ended in time
 */
export async function triggerBootstrap(
  client: FerryClient,
  trigger: Trigger,
  terminal: Pick<Terminal, "stdout" | "stderr">,
): Promise<"done" | "refused"> {
  const { endpoint, waitMs } = trigger;
  if (waitMs === undefined) return execute(client, trigger, terminal);
  const over = new AbortController();
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<"done" | "refused">();
  const end = endOfBootstrap();
  const tail = client.tail("bootstrap", {
    from: "latest",
    endpoint,
    tenant: trigger.tenant,
    signal: over.signal,
    onReady: ready.resolve,
    onRecord: (record) => {
      terminal.stdout.write(`${formatRecord(record)}\n`);
      const outcome = end(record.value);
      if (outcome !== undefined) ended.resolve(outcome);
    },
  });
  tail.catch(ready.reject);
  tail.catch(ended.reject);
  // Whoever fails first is told of; the other is not waited for any more.
  ended.promise.catch(() => {});
  try {
    await ready.promise;
    if ((await execute(client, trigger, terminal)) === "refused") return "refused";
    const late = sleep(waitMs, undefined, { ref: false, signal: over.signal }).then(() => {
      throw new NoAnswerError(`the bootstrap of ${endpoint} has not ended within ${waitMs} ms`);
    });
    return await Promise.race([ended.promise, late]);
  } finally {
    over.abort();
    await tail.catch(() => {});
  }
}

/**
 * Tells by the records of a device, one after another, how the bootstrap ended that begins now. One that was under way before does not count, nor does a refusal
 * without a security mode: whoever was refused did not prove to be the device.
 */
function endOfBootstrap(): (record: StreamRecord["value"]) => "done" | "refused" | undefined {
  const begun = new Set<unknown>();
  return ({ sessionId, step, result, securityMode }) => {
    if (step === "BOOTSTRAP_STEP_STARTED") begun.add(sessionId);
    if (result === "BOOTSTRAP_RESULT_REFUSED") return securityMode ? "refused" : undefined;
    if (!begun.has(sessionId)) return undefined;
    if (result === "BOOTSTRAP_RESULT_SUCCEEDED") return "done";
    return result === "BOOTSTRAP_RESULT_FAILED" ? "refused" : undefined;
  };
}

async function execute(
  client: FerryClient,
  { endpoint, tenant, instance, timeoutMs }: Trigger,
  { stdout, stderr }: Pick<Terminal, "stdout" | "stderr">,
): Promise<"done" | "refused"> {
  const id = `/1/${instance}/9`;
  const answer = await client.rpc({ endpoint, tenant, method: "Execute", params: { id }, timeoutMs });
  if (answer.status === "SUCCESSFUL") {
    stdout.write(`${endpoint} was told to bootstrap: ${answer.result}\n`);
    return "done";
  }
  const told = [answer.result, answer.error].filter(Boolean).join(": ");
  stderr.write(`ferry: ${endpoint} was not told to bootstrap: ${escapeControls(told || answer.status)}\n`);
  const hint = triggerHint(answer) ?? hintFor("Execute", answer);
  if (hint !== undefined) stderr.write(`ferry: ${hint}\n`);
  return "refused";
}

/** What a device means that does not take the trigger, by the numeric code of its answer. */
function triggerHint({ code }: RpcAnswer): string | undefined {
  return typeof code === "number" ? HINTS[code] : undefined;
}

const NO_ACCOUNT =
  "a device can be told to bootstrap when it has an account of a bootstrap server: an instance of object 0 whose resource 1 is true";
const HINTS: Readonly<Record<number, string>> = {
  400: NO_ACCOUNT,
  404: "it has no such instance, or does not know the trigger: `ferry devices show` lists its objects, --instance takes another one of object 1",
  405: NO_ACCOUNT,
};
