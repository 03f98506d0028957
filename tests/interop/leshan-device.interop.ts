import { CODE, CONTENT_FORMAT, OPTION, stringOption, uintOption } from "@ferry/coap";
import { fromCoapResponse, type ModelView, type Operation, parseObjectLinks, toCoapRequest } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { type LeshanDevice, type MinimalServer, startLeshan, startMinimalServer } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

const coreModels = loadCoreModels();
const models: ModelView = { object: (id) => coreModels.find((model) => model.id === id) };

describe("a Leshan device", () => {
  let server: MinimalServer;
  let device: LeshanDevice;

  beforeAll(async () => {
    server = await startMinimalServer();
    device = await startLeshan({ server: `coap://127.0.0.1:${server.port}`, endpoint: "leshan", lifetimeS: 60 });
    await device.waitFor("registered");
  }, 30_000);

  afterAll(async () => {
    await device.stop();
    await server.close();
  });

  async function operate(operation: Operation, format: number = CONTENT_FORMAT.SENML_CBOR, token?: Uint8Array) {
    const request = toCoapRequest(operation, { format, rootPath: [] });
    const outcome = await server.request("leshan", token === undefined ? request : { ...request, token });
    if (outcome.type === "failed") throw new TypeError(`failed: ${outcome.reason}`);
    return fromCoapResponse(operation, outcome, models);
  }

  it("registers the objects and versions of its fixture", () => {
    const links = server.registrations.get("leshan")?.objectLinks ?? "";
    const { objects } = parseObjectLinks(links, "1.1");
    expect(objects.get(3)).toEqual({ version: "1.0", instances: [0] });
    expect(objects.get(19)).toEqual({ version: "1.0", instances: [0, 1] });
    expect(objects.get(31024)?.instances).toEqual([10, 11, 12]);
  });

  it.each([
    ["TLV", CONTENT_FORMAT.LWM2M_TLV],
    ["SenML JSON", CONTENT_FORMAT.SENML_JSON],
    ["SenML CBOR", CONTENT_FORMAT.SENML_CBOR],
  ])("answers Read of an Object Instance in %s as we decode it", async (_, format) => {
    const { code, node } = await operate({ type: "read", path: [3, 0] }, format);
    expect(code).toBe(205);
    expect(node).toMatchObject({
      resources: expect.arrayContaining([
        { type: "singleResource", id: 9, value: { type: "INTEGER", value: 75 } },
        { type: "singleResource", id: 14, value: { type: "STRING", value: "+03" } },
        expect.objectContaining({ type: "multipleResource", id: 11 }),
      ]),
    });
  });

  it("tells what was written and executed, and how often", async () => {
    const node = { type: "singleResource", id: 14, value: { type: "STRING", value: "+10" } } as const;
    expect((await operate({ type: "write", mode: "replace", path: [3, 0, 14], node })).code).toBe(204);
    expect(await device.waitFor("written")).toMatchObject({ path: "/3/0/14", mode: "replace", value: "+10" });
    for (let i = 0; i < 2; i++) await operate({ type: "execute", path: [3, 0, 4], arguments: "0='a'" });
    expect(await device.waitFor("executed", ({ count }) => count === 2)).toMatchObject({ path: "/3/0/4" });
  });

  it("numbers what it notifies and tells which numbers were acknowledged", async () => {
    const observed = await operate(
      { type: "observe", path: [3303, 0, 5700] },
      CONTENT_FORMAT.SENML_CBOR,
      Buffer.from("f1", "hex"),
    );
    expect(observed).toMatchObject({ code: 205, observing: true });
    await device.send({ command: "number", intervalMs: 50 });
    expect(await device.waitFor("acknowledged", ({ value }) => value === 5)).toMatchObject({ path: "/3303/0/5700" });
    await device.send({ command: "number", intervalMs: 0 });
    const numbers = device.events.flatMap((event) => (event.event === "acknowledged" ? [event.value] : []));
    // A number may be passed over: while a CON waits for its ACK, only the newest value goes next (RFC 7641 §4.5.2).
    expect(numbers).toEqual([...new Set(numbers as number[])].sort((a, b) => a - b));
    expect(server.notifications.every(({ confirmable, code }) => confirmable && code === CODE.CONTENT)).toBe(true);
  });

  it("creates and deletes instances", async () => {
    const path = [19].map((id) => stringOption(OPTION.URI_PATH, String(id)));
    const format = uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LWM2M_TLV);
    const payload = Uint8Array.of(0xc1, 1, 7); // resource 1 is 7; the device chooses the instance
    const created = await server.request("leshan", { code: CODE.POST, options: [...path, format], payload });
    expect(created).toMatchObject({ code: CODE.CREATED });
    expect((await operate({ type: "read", path: [19, 2, 1] })).node).toMatchObject({ value: { value: 7 } });
    const deleted = await server.request("leshan", {
      code: CODE.DELETE,
      options: [...path, stringOption(OPTION.URI_PATH, "2")],
    });
    expect(deleted).toMatchObject({ code: CODE.DELETED });
  });

  it("sends values of its own accord (LwM2M Send)", async () => {
    await device.send({ command: "send", paths: ["/3/0/9", "/3303/0/5700"] });
    expect(await device.waitFor("sent")).toMatchObject({ code: 204, paths: ["/3/0/9", "/3303/0/5700"] });
  });

  it("updates, deregisters and registers again when told to, and says what it cannot do", async () => {
    await device.send({ command: "update" });
    await device.waitFor("updated");
    await expect(device.send({ command: "set", path: "/77/0/1", value: 1 })).rejects.toThrow("no instance /77/0/1");
    await device.send({ command: "deregister" });
    await device.waitFor("deregistered");
    expect(server.registrations.size).toBe(0);
    const { registrationId } = await device.waitFor("registered");
    await device.send({ command: "register" });
    await device.waitFor("registered", (event) => event.registrationId !== registrationId);
    expect(server.registrations.size).toBe(1);
  });
});

describe("several Leshan devices in one process", () => {
  it("register by numbered names, with the objects of the black-box fixture", async () => {
    const server = await startMinimalServer();
    const devices = await startLeshan({
      server: `coap://127.0.0.1:${server.port}`,
      endpoint: "fleet-",
      count: 3,
      fixture: "black-box",
    });
    for (const endpoint of ["fleet-0", "fleet-1", "fleet-2"]) {
      await devices.waitFor("registered", (event) => event.endpoint === endpoint);
    }
    const { objects } = parseObjectLinks(server.registrations.get("fleet-2")?.objectLinks ?? "", "1.1");
    expect(objects.get(2)).toEqual({ version: "1.0", instances: [] });
    expect(objects.get(3)).toEqual({ version: "1.2", instances: [0] });
    expect(objects.get(3303)?.instances).toEqual([0, 12]);
    await devices.stop();
    await server.close();
  }, 30_000);
});
