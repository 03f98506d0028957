import type { Address } from "./association-state.ts";

const GROUPS = 8;

/**
 * The network that an address is in, for limits: the first 24 bits of an IPv4 address, the first 56 of an IPv6 address, which is what a site gets (RFC 6177 §2).
 * What is no address is a network of its own.
 */
export function networkOf(address: Address): string {
  const end = address.lastIndexOf(":");
  if (!address.startsWith("[")) return address.slice(0, address.lastIndexOf(".", end));
  const [head = "", tail] = address.slice(1, end - 1).split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const behind = tail === "" ? [] : tail.split(":");
    while (groups.length + behind.length < GROUPS) groups.push("0");
    groups.push(...behind);
  }
  const [first, second, third, fourth = "0"] = groups;
  return `${first}:${second}:${third}:${(Number.parseInt(fourth, 16) >> 8).toString(16)}`;
}

/** The network that a network is in: a site may as well have the first 48 bits, and with them 256 networks beside each other. One of IPv4 is its own. */
export function wideNetworkOf(network: string): string {
  const end = network.lastIndexOf(":");
  return end < 0 ? network : network.slice(0, end);
}
