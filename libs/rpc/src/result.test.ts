import {
  type LwM2mNode,
  type Operation,
  type OperationOutcome,
  operationPaths,
  UnexpectedResponseError,
} from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { REFUSALS } from "./errors.ts";
import { formatLocalValue } from "./local-answer.ts";
import { formatNoAnswer, formatOutcome, formatRefusal, formatUnexpectedResponse, requestName } from "./result.ts";
import { createTimeFormat } from "./time-text.ts";

const OPTIONS = { formatTime: createTimeFormat("UTC"), compat: "now" } as const;
const BATTERY: LwM2mNode = { type: "singleResource", id: 9, value: { type: "INTEGER", value: 100 } };
const BATTERY_TEXT = "LwM2mSingleResource [id=9, value=100, type=INTEGER]";
const READ: Operation = { type: "read", path: [3, 0, 9] };
const OBSERVE: Operation = { type: "observe", path: [3, 0, 9] };
const DISCOVER: Operation = { type: "discover", path: [3] };
const WRITE: Operation = { type: "write", mode: "replace", path: [3, 0, 9], node: BATTERY };
const EXECUTE: Operation = { type: "execute", path: [5, 0, 2], arguments: undefined };
const WRITE_ATTRIBUTES: Operation = { type: "writeAttributes", path: [19, 0, 0], attributes: { pmin: 10 } };

describe("formatOutcome", () => {
  it.each<[row: string, operation: Operation, outcome: OperationOutcome, result: object]>([
    ["S1", READ, { code: 205, node: BATTERY }, { result: "CONTENT", value: BATTERY_TEXT }],
    ["S24", OBSERVE, { code: 205, node: BATTERY, observing: true }, { result: "CONTENT", value: BATTERY_TEXT }],
    [
      "S5",
      DISCOVER,
      { code: 205, links: "</3>,</3/0/0>,</3/0/1>" },
      { result: "CONTENT", value: "</3>,</3/0/0>,</3/0/1>" },
    ],
    ["S14", WRITE, { code: 204 }, { result: "CHANGED" }],
    ["S16", WRITE_ATTRIBUTES, { code: 204 }, { result: "CHANGED" }],
    ["S22", EXECUTE, { code: 204 }, { result: "CHANGED" }],
    ["nothing discovered", DISCOVER, { code: 205, links: "" }, { result: "CONTENT" }],
  ])("%s: success tells what was read and nothing else", (_, operation, outcome, expected) => {
    const { status, code, nodes, ...result } = formatOutcome(operation, outcome, OPTIONS);
    expect({ status, code }).toEqual({ status: "SUCCESSFUL", code: outcome.code });
    expect(result).toEqual(expected);
    const [path] = operationPaths(operation);
    expect(nodes).toEqual(outcome.node === undefined ? [] : [{ path, node: outcome.node }]);
  });

  it.each<[row: string, outcome: OperationOutcome, result: object]>([
    ["C11", { code: 404 }, { result: "NOT_FOUND" }],
    ["C11", { code: 404, diagnostic: "gone" }, { result: "NOT_FOUND", error: "gone" }],
    ["C11", { code: 501 }, { result: "UNKNOWN", error: "5.01" }],
    ["code without a name, with text", { code: 503, diagnostic: "busy" }, { result: "UNKNOWN", error: "5.03 busy" }],
    ["B65", { code: 405 }, { result: "METHOD_NOT_ALLOWED" }],
    [
      "B64",
      { code: 400, diagnostic: "value MUST NOT be null" },
      { result: "BAD_REQUEST", error: "value MUST NOT be null" },
    ],
  ])("%s: a device's refusal is FAILED with its name and text", (_, outcome, expected) => {
    expect(formatOutcome(READ, outcome, OPTIONS)).toEqual({
      status: "FAILED",
      code: outcome.code,
      nodes: [],
      ...expected,
    });
  });
});

describe("answers without the device", () => {
  it("S26: a count", () => {
    expect(formatLocalValue("1")).toMatchObject({ status: "SUCCESSFUL", result: "CONTENT", value: "1" });
  });

  it("a refusal", () => {
    expect(formatRefusal(REFUSALS.noActiveObservation("/3_1.2"))).toEqual({
      status: "FAILED",
      result: "BAD_REQUEST",
      code: 0,
      error: "Could not find active Observe component with path: /3_1.2",
      nodes: [],
    });
    expect(REFUSALS.observationConflict("/19/0", "/19/0/0").error).toBe(
      "Resource [/19/0] conflict with is already registered as SingleObservation [/19/0/0].",
    );
  });

  it.each([
    ["timeout", "TIMEOUT", "", "Request /3/0/9 timed out"],
    ["reset", "FAILED", "INTERNAL_SERVER_ERROR", "Request /3/0/9 rejected"],
    ["cancelled", "CANCELLED", "INTERNAL_SERVER_ERROR", "Request /3/0/9 cancelled"],
    ["notConnected", "FAILED", "INTERNAL_SERVER_ERROR", "Unable to send request /3/0/9 : peer is not connected"],
    ["notSent", "FAILED", "INTERNAL_SERVER_ERROR", "Unable to send request /3/0/9"],
  ] as const)("no answer: %s", (why, status, result, error) => {
    expect(formatNoAnswer(READ, why)).toEqual({ status, result, code: 0, error, nodes: [] });
  });

  it.each([
    ["code", "Client [meter] returned unexpected response code [2.04] for [ReadRequest /3/0/9]"],
    ["contentFormat", "Client [meter] returned unexpected content format [40] for [ReadRequest /3/0/9]"],
    ["payload", "Unable to decode response payload of request [ReadRequest /3/0/9] from client [meter]"],
  ] as const)("an answer that does not fit: %s", (reason, error) => {
    const unexpected = new UnexpectedResponseError("", { reason, responseCode: 204, contentFormat: 40 });
    expect(formatUnexpectedResponse(READ, "meter", unexpected)).toEqual({
      status: "FAILED",
      result: "INTERNAL_SERVER_ERROR",
      code: 204,
      error,
      nodes: [],
    });
  });

  it("names requests as log lines do", () => {
    expect([READ, WRITE, WRITE_ATTRIBUTES].map(requestName)).toEqual([
      "ReadRequest",
      "WriteRequest",
      "WriteAttributesRequest",
    ]);
  });
});
