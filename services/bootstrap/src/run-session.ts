import assert from "node:assert";
import { lwm2m } from "@ferry/proto";
import type { DeviceDeclaration } from "@ferry/provisioning";
import { driveMachine, type PeerKey } from "@ferry/runtime";
import { type DeviceRef, requestToken, shardOf } from "@ferry/state";
import { generateKey } from "./generate-key.ts";
import type { SessionEnd } from "./metrics.ts";
import type { BootstrapPorts } from "./ports.ts";
import {
  type BootstrapFailure,
  type BootstrapOutput,
  BootstrapSession,
  type BootstrapSessionSettings,
} from "./session.ts";
import type { GivenUp } from "./sessions.ts";
import { serversOf } from "./told-servers.ts";

const { BootstrapStep: Step, BootstrapResult: Result } = lwm2m.v1;

/** A session to be run. */
export interface SessionToRun extends Omit<BootstrapSessionSettings, "timeoutMs" | "needsKey"> {
  readonly device: DeviceRef;
  readonly securityMode: "NO_SEC" | "PSK" | "RPK" | "X509";
  /** Where the device asked from: all requests go there. */
  readonly peer: PeerKey;
  /** What the device declares, where a key is to be made for its servers. */
  readonly generating: DeviceDeclaration | undefined;
}

/**
 * Runs a session to its end, and tells of each step; one that is given up already is none. `signal` aborts with a {@link GivenUp}. `onAnswered`: the device has
 * answered a request, so it is where it asked from.
 */
export async function runSession(
  given: SessionToRun,
  signal: AbortSignal,
  ports: BootstrapPorts,
  onAnswered: () => void,
): Promise<void> {
  if (signal.aborted) return; // It waited for the one before, and the device asked again.
  const { device, securityMode, peer, generating, ...settings } = given;
  const { coap, node, random, events, metrics, clock } = ports;
  const { sessionTimeoutMs, requestTimeoutMs } = ports.settings;
  const startedMs = clock.monotonicMs();
  const tell = events.session(device);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  /** Gives up the request, or key, in hand. */
  let giveUp = (): void => {};

  const perform = (output: BootstrapOutput): void => {
    switch (output.type) {
      case "request": {
        const request = coap.request({
          peer,
          ...output.request,
          token: requestToken(shardOf(device.tenant, device.endpoint), node.slot, random),
          responseTimeoutMs: requestTimeoutMs,
        });
        giveUp = request.giveUp;
        void request.answered.then((result) =>
          driver.handle(result.type === "response" ? { ...result.response, type: "response" } : result),
        );
        break;
      }
      case "needKey": {
        assert(generating !== undefined, "a session without a declaration needs no key");
        const abandoned = new AbortController();
        giveUp = () => abandoned.abort();
        void generateKey(device, generating, abandoned.signal, ports).then((key) => driver.handle(key));
        break;
      }
      case "cancelRequest":
        giveUp();
        break;
      case "step": {
        const { step, outcome, path = "", code, reason = "", written } = output;
        metrics.steps.with({ step, outcome }).inc();
        // What was in vain for want of an answer ends the session, and is told as its end.
        if (code === undefined) break;
        onAnswered();
        tell({
          step: STEPS[step],
          path,
          code,
          reason,
          ...(written && { result: Result.BOOTSTRAP_RESULT_SUCCEEDED, servers: serversOf(written) }),
        });
        break;
      }
      case "done":
        metrics.sessionSeconds.observe((clock.monotonicMs() - startedMs) / 1000);
        finish("succeeded");
        break;
      case "failed":
        tell({
          step: Step.BOOTSTRAP_STEP_FAILED,
          path: output.path ?? "",
          reason: output.reason,
          result: isReplaced(output, signal) ? Result.BOOTSTRAP_RESULT_REPLACED : Result.BOOTSTRAP_RESULT_FAILED,
        });
        finish(output.cause === "cancelled" ? (signal.reason as GivenUp) : output.cause);
        break;
    }
  };
  const finish = (outcome: SessionEnd): void => {
    metrics.sessions.with({ outcome }).inc();
    driver.stop();
    signal.removeEventListener("abort", cancel);
    end();
  };
  const cancel = (): void => driver.handle({ type: "cancel", reason: GIVEN_UP[signal.reason as GivenUp] });
  const driver = driveMachine(
    new BootstrapSession({ ...settings, needsKey: generating !== undefined, timeoutMs: sessionTimeoutMs }),
    perform,
  );

  tell({ step: Step.BOOTSTRAP_STEP_STARTED, code: "2.04", securityMode, servers: serversOf(given.target) });
  signal.addEventListener("abort", cancel);
  driver.handle({ type: "start" });
  await ended;
}

const STEPS = {
  discover: Step.BOOTSTRAP_STEP_DISCOVERED,
  read: Step.BOOTSTRAP_STEP_READ,
  delete: Step.BOOTSTRAP_STEP_DELETED,
  write: Step.BOOTSTRAP_STEP_WRITTEN,
  finish: Step.BOOTSTRAP_STEP_FINISHED,
} as const;

const GIVEN_UP: Readonly<Record<GivenUp, string>> = {
  replaced: "the device asked to be bootstrapped again",
  stopped: "the process that had the session ends: the device asks again",
};

function isReplaced({ cause }: BootstrapFailure, signal: AbortSignal): boolean {
  return cause === "cancelled" && signal.reason === ("replaced" satisfies GivenUp);
}
