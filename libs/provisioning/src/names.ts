import { ProvisioningError } from "./errors.ts";

/** Longest endpoint name and PSK identity taken, bytes of UTF-8 (RFC 7925 §4.2 lets a PSK identity have 128). */
export const MAX_ENDPOINT_BYTES = 255;
const MAX_PROFILE_NAME_BYTES = 255;

/** Tenants are part of keys and, some day, of topic names: what Kafka takes there, and short. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

/** @throws {ProvisioningError} */
export function checkTenant(tenant: string): void {
  if (!TENANT.test(tenant)) {
    throw new ProvisioningError(
      "tenant",
      `"${tenant}" is not 1 to 64 letters, digits, "-" or "_", a letter or digit first`,
    );
  }
}

/** Checks an endpoint name or a pattern. @throws {ProvisioningError} */
export function checkEndpoint(endpoint: string): void {
  checkText("endpoint", endpoint, MAX_ENDPOINT_BYTES);
  if (endpoint.slice(0, -1).includes("*")) {
    throw new ProvisioningError(
      "endpoint",
      `"${endpoint}" has a * that is not at its end: a pattern is a prefix and one *`,
    );
  }
}

/** @throws {ProvisioningError} */
export function checkProfileName(field: string, name: string): void {
  checkText(field, name, MAX_PROFILE_NAME_BYTES);
}

/** @throws {ProvisioningError} empty, too long, or with control characters */
export function checkText(field: string, text: string, maxBytes: number): void {
  if (text === "") throw new ProvisioningError(field, "is missing");
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw new ProvisioningError(field, `has ${bytes} bytes, at most ${maxBytes} are possible`);
  if (CONTROL_CHARACTER.test(text)) throw new ProvisioningError(field, "has control characters");
}
