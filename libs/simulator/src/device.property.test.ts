import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  CoapStack,
  encodeMessage,
  OPTION,
  stringOption,
  uintOption,
} from "@ferry/coap";
import type { LwM2mVersion } from "@ferry/lwm2m";
import { coapMessage } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { SimulatedDevice } from "./device.ts";
import { seededRandom } from "./seeded-random.ts";

const device = (lwm2mVersion: LwM2mVersion = "1.1"): SimulatedDevice =>
  new SimulatedDevice({ endpoint: "demo", server: "server", random: seededRandom(1), lwm2mVersion });
const version = fc.constantFrom<LwM2mVersion>("1.0", "1.1", "1.2");

/** A request that is close to a good one: a path of the device's objects, a format, a payload of any bytes. */
const request = fc.record({
  code: fc.constantFrom(CODE.GET, CODE.PUT, CODE.POST, CODE.DELETE, CODE.FETCH, CODE.IPATCH),
  path: fc.array(fc.constantFrom(0, 1, 2, 3, 4, 5, 9, 11, 12, 19, 3303, 5700, 65535), { maxLength: 5 }),
  observe: fc.option(fc.nat(2), { nil: undefined }),
  accept: fc.option(fc.constantFrom(...Object.values(CONTENT_FORMAT)), { nil: undefined }),
  contentFormat: fc.option(fc.constantFrom(...Object.values(CONTENT_FORMAT)), { nil: undefined }),
  query: fc.array(fc.constantFrom("pmin=1", "pmax=0", "gt=1", "lt=9", "st=x", "pmin", "foo=1"), { maxLength: 3 }),
  token: fc.uint8Array({ maxLength: 2 }),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .constantFrom('[{"bn":"/19/","n":"0/1","v":1}]', '[{"n":"/3/0/9"},{"n":"/19/0"}]', "0='a'", "1")
      .map((text) => Buffer.from(text)),
  ),
});

type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

function optionsOf({ observe, path, contentFormat, query, accept }: Request): CoapOption[] {
  return [
    ...(observe === undefined ? [] : [uintOption(OPTION.OBSERVE, observe)]),
    ...path.map((id) => stringOption(OPTION.URI_PATH, String(id))),
    ...(contentFormat === undefined ? [] : [uintOption(OPTION.CONTENT_FORMAT, contentFormat)]),
    ...query.map((parameter) => stringOption(OPTION.URI_QUERY, parameter)),
    ...(accept === undefined ? [] : [uintOption(OPTION.ACCEPT, accept)]),
  ];
}

describe("a simulated device", () => {
  it("survives any bytes and any message", () => {
    const anything = fc.oneof(fc.uint8Array({ maxLength: 200 }), coapMessage.map(encodeMessage));
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 20 }), (datagrams) => {
        const it = device();
        for (const [i, bytes] of datagrams.entries()) it.handle({ type: "datagram", peer: "server", bytes }, i);
        it.tick(it.deadlineMs ?? 0);
      }),
      { numRuns: 200 },
    );
  });

  it("answers any request, whatever went before, and stays able to answer a good one", () => {
    fc.assert(
      fc.property(version, fc.array(request, { maxLength: 12 }), (lwm2mVersion, requests) => {
        const it = device(lwm2mVersion);
        const server = new CoapStack({ random: seededRandom(2) });
        const answered: number[] = [];
        /** Carries datagrams to and fro, and acknowledges notifications, until all is quiet. */
        const run = (toDevice: ReturnType<typeof server.handle>, nowMs: number): void => {
          for (const output of toDevice) {
            if (output.type === "response") answered.push(output.exchange);
            if (output.type === "notification")
              run(server.handle({ type: "acknowledge", handle: output.handle }, nowMs), nowMs);
            if (output.type === "request")
              run(server.handle({ type: "respond", handle: output.handle, code: CODE.CHANGED }, nowMs), nowMs);
            if (output.type !== "send") continue;
            for (const event of it.handle({ type: "datagram", peer: "server", bytes: output.bytes }, nowMs)) {
              if (event.type !== "send") continue;
              run(server.handle({ type: "datagram", peer: "device", bytes: event.bytes }, nowMs), nowMs);
            }
          }
        };
        const ask = (
          exchange: number,
          code: number,
          options: CoapOption[],
          payload: Uint8Array,
          token: Uint8Array,
        ): void =>
          run(
            server.handle({ type: "request", exchange, peer: "device", code, options, payload, token }, exchange),
            exchange,
          );
        for (const [i, one] of requests.entries())
          ask(i, one.code, optionsOf(one), one.payload, Uint8Array.of(i, ...one.token));
        const good = ["3", "0", "0"].map((segment) => stringOption(OPTION.URI_PATH, segment));
        ask(requests.length, CODE.GET, good, new Uint8Array(), Uint8Array.of(0xff));
        expect(answered).toEqual([...Array(requests.length + 1).keys()]);
      }),
      { numRuns: 300 },
    );
  });
});
