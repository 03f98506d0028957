import { isIPv4, isIPv6 } from "node:net";

/** A peer's address and port as text: `192.0.2.1:5683`, `[2001:db8::1]:5683`. */
export type PeerKey = string;

const MAPPED = "::ffff:";

/** The key of an address as the socket gives it: IPv4 that came through an IPv6 socket (`::ffff:192.0.2.1`) is IPv4 again. */
export function formatPeerKey(address: string, port: number): PeerKey {
  if (address.startsWith(MAPPED) && address.includes(".")) return `${address.slice(MAPPED.length)}:${port}`;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The inverse of {@link formatPeerKey}; undefined when the text is no peer key. */
export function parsePeerKey(peer: PeerKey): { readonly address: string; readonly port: number } | undefined {
  const colon = peer.lastIndexOf(":");
  const port = Number(peer.slice(colon + 1));
  if (colon < 1 || colon === peer.length - 1 || !Number.isInteger(port) || port < 1 || port > 65535) return undefined;
  const host = peer.slice(0, colon);
  if (isIPv4(host)) return { address: host, port };
  const address = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : "";
  return isIPv6(address) ? { address, port } : undefined;
}

/** The address as a socket of this family takes it. */
export function socketAddress(address: string, family: "udp4" | "udp6"): string {
  return family === "udp6" && !address.includes(":") ? MAPPED + address : address;
}
