import { hash } from "node:crypto";
import { z } from "zod";
import { wholeNumber } from "./schema.ts";

/** Where a server is reached. */
export interface ServerAddress {
  /** As a URI has it: in lower case, IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  /** How many devices go here, in proportion to the weights beside it: 1..1000. */
  readonly weight: number;
}

/** `coaps://` before it and `:65535` after it make the 255 bytes of a Server URI (OMA LwM2M Core 1.1.1 §E.1). */
const MAX_HOST_CHARACTERS = 241;
const LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
const HOST_NAME = new RegExp(`^${LABEL}(\\.${LABEL})*\\.?$`);

/** Addresses at which a server listens on all its interfaces: nobody can send to them. */
const UNSPECIFIED: readonly string[] = ["0.0.0.0", "[::]"];

export const HOST: z.ZodType<string, string> = z.string().transform((text, context) => {
  const host = normalizeHost(text);
  if (host !== undefined && !UNSPECIFIED.includes(host)) return host;
  context.addIssue(
    host === undefined
      ? "is no name, IPv4 or IPv6 address: write it without scheme, port and path, such as lwm2m.example.org"
      : `is ${host}, to which no device can send: write the name or address by which devices reach the server`,
  );
  return z.NEVER;
});
export const PORT: z.ZodType<number, number> = wholeNumber(1, 65_535);
export const WEIGHT: z.ZodType<number, number> = wholeNumber(1, 1000);

function normalizeHost(text: string): string | undefined {
  const host = text.toLowerCase();
  if (host.length > MAX_HOST_CHARACTERS) return undefined;
  if (host.includes(":")) return hostOfUrl(`[${host.replace(/^\[([^[\]]*)\]$/, "$1")}]`);
  // The URL's is another one where numbers are an IPv4 address in a spelling of their own, such as 127.1.
  return HOST_NAME.test(host) && hostOfUrl(host) === host ? host : undefined;
}

function hostOfUrl(host: string): string | undefined {
  const url = URL.parse(`http://${host}`);
  return url === null || url.host !== url.hostname || url.href !== `http://${url.host}/` ? undefined : url.hostname;
}

/** `lwm2m.example.org:5686` */
export function formatAddress({ host, port }: ServerAddress): string {
  return `${host}:${port}`;
}

/**
 * The address that a device is given: always the same of the same list, whatever its order, and to each address as many devices as its weight says.
 *
 * Weighted rendezvous hashing: of a list that changes, only the devices move that must. `addresses` is never empty.
 */
export function pickAddress(addresses: readonly ServerAddress[], endpoint: string): ServerAddress {
  return addresses
    .map((address) => ({ address, score: scoreOf(address, endpoint) }))
    .reduce((best, other) => (other.score > best.score ? other : best)).address;
}

/** The highest of `-weight / ln(u)`, with u even in (0, 1), is each one's as often as its share of the weights. */
function scoreOf(address: ServerAddress, endpoint: string): number {
  const digest = hash("sha256", `${formatAddress(address)} ${endpoint}`, "buffer");
  const uniform = (Number(digest.readBigUInt64BE() >> 12n) + 0.5) / 2 ** 52;
  return -address.weight / Math.log(uniform);
}
