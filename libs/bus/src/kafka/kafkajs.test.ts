import { createRequire } from "node:module";
import { expect, it, jest } from "@jest/globals";
import { groupByPartition, kafkajs } from "./kafkajs.ts";

const require = createRequire(import.meta.url);

it("repairs kafkajs 2.2.4: after a change of its version, look whether the repairs are still needed and still fit", () => {
  expect((require("kafkajs/package.json") as { version: string }).version).toBe("2.2.4");
});

it("gives kafkajs the grouping that does not copy, with the same groups", () => {
  expect(require("kafkajs/src/producer/groupMessagesPerPartition")).toBe(groupByPartition);
  const messages = Array.from({ length: 10 }, (_, n) => ({ n }));
  const partitioner = ({ message }: { message: { n: number } }) => message.n % 3;
  const groups = groupByPartition({ topic: "t", partitionMetadata: [1, 2, 3], messages, partitioner });
  expect(Object.entries(groups).map(([partition, group]) => [partition, group.map(({ n }) => n)])).toEqual([
    ["0", [0, 3, 6, 9]],
    ["1", [1, 4, 7]],
    ["2", [2, 5, 8]],
  ]);
  expect(groupByPartition({ topic: "t", partitionMetadata: [], messages, partitioner })).toEqual({});
});

it("sends Produce requests of the highest version that both know, and throws what Kafka refuses the records for", () => {
  const { lookup, requests } = require("kafkajs/src/protocol/requests") as {
    lookup(versions: object): (
      apiKey: number,
      api: unknown,
    ) => (produce: object) => {
      request: { apiVersion: number };
      response: { parse(response: object): unknown };
    };
    requests: { Produce: unknown };
  };
  const exchange = (maxVersion: number) =>
    lookup({ 0: { maxVersion } })(0, requests.Produce)({ acks: -1, topicData: [] });
  expect([3, 5, 7, 13].map((version) => exchange(version).request.apiVersion)).toEqual([3, 5, 7, 7]);
  const { parse } = exchange(7).response;
  expect(parse({ topics: [], errorCode: 0 })).toEqual({ topics: [], errorCode: 0 });
  expect(() => parse({ topics: [], errorCode: 3 })).toThrow(
    expect.objectContaining({ name: "KafkaJSProtocolError", type: "UNKNOWN_TOPIC_OR_PARTITION" }),
  );
});

it("keeps no timer while nothing waits in a connection's queue, and one while something does", () => {
  const { prototype } = require("kafkajs/src/network/requestQueue") as {
    prototype: { scheduleCheckPendingRequests(): void };
  };
  jest.useFakeTimers();
  try {
    const checkPendingRequests = jest.fn();
    const queue = { throttleCheckTimeoutId: null, throttledUntil: -1, pending: [] as unknown[], checkPendingRequests };
    prototype.scheduleCheckPendingRequests.call(queue);
    expect(jest.getTimerCount()).toBe(0);
    queue.pending.push({});
    prototype.scheduleCheckPendingRequests.call(queue);
    prototype.scheduleCheckPendingRequests.call(queue);
    expect(jest.getTimerCount()).toBe(1);
    jest.runAllTimers();
    expect(checkPendingRequests).toHaveBeenCalledTimes(1);
  } finally {
    jest.useRealTimers();
  }
});

it("loads as a whole", () => {
  expect(typeof kafkajs.Kafka).toBe("function");
});
