import { CODE, CONTENT_FORMAT, formatCode, OPTION, uintOption, uriOptions } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { parseUplink } from "./uplink.ts";

const LINKS = "</1/0>,</3/0>";
const bytes = (text: string) => new TextEncoder().encode(text);

function request(code: number, uri: string, payload: string | Uint8Array = "", format?: number) {
  const options = [...uriOptions(uri), ...(format === undefined ? [] : [uintOption(OPTION.CONTENT_FORMAT, format)])];
  return parseUplink(code, options, typeof payload === "string" ? bytes(payload) : payload);
}
const register = (query: string, links: string | Uint8Array = LINKS, format?: number) =>
  request(CODE.POST, `/rd?${query}`, links, format);
const refusal = (uplink: ReturnType<typeof request>) =>
  uplink.type === "refusal" ? `${formatCode(uplink.code)} ${uplink.diagnostic}` : uplink;

describe("Register (Core 1.1.1 §6.2.1)", () => {
  it("has an endpoint, a lifetime, a version, a binding and links", () => {
    expect(register("ep=urn:imei:1&lt=300&lwm2m=1.1&b=U&Q&sms=+4912345&x=y&z")).toEqual({
      type: "register",
      endpoint: "urn:imei:1",
      lifetimeS: 300,
      lwm2mVersion: "1.1",
      bindingMode: "U",
      queueMode: true,
      smsNumber: "+4912345",
      objectLinks: LINKS,
      additionalParameters: { x: "y", z: "" },
    });
  });

  it("has defaults: a day, binding U, awake; the endpoint may be left to the credentials", () => {
    expect(register("lwm2m=1.0")).toEqual({
      type: "register",
      endpoint: undefined,
      lifetimeS: 86_400,
      lwm2mVersion: "1.0",
      bindingMode: "U",
      queueMode: false,
      objectLinks: LINKS,
      additionalParameters: {},
    });
  });

  it.each([
    ["lwm2m=1.0&b=UQ", "U", true],
    ["lwm2m=1.0&b=UQS", "US", true],
    ["lwm2m=1.0&b=S", "S", false],
    ["lwm2m=1.1&b=UT", "UT", false],
    ["lwm2m=1.1&b=U&Q", "U", true],
    // Clients that learned LwM2M 1.0 go on writing the queue mode into `b`.
    ["lwm2m=1.1&b=UQ", "U", true],
    ["lwm2m=1.1&b=UQ&Q", "U", true],
    ["lwm2m=1.2&b=UTQ", "UT", true],
    ["lwm2m=1.2&b=UMHTSN", "UMHTSN", false],
  ])("%s is binding %s with queue mode %p", (query, bindingMode, queueMode) => {
    expect(register(query)).toMatchObject({ bindingMode, queueMode });
  });

  it("takes a lifetime of 1 to 2^31 seconds, and a link list with or without its Content-Format", () => {
    expect(register("lwm2m=1.1&lt=1")).toMatchObject({ lifetimeS: 1 });
    expect(register("lwm2m=1.1&lt=2147483648")).toMatchObject({ lifetimeS: 2_147_483_648 });
    expect(register("lwm2m=1.1", LINKS, CONTENT_FORMAT.LINK_FORMAT)).toMatchObject({ type: "register" });
  });

  it.each([
    ["ep=a", LINKS, "4.00 lwm2m is missing"],
    ["ep=a&lwm2m=2.0", LINKS, '4.12 lwm2m "2.0" is not served: 1.0, 1.1, 1.2 are'],
    ["ep=a&lwm2m=constructor", LINKS, '4.12 lwm2m "constructor" is not served: 1.0, 1.1, 1.2 are'],
    ["ep=&lwm2m=1.1", LINKS, "4.00 ep is empty"],
    ["ep=a\u0007&lwm2m=1.1", LINKS, "4.00 ep has a control character"],
    [`ep=${"é".repeat(128)}&lwm2m=1.1`, LINKS, "4.00 ep has 256 bytes, at most 255 are taken"],
    ["ep=a&ep=b&lwm2m=1.1", LINKS, '4.00 "ep" is given twice'],
    ["lwm2m=1.1&lt=0", LINKS, '4.00 lt "0" is not in 1..2147483648'],
    ["lwm2m=1.1&lt=-5", LINKS, '4.00 lt "-5" is not in 1..2147483648'],
    ["lwm2m=1.1&lt=2147483649", LINKS, '4.00 lt "2147483649" is not in 1..2147483648'],
    ["lwm2m=1.1&lt=soon", LINKS, '4.00 lt "soon" is not in 1..2147483648'],
    ["lwm2m=1.1&b=X", LINKS, '4.00 b "X" is no binding mode of LwM2M 1.1'],
    ["lwm2m=1.1&b=UM", LINKS, '4.00 b "UM" is no binding mode of LwM2M 1.1'],
    ["lwm2m=1.1&b=UQQ", LINKS, '4.00 b "UQQ" is no binding mode of LwM2M 1.1'],
    ["lwm2m=1.1&b=Q", LINKS, '4.00 b "Q" is no binding mode of LwM2M 1.1'],
    ["lwm2m=1.0&b=T", LINKS, '4.00 b "T" is no binding mode of LwM2M 1.0'],
    ["lwm2m=1.0&b=Q", LINKS, '4.00 b "Q" is no binding mode of LwM2M 1.0'],
    ["lwm2m=1.1&b=UU", LINKS, '4.00 b "UU" is no binding mode of LwM2M 1.1'],
    ["lwm2m=1.1&b=", LINKS, '4.00 b "" is no binding mode of LwM2M 1.1'],
    ["lwm2m=1.1&sms=home", LINKS, '4.00 sms "home" is no phone number'],
    ["lwm2m=1.1", "", "4.00 the link list of Objects is missing"],
    ["lwm2m=1.1", "</3/0", '4.00 link format: ">" missing after here at character 1 of 5'],
    ["lwm2m=1.1", "</.well-known/core>", "4.00 the link list names no Object"],
  ])("%p with %p is refused: %s", (query, links, expected) => {
    expect(refusal(register(query, links))).toBe(expected);
  });

  it("is refused when its body is too large, no text, or of another Content-Format", () => {
    expect(refusal(register("lwm2m=1.1", ",".repeat(70_000)))).toBe(
      "4.13 the link list has 70000 bytes, at most 65536 are taken",
    );
    expect(refusal(register("lwm2m=1.1", Uint8Array.of(0x3c, 0xff)))).toBe("4.00 the link list is not UTF-8");
    expect(refusal(register("lwm2m=1.1", LINKS, CONTENT_FORMAT.CBOR))).toBe("4.15 Content-Format 60 is no link list");
    expect(refusal(register(Array.from({ length: 33 }, (_, i) => `p${i}`).join("&")))).toBe(
      "4.00 33 parameters, at most 32 are taken",
    );
  });
});

