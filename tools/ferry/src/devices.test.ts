import { expect, it } from "@jest/globals";
import { formatDevice } from "./devices.ts";

const DEVICE = {
  tenant: "default",
  endpoint: "meter-1",
  registrationId: "AAAAAAAAAAAAAA",
  lwm2mVersion: "1.1",
  profile: "meter",
  peer: "192.0.2.1:5684",
  lifetimeS: 300,
  registeredAtMs: Date.UTC(2026, 10, 23, 12),
  securityMode: "PSK",
  bindingMode: "U",
  queueMode: true,
  objectLinks: "</1/0>,</3/0>",
  observations: [["/3/0/9"], ["/3/0/7", "/3/0/8"]],
  node: "transport-3",
  toldAtMs: Date.UTC(2026, 10, 23, 13),
} as const;
const association = {
  suite: "TLS_PSK_WITH_AES_128_CCM_8",
  hasCid: true,
  createdAtMs: Date.UTC(2026, 10, 23, 11, 59, 59),
};

it("A device is shown with its DTLS association", () => {
  expect(formatDevice({ ...DEVICE, association }, Date.UTC(2026, 10, 26, 16, 30))).toBe(`endpoint       meter-1
tenant         default
profile        meter
LwM2M          1.1, binding U, queue mode
registered     2026-11-23T12:00:00.000Z, lifetime 300 s, id AAAAAAAAAAAAAA
security       PSK
address        192.0.2.1:5684
cipher suite   TLS_PSK_WITH_AES_128_CCM_8
Connection ID  yes: its address may change
handshake      2026-11-23T11:59:59.000Z, 3 d 4 h ago
node           transport-3, as of 2026-11-23T13:00:00.000Z
observed       /3/0/9, /3/0/7 + /3/0/8
objects        </1/0>,</3/0>
`);
});

it.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [3_600_000, "1 h 0 min"],
])("An age of %d ms is %s", (ageMs, text) => {
  expect(formatDevice({ ...DEVICE, association }, association.createdAtMs + ageMs)).toContain(`Z, ${text} ago`);
});

it("A device without DTLS is shown without an association, and without observations", () => {
  const text = formatDevice({ ...DEVICE, securityMode: "NO_SEC", observations: [] }, 0);
  expect(text).toMatch(/^security {4}NO_SEC$/m);
  expect(text).toMatch(/^observed {4}nothing$/m);
  expect(text).not.toContain("cipher suite");
});
