import { expect, it } from "@jest/globals";
import { deadLetter } from "./dead-letter.ts";

it("keeps key, value and headers of the record and says where it came from and what is wrong", () => {
  const record = {
    topic: "x.lwm2m.rpc.request.v1",
    partition: 3,
    offset: 42,
    key: "default/a",
    value: Buffer.from("junk"),
    headers: { "content-type": "application/json" },
    timestampMs: 1,
  };
  expect(deadLetter(record, "method is missing", "rpc-router", { topicPrefix: "x.", nowMs: 1_000 })).toEqual({
    topic: "x.lwm2m.dead-letter.v1",
    key: "default/a",
    value: record.value,
    headers: {
      "content-type": "application/json",
      "dlq-reason": "method is missing",
      "dlq-topic": "x.lwm2m.rpc.request.v1",
      "dlq-partition": "3",
      "dlq-offset": "42",
      "dlq-service": "rpc-router",
      "dlq-time-ms": "1000",
    },
  });
});
