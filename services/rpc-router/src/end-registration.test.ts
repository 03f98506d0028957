import { BusUnavailableError } from "@ferry/bus";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { endRegistration } from "./end-registration.ts";
import { RouterFixture } from "./router-fixture.ts";

const DEVICE = { tenant: "default", endpoint: "demo" };

let fixture: RouterFixture;

beforeEach(async () => {
  fixture = new RouterFixture();
  await fixture.start();
});

afterEach(() => fixture.stop());

it("ends a registration and has its owner forget the device, also once more after the store has", async () => {
  await fixture.register("demo", await fixture.node(5, "boot-5"));
  await endRegistration(DEVICE, "the device was deleted", fixture.ports);
  expect(await fixture.devices.get(DEVICE)).toBeUndefined();
  await fixture.until(() => fixture.commands.length === 2);
  for (const { slot, command } of fixture.commands) {
    expect(slot).toBe(5);
    expect(command).toMatchObject({ bootId: "boot-5", dropDevice: { ...DEVICE, reason: "the device was deleted" } });
  }
  const [before, after] = fixture.commands.map(({ command }) => command.dropDevice);
  expect(before).toMatchObject({ ended: null, outboxId: "" });
  expect(after).toMatchObject({ ended: { context: DEVICE, reason: "the device was deleted" } });
  expect(after?.outboxId).toMatch(/./);
});

it("tells the owner when it is repeated after Kafka was away", async () => {
  await fixture.register("demo", await fixture.node(5, "boot-5"));
  const publish = async (): Promise<never> => {
    throw new BusUnavailableError("away");
  };
  const sender = { ...fixture.ports.sender, publish };
  await expect(endRegistration(DEVICE, "deleted", { ...fixture.ports, sender })).rejects.toThrow(BusUnavailableError);
  await endRegistration(DEVICE, "deleted", fixture.ports);
  await fixture.until(() => fixture.commands.length > 0);
  expect(fixture.commands[0]?.command.dropDevice).toMatchObject(DEVICE);
});

it("does nothing for a device that is not registered", async () => {
  await endRegistration(DEVICE, "deleted", fixture.ports);
  await fixture.settle();
  expect(fixture.commands).toEqual([]);
});
