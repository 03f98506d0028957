import { lwm2m } from "@ferry/proto";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Observation, Registration } from "./device-store.ts";
import { fromWireObservation, fromWireRegistration, queueModeAfter, toWireObservation } from "./registration-record.ts";
import type { Token } from "./token.ts";

const time = fc.integer({ min: 0, max: 2 ** 45 });
const registration: fc.Arbitrary<Registration> = fc.record(
  {
    tenant: fc.string(),
    endpoint: fc.string({ unit: "grapheme" }),
    registrationId: fc.string(),
    generation: time,
    lifetimeS: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    lwm2mVersion: fc.constantFrom("1.0", "1.1", "1.2"),
    bindingMode: fc.string(),
    queueMode: fc.boolean(),
    smsNumber: fc.string({ minLength: 1 }),
    objectLinks: fc.string(),
    profile: fc.string(),
    securityMode: fc.constantFrom("NO_SEC", "PSK", "RPK", "X509"),
    peer: fc.string(),
    registeredAtMs: time,
    updatedAtMs: time,
    expiresAtMs: time,
    additionalParameters: fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.string(), {
      minKeys: 1,
      maxKeys: 3,
      noNullPrototype: true,
    }),
  },
  {
    requiredKeys: [
      "tenant",
      "endpoint",
      "registrationId",
      "generation",
      "lifetimeS",
      "lwm2mVersion",
      "bindingMode",
      "queueMode",
      "objectLinks",
      "profile",
      "securityMode",
      "peer",
      "registeredAtMs",
      "updatedAtMs",
      "expiresAtMs",
    ],
  },
);

it.each(["profile", "rpc", "cancelled"] as const)(
  "An observation, %s, comes back from its record as it was",
  (source) => {
    const original: Observation = { token: Uint8Array.of(1, 2) as Token, paths: ["/3/0/9"], source, contentFormat: 0 };
    const bytes = lwm2m.v1.StoredObservation.encode(toWireObservation(original)).finish();
    expect(fromWireObservation(lwm2m.v1.StoredObservation.decode(bytes))).toEqual(original);
  },
);

it("A registration comes back from its record as it was", () => {
  fc.assert(
    fc.property(registration, (original) => {
      const bytes = lwm2m.v1.Registration.encode(original).finish();
      expect(fromWireRegistration(lwm2m.v1.Registration.decode(bytes))).toEqual(original);
    }),
  );
});

it("From LwM2M 1.1 on the binding mode does not change queue mode", () => {
  expect(queueModeAfter({ lwm2mVersion: "1.0", queueMode: false }, "UQ")).toBe(true);
  expect(queueModeAfter({ lwm2mVersion: "1.0", queueMode: true }, "U")).toBe(false);
  expect(queueModeAfter({ lwm2mVersion: "1.1", queueMode: true }, "U")).toBe(true);
  expect(queueModeAfter({ lwm2mVersion: "1.2", queueMode: false }, "UQ")).toBe(false);
});
