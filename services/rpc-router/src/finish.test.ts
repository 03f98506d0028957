import { BusUnavailableError } from "@ferry/bus";
import { CONTENT_TYPE, lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { finish } from "./finish.ts";
import type { RouterPorts } from "./ports.ts";
import { fullAnswer } from "./route.ts";
import { routeRequest } from "./route-requests.ts";
import { RouterFixture } from "./router-fixture.ts";

const DEVICE = { tenant: "default", endpoint: "demo" };
const REQUEST = { device: DEVICE, requestId: "r-1", contentType: CONTENT_TYPE.json };

let fixture: RouterFixture;
beforeEach(async () => {
  fixture = new RouterFixture();
  await fixture.start();
});
afterEach(() => fixture.stop());

/** The ports of a router that no answer leaves: their partition has no leader. */
function withoutAnswers(): RouterPorts {
  const { sender } = fixture.ports;
  const publish: typeof sender.publish = async (record) => {
    if (record.topic === TOPICS.rpcResponse.name) throw new BusUnavailableError("no leader");
    await sender.publish(record);
  };
  return { ...fixture.ports, sender: { ...sender, publish } };
}

describe("an answer that Kafka does not take", () => {
  const record = {
    topic: TOPICS.rpcRequest.name,
    partition: 3,
    offset: 7,
    key: "default/demo",
    value: Buffer.from(
      JSON.stringify({ requestId: "r-1", endpoint: "demo", method: "Read", params: { id: "/3/0/9" } }),
    ),
    headers: {},
  };
  const route = (ports: RouterPorts): Promise<void> =>
    routeRequest({ ...record, timestampMs: fixture.nowMs }, () => {}, ports);
  const tombstones = async (): Promise<number> => {
    await fixture.settle();
    return fixture.states.filter(({ record }) => record === undefined).length;
  };

  beforeEach(async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    await route(fixture.ports);
  });

  it("leaves its request on record: when Redis is lost as well, the request ends once more", async () => {
    await expect(finish(REQUEST, fullAnswer(1), withoutAnswers())).rejects.toThrow(BusUnavailableError);
    expect(await tombstones()).toBe(0);
    await expect(route(withoutAnswers())).rejects.toThrow(BusUnavailableError); // Nor does a redelivery take it off.
    expect(await tombstones()).toBe(0);
    await route(fixture.ports);
    expect(await tombstones()).toBe(1);
    expect(fixture.jsonResponses).toHaveLength(1);
  });

  it("leaves a request on record that ends while it is handed over once more", async () => {
    const get = fixture.nodes.get.bind(fixture.nodes);
    fixture.nodes.get = async (slot) => {
      fixture.nodes.get = get;
      await finish(REQUEST, fullAnswer(1), withoutAnswers()).catch(() => {});
      return get(slot);
    };
    await expect(route(withoutAnswers())).rejects.toThrow(BusUnavailableError);
    expect(await tombstones()).toBe(0);
    expect(fixture.states.at(-1)?.record?.state).toBe(lwm2m.v1.RpcState.RPC_STATE_ACCEPTED);
  });
});
