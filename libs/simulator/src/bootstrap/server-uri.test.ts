import { describe, expect, it } from "@jest/globals";
import { formatServerUri, parseServerUri } from "./server-uri.ts";

describe("the URI of a server (OMA LwM2M Core 1.1.1 appendix E.1, RFC 7252 §6)", () => {
  it.each([
    ["coap://192.0.2.1:5685", { secure: false, host: "192.0.2.1", port: 5685 }],
    ["coaps://lwm2m.example.org:5686/", { secure: true, host: "lwm2m.example.org", port: 5686 }],
    ["COAPS://[2001:db8::1]:5686", { secure: true, host: "2001:db8::1", port: 5686 }],
    ["coap://lwm2m.example.org", { secure: false, host: "lwm2m.example.org", port: 5683 }],
    ["coaps://lwm2m.example.org", { secure: true, host: "lwm2m.example.org", port: 5684 }],
  ])("is read: %s", (text, uri) => {
    expect(parseServerUri(text)).toEqual(uri);
    expect(parseServerUri(formatServerUri(uri))).toEqual(uri);
  });

  it.each([
    "",
    "http://192.0.2.1:80",
    "coap+tcp://192.0.2.1",
    "coap://",
    "coap://192.0.2.1:0",
    "coap://192.0.2.1:65536",
    "coap://192.0.2.1:5685/rd",
    "coap://user@192.0.2.1",
    `coap://${"a".repeat(250)}`,
  ])("is refused: %s", (text) => {
    expect(parseServerUri(text)).toBeUndefined();
  });
});
