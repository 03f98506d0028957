import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { type EventSource, eventId, namedEventId } from "./event-id.ts";

const source: fc.Arbitrary<EventSource> = fc.record({
  tenant: fc.constantFrom("default", "acme"),
  endpoint: fc.string(),
  registrationId: fc.constantFrom("KvAAAAAAAAAAAA", ""),
  messageType: fc.integer({ min: 0, max: 2 }),
  messageId: fc.integer({ min: 0, max: 0xffff }),
  token: fc.uint8Array({ maxLength: 8 }),
  observe: fc.option(fc.integer({ min: 0, max: 0xffffff }), { nil: undefined }),
  payload: fc.uint8Array({ maxLength: 64 }),
});

it("A datagram has one event id of 16 bytes on every node", () => {
  fc.assert(
    fc.property(source, (datagram) => {
      const id = eventId(datagram);
      expect(id).toHaveLength(16);
      expect(eventId(structuredClone(datagram))).toEqual(id);
    }),
  );
});

it("It is the same from release to release, for consumers drop what they have seen", () => {
  const datagram = {
    tenant: "default",
    endpoint: "urn:imei:352656100000001",
    registrationId: "KvAAAAAAAAAAAA",
    messageType: 0,
    messageId: 0xbeef,
    token: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    observe: 7,
    payload: Uint8Array.of(0xc1, 9, 0x50),
  };
  const none = new Uint8Array();
  const bare = { tenant: "acme", endpoint: "Gerät-☃", registrationId: "", messageType: 2, messageId: 0 };
  const ids = [
    eventId(datagram),
    eventId({ ...bare, observe: undefined, token: none, payload: none }),
    namedEventId("rpc", "r1"),
  ];
  expect(ids.map((id) => Buffer.from(id).toString("hex"))).toEqual([
    "e1f1c23a177993c4bf9a2421aaa12854",
    "1af998e608c0a6e3e06ef07702aaa2c4",
    "4debab94f888dda4eea5ac59a6dd3af4",
  ]);
});

it("Whatever differs in a datagram makes another event id", () => {
  fc.assert(
    fc.property(source, source, (one, other) => {
      const same = JSON.stringify(comparable(one)) === JSON.stringify(comparable(other));
      expect(Buffer.compare(eventId(one), eventId(other)) === 0).toBe(same);
      for (const key of Object.keys(one) as (keyof EventSource)[]) {
        const changed = { ...one, [key]: other[key] };
        const changes = JSON.stringify(comparable(changed)) !== JSON.stringify(comparable(one));
        expect(Buffer.compare(eventId(changed), eventId(one)) !== 0).toBe(changes);
      }
    }),
  );
});

it("Token and payload do not run into each other, nor a missing Observe into Observe 0", () => {
  const datagram = {
    tenant: "t",
    endpoint: "e",
    registrationId: "r",
    messageType: 0,
    messageId: 1,
    observe: undefined,
  };
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
  const none = new Uint8Array();
  expect(eventId({ ...datagram, token: a, payload: b })).not.toEqual(
    eventId({ ...datagram, token: none, payload: Uint8Array.of(1, 2) }),
  );
  expect(eventId({ ...datagram, token: a, payload: b })).not.toEqual(
    eventId({ ...datagram, observe: 0, token: a, payload: b }),
  );
});

it("What has a name has an event id by its words", () => {
  expect(namedEventId("rpc", "r1")).toEqual(namedEventId("rpc", "r1"));
  expect(namedEventId("rpc", "r1")).toHaveLength(16);
  expect(namedEventId("rpc", "r1")).not.toEqual(namedEventId("rpc", "r2"));
});

function comparable(datagram: EventSource): unknown {
  return {
    ...datagram,
    token: [...datagram.token],
    payload: [...datagram.payload],
    observe: datagram.observe ?? "none",
  };
}
