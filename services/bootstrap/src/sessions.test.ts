import { afterEach, expect, it } from "@jest/globals";
import {
  declareDevice,
  declareProfile,
  memorySystem,
  openDevice,
  SERVER,
  shown,
  startServer,
  stopAll,
} from "./bootstrap-fixture.ts";
import type { BootstrapPorts } from "./ports.ts";
import { runSession, type SessionToRun } from "./run-session.ts";
import { Sessions } from "./sessions.ts";

afterEach(stopAll);

it("a session that is given up before its turn comes asks nothing of the device, and tells of nothing", async () => {
  const sessions = new Sessions(1);
  const device = { tenant: "default", endpoint: "ep-1" };
  const { promise: first, resolve: endFirst } = Promise.withResolvers<void>();
  const running = [sessions.run(device, () => first)];
  // It has nothing to work with, and would fail at the first thing that it did.
  running.push(
    sessions.run(device, (signal) => runSession({} as SessionToRun, signal, {} as BootstrapPorts, () => {})),
  );
  running.push(sessions.run(device, async (signal) => expect(signal.aborted).toBe(false)));
  endFirst();
  await expect(Promise.all(running)).resolves.toHaveLength(3);
});

it("of requests that come together no more begin a session than there is room for", async () => {
  const names = ["ep-1", "ep-2", "ep-3"];
  const system = await memorySystem();
  await declareProfile(system, { servers: [SERVER] });
  for (const name of names) await declareDevice(system, name);
  // All wait for the store, which answers when the last of them has asked.
  const { promise: allAsked, resolve: answer } = Promise.withResolvers<void>();
  let asked = 0;
  const get = system.state.devices.get.bind(system.state.devices);
  system.state.devices.get = async (device) => {
    if (++asked === names.length) answer();
    await allAsked;
    return get(device);
  };
  const server = await startServer(system, { BOOTSTRAP_DTLS_ENABLED: "false", BOOTSTRAP_MAX_SESSIONS: "1" });
  const devices = await Promise.all(names.map(() => openDevice(server)));
  for (const device of devices) device.answer = () => "silent";
  const answers = await Promise.all(devices.map((device, index) => device.bootstrap(names[index] ?? "")));
  expect(answers.map((each) => shown(each).slice(0, 4)).sort()).toEqual(["2.04", "5.03", "5.03"]);
});
