import { expect, it } from "@jest/globals";
import { networkOf, wideNetworkOf } from "./network.ts";

it.each([
  ["192.0.2.1:5684", "192.0.2.77:40000", true],
  ["192.0.2.1:5684", "192.0.3.1:5684", false],
  ["[2001:db8:1:2:3::1]:5684", "[2001:db8:1:aa::9]:1", true],
  ["[2001:db8:1:2:3::1]:5684", "[2001:db8:1:102::1]:5684", false],
  ["[2001:db8::1]:5684", "[2001:db8:0:ff:1:2:3:4]:5684", true],
  ["[::1]:5684", "[::2]:5684", true],
  ["[fe80::1%eth0]:5684", "[fe80::2%eth0]:5684", true],
])("%s and %s are in one network: %s", (first, second, isSame) => {
  expect(networkOf(first) === networkOf(second)).toBe(isSame);
});

it.each([
  ["192.0.2.1:5684", "192.0.3.1:5684", false],
  ["[2001:db8:1:2::1]:5684", "[2001:db8:1:ff02::1]:5684", true],
  ["[2001:db8:1::1]:5684", "[2001:db8:2::1]:5684", false],
])("the networks of %s and %s are beside each other: %s", (first, second, isSame) => {
  expect(wideNetworkOf(networkOf(first)) === wideNetworkOf(networkOf(second))).toBe(isSame);
});
