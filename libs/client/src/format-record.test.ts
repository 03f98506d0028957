import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { STREAMS, type Stream, type StreamRecord } from "./ferry-client.ts";
import { formatRecord } from "./format-record.ts";

function line(stream: Stream, value: StreamRecord["value"], key = "default/demo"): string {
  return formatRecord({ stream, key, timestampMs: Date.UTC(2026, 0, 2, 3, 4, 5, 67), value });
}

describe("a record as a line", () => {
  it.each<[string, Stream, StreamRecord["value"], string]>([
    [
      "telemetry with its unit",
      "telemetry",
      {
        samples: [
          { key: "batteryLevel", value: { int64: "100" }, unit: "%" },
          { key: "t", value: { double: 21.5 } },
        ],
      },
      "batteryLevel=100 %  t=21.5",
    ],
    ["a late value", "telemetry", { stale: true, samples: [{ key: "n", value: { int64: "1" } }] }, "n=1 (late)"],
    ["a time", "telemetry", { samples: [{ key: "at", value: { timeMs: "0" } }] }, "at=1970-01-01T00:00:00.000Z"],
    [
      "a time that no date has, as a number",
      "telemetry",
      { samples: [{ key: "at", value: { timeMs: "9007199254740991" } }] },
      "at=9007199254740991",
    ],
    [
      "an object link",
      "telemetry",
      { samples: [{ key: "link", value: { objectLink: { objectId: 3 } } }] },
      "link=/3/0",
    ],
    [
      "resource instances",
      "attributes",
      { attributes: [{ key: "errors", value: { instances: { values: { 0: { int64: "0" }, 2: { int64: "7" } } } } }] },
      "attributes  errors={0=0, 2=7}",
    ],
    ["a value of zero", "attributes", { attributes: [{ key: "n", value: { int64: "0" } }] }, "attributes  n=0"],
    [
      "a registration",
      "lifecycle",
      {
        event: "LIFECYCLE_EVENT_REGISTERED",
        registration: { lifetimeS: 300, lwm2mVersion: "1.1", peer: "192.0.2.1:5683" },
      },
      "registered  lifetime 300 s, LwM2M 1.1, from 192.0.2.1:5683",
    ],
    [
      "a refusal with its reason",
      "lifecycle",
      { event: "LIFECYCLE_EVENT_REFUSED", reason: "no device is declared" },
      "refused  no device is declared",
    ],
    [
      "what an Update changed",
      "lifecycle",
      {
        event: "LIFECYCLE_EVENT_UPDATED",
        registration: { lifetimeS: 60, lwm2mVersion: "1.1", peer: "192.0.2.1:5683" },
        changes: ["lifetime", "objects"],
      },
      "updated  lifetime 60 s, LwM2M 1.1, from 192.0.2.1:5683, changed: lifetime, objects",
    ],
    [
      "a desired value that was refused, with its key and path",
      "lifecycle",
      {
        event: "LIFECYCLE_EVENT_WRITE_FAILED",
        key: "batteryLevel",
        path: "/3/0/9",
        reason: "METHOD_NOT_ALLOWED",
      },
      "write_failed  batteryLevel /3/0/9: METHOD_NOT_ALLOWED",
    ],
    [
      "a bootstrap that begins, with the servers that the device is to get",
      "bootstrap",
      {
        step: "BOOTSTRAP_STEP_STARTED",
        code: "2.04",
        securityMode: "PSK",
        servers: [
          { shortServerId: 123, uri: "coaps://a:5686", securityMode: "RPK" },
          { uri: "coap://b:5687", securityMode: "NO_SEC" },
        ],
      },
      "bootstrap started 2.04 PSK  server 123 coaps://a:5686 RPK, bootstrap server coap://b:5687 NO_SEC",
    ],
    [
      "a step of a bootstrap that was refused",
      "bootstrap",
      { step: "BOOTSTRAP_STEP_FAILED", path: "/0/1", code: "4.05", reason: "no" },
      "bootstrap failed /0/1 4.05: no",
    ],
    ["a request", "rpcRequest", { method: "Read", params: { id: "/3/0/9" } }, 'request   Read {"id":"/3/0/9"}'],
    ["a request by text", "rpcRequest", { method: "Read", params: '{"key":"a"}' }, 'request   Read {"key":"a"}'],
    [
      "an answer",
      "rpcResponse",
      { status: "SUCCESSFUL", result: "CONTENT", value: "a value" },
      "response  SUCCESSFUL CONTENT a value",
    ],
    [
      "an answer that is an error",
      "rpcResponse",
      { status: "NOT_REGISTERED", error: "The device is not registered" },
      "response  NOT_REGISTERED The device is not registered",
    ],
    ["progress", "rpcStatus", { progress: "RPC_PROGRESS_SENT", requestId: "r-1" }, "progress  SENT r-1"],
    [
      "a dead letter",
      "deadLetter",
      { "dlq-topic": "t", "dlq-partition": "0", "dlq-offset": "7", "dlq-reason": "not JSON" },
      "dead letter from t/0@7: not JSON",
    ],
  ])("shows %s", (_, stream, value, text) => {
    expect(line(stream, value)).toBe(`03:04:05.067  demo              ${text}`);
  });

  it("shows a time of the record that no date has as a number", () => {
    expect(formatRecord({ stream: "telemetry", key: "k", timestampMs: 9e15, value: {} })).toMatch(/^9000000000000000 /);
  });

  it("shows any JSON without throwing", () => {
    const value = fc.dictionary(
      fc.constantFrom("samples", "attributes", "registration", "event", "params", "value", "servers"),
      fc.oneof(fc.jsonValue(), fc.constant([null]), fc.constant([{ value: { objectLink: null } }])),
    );
    fc.assert(
      fc.property(fc.constantFrom(...STREAMS), value, (stream, json) => {
        expect(typeof line(stream, json)).toBe("string");
      }),
    );
  });

  it("names the tenant of a device that is not the default's", () => {
    expect(line("telemetry", { samples: [] }, "acme/demo")).toContain("acme/demo");
  });

  it("shows no control character of a device: a terminal must not obey it", () => {
    const value = { samples: [{ key: "k", value: { string: "\u001b[2Jgone\r\n\u0007" } }] };
    expect(line("telemetry", value)).toContain("k=\\u001b[2Jgone\\u000d\\u000a\\u0007");
  });
});
