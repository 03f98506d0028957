import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { CODE, type CoapOption, OPTION, readUintOption, uintOption, uriOptions, uriPath } from "@ferry/coap";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { request as coapRequest, createServer, type IncomingMessage, type OutgoingMessage } from "coap";
import { type CoapEndpoint, startCoapEndpoint } from "./coap-endpoint.ts";

const LARGE = Uint8Array.from({ length: 3000 }, (_, index) => index & 0xff);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("node-coap as client of our server role", () => {
  let endpoint: CoapEndpoint;
  let observer: { peer: string; token: Uint8Array } | undefined;

  beforeAll(async () => {
    endpoint = await startCoapEndpoint((request) => {
      const [resource] = uriPath(request.options);
      if (resource === "echo") return { code: CODE.CHANGED, payload: request.payload };
      if (resource === "large") return { code: CODE.CONTENT, payload: LARGE };
      if (resource === "temperature") {
        observer = { peer: request.peer, token: request.token };
        return { code: CODE.CONTENT, options: [uintOption(OPTION.OBSERVE, 1)], payload: bytes("20") };
      }
      return { code: CODE.NOT_FOUND, payload: bytes("no such resource") };
    });
  });
  afterAll(() => endpoint.stop());

  async function request(
    method: "GET" | "POST" | "PUT",
    pathname: string,
    payload?: Uint8Array,
  ): Promise<IncomingMessage> {
    const outgoing = coapRequest({ host: "127.0.0.1", port: endpoint.port, method, pathname });
    if (payload !== undefined && payload.length > 1024) outgoing.setOption("Block1", Buffer.from([0x06]));
    outgoing.end(payload === undefined ? undefined : Buffer.from(payload));
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return response;
  }

  it("gets 4.04 with its diagnostic payload", async () => {
    const response = await request("GET", "/nowhere");
    expect([response.code, text(response.payload)]).toEqual(["4.04", "no such resource"]);
  });

  it("posts and gets the response", async () => {
    const response = await request("POST", "/echo", bytes("hello"));
    expect([response.code, text(response.payload)]).toEqual(["2.04", "hello"]);
  });

  it("gets a large response in Block2", async () => {
    const response = await request("GET", "/large");
    expect(Buffer.from(LARGE).equals(response.payload)).toBe(true);
  });

  it("posts a large body in Block1 and gets it back in Block2", async () => {
    const response = await request("PUT", "/echo", LARGE);
    expect(response.code).toBe("2.04");
    expect(Buffer.from(LARGE).equals(response.payload)).toBe(true);
  });

  it("observes and acknowledges our notifications", async () => {
    const outgoing = coapRequest({
      host: "127.0.0.1",
      port: endpoint.port,
      pathname: "/temperature",
      observe: true,
    });
    outgoing.end();
    const [stream] = (await once(outgoing, "response")) as [IncomingMessage & { close(): void }];
    const values: string[] = [];
    stream.on("data", (chunk: Buffer) => values.push(chunk.toString()));
    for (const [index, value] of ["21", "22"].entries()) {
      await endpoint.notify({
        peer: observer?.peer ?? "",
        token: observer?.token ?? new Uint8Array(0),
        code: CODE.CONTENT,
        options: [uintOption(OPTION.OBSERVE, index + 2)],
        payload: bytes(value),
        confirmable: true,
      });
    }
    stream.close();
    expect(values).toEqual(["20", "21", "22"]);
  });
});

describe("node-coap as server of our client role", () => {
  let endpoint: CoapEndpoint;
  const server = createServer({ type: "udp4" });
  const observers: OutgoingMessage[] = [];
  let stored: Buffer = Buffer.alloc(0);
  let peer = "";

  beforeAll(async () => {
    server.on("request", (request: IncomingMessage, response: OutgoingMessage) => {
      if (request.url === "/large") response.end(Buffer.from(LARGE));
      else if (request.url === "/store") {
        stored = request.payload;
        response.code = "2.04";
        response.end();
      } else if (request.url === "/slow") setTimeout(() => response.end("late"), 200);
      else if (request.url === "/temperature" && request.headers.Observe === 0) {
        observers.push(response);
        response.write("20");
      } else {
        response.code = "4.04";
        response.end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = (server as unknown as { _sock: { address(): AddressInfo } })._sock.address(); // It has no other way to say.
    peer = `127.0.0.1:${port}`;
    endpoint = await startCoapEndpoint(() => ({ code: CODE.NOT_FOUND }));
  });
  afterAll(async () => {
    await endpoint.stop();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const send = (code: number, reference: string, payload = new Uint8Array(0), extra: CoapOption[] = []) =>
    endpoint.request({ peer, code, options: [...extra, ...uriOptions(reference)], payload });

  it("answers GET", async () => {
    expect(await send(CODE.GET, "/nowhere")).toMatchObject({ code: CODE.NOT_FOUND });
  });

  it("answers separately, which we acknowledge", async () => {
    const response = await send(CODE.GET, "/slow");
    expect([response.code, text(response.payload), response.confirmable]).toEqual([CODE.CONTENT, "late", true]);
  });

  it("serves a large response in Block2", async () => {
    const response = await send(CODE.GET, "/large");
    expect(Buffer.from(LARGE).equals(response.payload)).toBe(true);
  });

  it("takes a large body in Block1", async () => {
    const response = await send(CODE.PUT, "/store", LARGE);
    expect(response.code).toBe(CODE.CHANGED);
    expect(stored.equals(LARGE)).toBe(true);
  });

  it("is observed", async () => {
    const response = await send(CODE.GET, "/temperature", new Uint8Array(0), [uintOption(OPTION.OBSERVE, 0)]);
    expect(readUintOption(response.options, OPTION.OBSERVE)).toBeDefined();
    observers[0]?.write("21");
    while (endpoint.notifications.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [notification] = endpoint.notifications;
    expect(text(notification?.payload ?? new Uint8Array(0))).toBe("21");
    expect(Buffer.from(notification?.token ?? []).equals(response.token)).toBe(true);
    observers[0]?.end();
  });
});
