import {
  CODE,
  OPTION,
  type Received,
  readStringOptions,
  stringOption,
  uintOption,
  uriPath,
  uriQuery,
} from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { RegistrationClient } from "./registration-client.ts";

const client = (): RegistrationClient =>
  new RegistrationClient({
    endpoint: "demo",
    lwm2mVersion: "1.1",
    bindingMode: "U",
    queueMode: false,
    lifetimeS: 100,
    random: (size) => new Uint8Array(size),
  });

function answer(code: number, options: Received["options"] = []): Received {
  const [peer, payload, token] = ["server", new Uint8Array(), new Uint8Array()];
  return { peer, code, confirmable: true, messageId: 1, token, options, payload };
}

const created = answer(CODE.CREATED, [
  stringOption(OPTION.LOCATION_PATH, "rd"),
  stringOption(OPTION.LOCATION_PATH, "a1"),
]);

function registered(): RegistrationClient {
  const it = client();
  it.register("</1>");
  it.settle("register", created, 0);
  return it;
}

describe("RegistrationClient (OMA LwM2M Core 1.1.1 §6.2)", () => {
  it("registers with its name, lifetime, version and binding", () => {
    const { code, options, payload } = client().register("</1>");
    expect(code).toBe(CODE.POST);
    expect(uriPath(options)).toEqual(["rd"]);
    expect(uriQuery(options)).toEqual(["ep=demo", "lt=100", "lwm2m=1.1", "b=U"]);
    expect(Buffer.from(payload).toString()).toBe("</1>");
  });

  it("updates at the location it was given, after 80 % of the lifetime", () => {
    const it = registered();
    expect(it.deadlineMs).toBe(80_000);
    expect([it.due(79_999), it.due(80_000)]).toEqual([undefined, "update"]);
    expect(uriPath(it.update("</1>")?.options ?? [])).toEqual(["rd", "a1"]);
  });

  it("sends its objects with an Update only when they changed", () => {
    const it = registered();
    expect(it.update("</1>")?.payload).toHaveLength(0);
    expect(it.update("</1>,</3>")?.payload).toHaveLength(9);
    expect(it.update("</1>,</3>")?.payload).toHaveLength(0);
  });

  it("registers again at once when the server does not know the registration", () => {
    const it = registered();
    it.update("</1>");
    expect(it.settle("update", answer(CODE.NOT_FOUND), 5)).toMatchObject({ type: "refused", uplink: "update" });
    expect(it.due(5)).toBe("register");
  });

  it("asks an overloaded server again after its Max-Age", () => {
    const it = client();
    it.register("</1>");
    it.settle("register", answer(CODE.SERVICE_UNAVAILABLE, [uintOption(OPTION.MAX_AGE, 7)]), 0);
    expect(it.deadlineMs).toBe(7000);
  });

  it("leaves a server alone that refuses it", () => {
    const it = client();
    it.register("</1>");
    it.settle("register", answer(CODE.FORBIDDEN), 0);
    expect([it.registered, it.deadlineMs]).toEqual([false, undefined]);
  });

  it("registers again a little after an Update that was not answered", () => {
    const it = registered();
    it.update("</1>");
    it.fail("update", "timeout", 1000);
    expect([it.due(1999), it.due(2000)]).toEqual([undefined, "register"]);
  });

  it("has nothing more to do once it deregisters", () => {
    const it = registered();
    expect(readStringOptions(it.deregister()?.options ?? [], OPTION.URI_PATH)).toEqual(["rd", "a1"]);
    expect([it.registered, it.deadlineMs, it.deregister(), it.update("")]).toEqual([
      false,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
