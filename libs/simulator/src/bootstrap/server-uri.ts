/** Where a server is, as resource 0 of the Security object says it (OMA LwM2M Core 1.1.1 appendix E.1). */
export interface ServerUri {
  /** `coaps`: by DTLS. */
  readonly secure: boolean;
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** RFC 7252 §6.1, §6.2. */
const COAP_PORT = 5683;
const COAPS_PORT = 5684;
const MAX_URI_CHARACTERS = 255;
const MAX_PORT = 65_535;

/** `coap://host[:port]` or `coaps://host[:port]`; undefined when the text is neither. */
export function parseServerUri(text: string): ServerUri | undefined {
  if (text.length > MAX_URI_CHARACTERS) return undefined;
  const match = /^(coaps?):\/\/(?:\[([\da-f:.]+)\]|([^\s/:?#@[\]]+))(?::(\d{1,5}))?\/?$/i.exec(text);
  if (match === null) return undefined;
  const [, scheme = "", address, name = "", portText] = match;
  const secure = scheme.toLowerCase() === "coaps";
  const port = portText === undefined ? (secure ? COAPS_PORT : COAP_PORT) : Number(portText);
  if (port < 1 || port > MAX_PORT) return undefined;
  return { secure, host: address ?? name, port };
}

/** The inverse of {@link parseServerUri}, always with the port. */
export function formatServerUri({ secure, host, port }: ServerUri): string {
  return `${secure ? "coaps" : "coap"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
