import { createHash, timingSafeEqual } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { checkTenant } from "@ferry/proto";
import { SYSTEM_TENANT } from "@ferry/provisioning";
import { ConfigError } from "@ferry/runtime";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import type { ApiSettings } from "./config.ts";
import { IssuerUnavailableError } from "./errors.ts";

/** Who asks: the tenant that they speak for, or all of them. */
export interface Principal {
  /** Undefined is every tenant. */
  readonly tenant: string | undefined;
}

/** Finds out who asks by the value of the Authorization header; undefined when they are nobody. */
export type Authenticate = (authorization: string | undefined) => Promise<Principal | undefined>;

/** How the API knows who asks. */
export interface Authentication {
  readonly authenticate: Authenticate;
  /** Whether everybody on this machine may ask: then a browser's pages must be kept out by the name that they call us. */
  readonly isOpen: boolean;
}

/**
 * Makes the authentication that the settings ask for.
 *
 * @throws {ConfigError} the API would be open to the network
 */
export function createAuthentication(settings: ApiSettings): Authentication {
  const tokens = settings.tokens === undefined ? undefined : parseTokens(settings.tokens);
  const oidc = settings.oidcIssuer === undefined ? undefined : createOidc(settings.oidcIssuer, settings);
  if (tokens === undefined && oidc === undefined) {
    if (isLoopback(settings.host)) return { authenticate: async () => ({ tenant: undefined }), isOpen: true };
    throw new ConfigError([
      `LWM2M_API_HOST: ${settings.host} can be reached from the network: set LWM2M_API_TOKENS_FILE or LWM2M_API_OIDC_ISSUER, or listen on 127.0.0.1`,
    ]);
  }
  const authenticate: Authenticate = async (authorization) => {
    const given = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    if (given === undefined) return undefined;
    return tokens?.(given) ?? (await oidc?.(given));
  };
  return { authenticate, isOpen: false };
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether an address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return host === "localhost" || (family !== 0 && LOOPBACK.check(host, family === 6 ? "ipv6" : "ipv4"));
}

/** Whether a Host header (RFC 9110 §7.2) names this machine: `localhost` or a loopback address, with or without a port. */
export function isLoopbackHost(header: string | undefined): boolean {
  const [, literal, name] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(header ?? "") ?? [];
  return literal === undefined ? isLoopback((name ?? "").toLowerCase()) : isIP(literal) === 6 && isLoopback(literal);
}

/** Whether a principal may speak for a tenant of this name: `system` is for those who speak for all. */
function isTenantOfToken(tenant: unknown): tenant is string {
  return checkTenant(tenant) === undefined && tenant !== SYSTEM_TENANT;
}

/** Compared by hash and in constant time, so that an answer's delay says nothing about a token. */
function parseTokens(text: string): (given: string) => Principal | undefined {
  const known = text
    .split("\n")
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== "" && !line.startsWith("#"))
    .map(({ line, number }) => {
      const [token, tenant, ...rest] = line.split(/\s+/);
      if (token === undefined || tenant === undefined || rest.length > 0 || token.length < MIN_TOKEN_CHARACTERS) {
        throw new ConfigError([
          `LWM2M_API_TOKENS: line ${number} is not a token of at least ${MIN_TOKEN_CHARACTERS} characters, a blank and a tenant`,
        ]);
      }
      if (tenant !== "*" && !isTenantOfToken(tenant)) {
        throw new ConfigError([
          `LWM2M_API_TOKENS: the tenant of line ${number} ${checkTenant(tenant) ?? `is ${SYSTEM_TENANT}, which only a token for * may touch`}`,
        ]);
      }
      return { hash: sha256(token), tenant: tenant === "*" ? undefined : tenant };
    });
  if (known.length === 0)
    throw new ConfigError(["LWM2M_API_TOKENS: holds no token: write one a line, a blank and its tenant"]);
  return (given) => {
    const hash = sha256(given);
    const found = known.find((token) => timingSafeEqual(token.hash, hash));
    return found === undefined ? undefined : { tenant: found.tenant };
  };
}

/** Shorter tokens can be guessed. */
const MIN_TOKEN_CHARACTERS = 20;

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function createOidc(issuer: string, { oidcAudience, oidcTenantClaim }: ApiSettings): Authenticate {
  if (oidcAudience === undefined) {
    throw new ConfigError([
      "LWM2M_API_OIDC_AUDIENCE: is not set: without it a token for any other service of the issuer would do",
    ]);
  }
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  return async (token) => {
    keys ??= createRemoteJWKSet(await jwksUri(issuer));
    try {
      const { payload } = await jwtVerify(token ?? "", keys, { issuer, audience: oidcAudience });
      const tenant = payload[oidcTenantClaim];
      return isTenantOfToken(tenant) ? { tenant } : undefined;
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      if (ISSUER_PROBLEMS.has(error.code)) throw new IssuerUnavailableError(issuer, error.message, { cause: error });
      return undefined;
    }
  };
}

/** Codes of jose that say nothing about the token: its keys could not be fetched. */
const ISSUER_PROBLEMS: ReadonlySet<string> = new Set([
  errors.JOSEError.code,
  errors.JWKSInvalid.code,
  errors.JWKSTimeout.code,
]);
const DISCOVERY_TIMEOUT_MS = 5_000;

/** Where the issuer's keys are, by its discovery document (OpenID Connect Discovery 1.0 §4). */
async function jwksUri(issuer: string): Promise<URL> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DISCOVERY_TIMEOUT_MS) });
    if (!response.ok) throw new IssuerUnavailableError(issuer, `${url} answers ${response.status}`);
    const { jwks_uri } = (await response.json()) as { readonly jwks_uri?: unknown };
    return new URL(String(jwks_uri));
  } catch (error) {
    // fetch and URL throw TypeError, a body that is not JSON SyntaxError, the timeout a DOMException.
    if (error instanceof IssuerUnavailableError) throw error;
    throw new IssuerUnavailableError(issuer, `${url}: ${(error as Error).message}`, { cause: error });
  }
}