describe("Update (Core 1.1.1 §6.2.2)", () => {
  it("changes what it names", () => {
    expect(request(CODE.POST, "/rd/abc")).toEqual({ type: "update", registrationId: "abc", additionalParameters: {} });
    expect(request(CODE.POST, "/rd/abc?lt=60&b=UQ&sms=1", LINKS)).toEqual({
      type: "update",
      registrationId: "abc",
      lifetimeS: 60,
      bindingMode: "U",
      queueMode: true,
      smsNumber: "1",
      objectLinks: LINKS,
      additionalParameters: {},
    });
  });

  it("is refused for what a Register is refused for", () => {
    expect(refusal(request(CODE.POST, "/rd/abc?lt=0"))).toContain("4.00 lt");
    expect(refusal(request(CODE.POST, "/rd/abc?b=X"))).toBe('4.00 b "X" is no binding mode');
    expect(refusal(request(CODE.POST, "/rd/abc", "<"))).toContain("4.00 link format");
  });
});

describe("Deregister and Send", () => {
  it("may carry LwM2M CBOR too (Core 1.2 §6.4.6)", () => {
    const send = request(CODE.POST, "/dp", "x", CONTENT_FORMAT.LWM2M_CBOR);
    expect(send).toMatchObject({ type: "send", contentFormat: CONTENT_FORMAT.LWM2M_CBOR });
  });

  it("name a registration, or carry SenML", () => {
    expect(request(CODE.DELETE, "/rd/abc")).toEqual({ type: "deregister", registrationId: "abc" });
    expect(request(CODE.POST, "/dp", "[]", CONTENT_FORMAT.SENML_JSON)).toEqual({
      type: "send",
      contentFormat: CONTENT_FORMAT.SENML_JSON,
      payload: bytes("[]"),
    });
  });

  it("of another Content-Format, none, or without payload is refused (Core 1.1.1 §6.4.5)", () => {
    expect(refusal(request(CODE.POST, "/dp", "x", CONTENT_FORMAT.TEXT_PLAIN))).toContain("4.15");
    expect(refusal(request(CODE.POST, "/dp", "[]"))).toBe("4.00 Send needs a Content-Format");
    expect(refusal(request(CODE.POST, "/dp", "", CONTENT_FORMAT.SENML_CBOR))).toBe("4.00 Send has no payload");
  });
});

describe("another request", () => {
  it.each([
    [CODE.GET, "/rd", "4.05"],
    [CODE.DELETE, "/rd", "4.05"],
    [CODE.PUT, "/rd/abc", "4.05"],
    [CODE.GET, "/rd/abc", "4.05"],
    [CODE.GET, "/dp", "4.05"],
    [CODE.POST, "/", "4.04"],
    [CODE.POST, "/bs?ep=a", "4.04"],
    [CODE.GET, "/.well-known/core", "4.04"],
    [CODE.POST, "/rd/abc/def", "4.04"],
    [CODE.POST, "/rd/", "4.04"],
    [CODE.POST, `/rd/${"a".repeat(65)}`, "4.04"],
    [CODE.POST, "/dp/1", "4.04"],
  ])("of code %p to %s is refused with %s", (code, uri, expected) => {
    expect(refusal(request(code, uri, LINKS))).toContain(expected);
  });
});
