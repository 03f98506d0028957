import { CODE } from "@ferry/coap";
import { lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, expect, it } from "@jest/globals";
import { ask, collectAnswers } from "./rpc-fixture.ts";
import {
  collect,
  memorySystem,
  openDevice,
  provision,
  publishProfile,
  startNode,
  stopAll,
  until,
} from "./transport-fixture.ts";
import { linesOf, tokenOf } from "./values-fixture.ts";

afterEach(stopAll);

it("An Observe that a device answers with a notification by which it wakes is answered: it is not given up and sent anew", async () => {
  const system = memorySystem();
  await provision(system);
  await publishProfile(system, { resources: {} });
  const node = await startNode(system, { awake: { queueModeMs: 300, psmMs: 300, edrxMs: 300 } });
  const device = await openDevice(node);
  device.answer = () => "silent";
  const lifecycle = collect(system.bus, TOPICS.lifecycle);
  const answers = collectAnswers(system);
  await device.request(CODE.POST, "/rd", ["ep=ep-1", "lt=300", "lwm2m=1.1", "b=U", "Q"], "</1/0>,</3/0>");
  const observe = "GET /3/0/9 observe";
  await ask(system, node, { requestId: "r-1", method: "Observe" });
  await until(() => linesOf(device).includes(observe), "the Observe");
  const { LIFECYCLE_EVENT_ASLEEP } = lwm2m.v1.LifecycleEvent;
  await until(() => lifecycle.some(({ event }) => event === LIFECYCLE_EVENT_ASLEEP), "the device to fall asleep");
  expect(await device.notifyOf(tokenOf(device, observe), "42", 1)).toBe("delivered");
  await until(() => answers.length > 0, "the answer");
  expect(answers[0]).toMatchObject({ status: "SUCCESSFUL", result: "CONTENT" });
  expect(linesOf(device)).toEqual([observe]);
});
