import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { type Authenticate, createAuthentication, isLoopback, isLoopbackHost } from "./authenticate.ts";
import { CONSOLE_CONFIG } from "./config.ts";

const TOKEN = "0123456789abcdefghij";

function authenticate(env: Readonly<Record<string, string>>): Authenticate {
  return createAuthentication(CONSOLE_CONFIG.load({ env }).api).authenticate;
}

describe("loopback", () => {
  it.each(["127.0.0.1", "127.8.9.10", "::1", "localhost"])("is %s", (host) => {
    expect(isLoopback(host)).toBe(true);
  });
  it.each(["0.0.0.0", "::", "192.0.2.1", "example.org", "::ffff:192.0.2.1", ""])("is not %s", (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe("a Host header", () => {
  it.each(["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"])(
    "names this machine when it is %s",
    (header) => {
      expect(isLoopbackHost(header)).toBe(true);
    },
  );
  it.each([
    undefined,
    "",
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.0.2.1",
    "::1",
    "[127.0.0.1]",
    "localhost:x",
  ])("does not when it is %s", (header) => {
    expect(isLoopbackHost(header)).toBe(false);
  });
});

describe("an API without tokens", () => {
  it("lets everybody on this machine speak for every tenant", async () => {
    expect(await authenticate({})(undefined)).toEqual({ tenant: undefined });
  });

  it.each(["0.0.0.0", "::", "192.0.2.1"])("is not made where %s can be reached from the network", (host) => {
    expect(() => authenticate({ LWM2M_API_HOST: host })).toThrow(
      `LWM2M_API_HOST: ${host} can be reached from the network: set LWM2M_API_TOKENS_FILE or LWM2M_API_OIDC_ISSUER, or listen on 127.0.0.1`,
    );
  });
});

describe("bearer tokens", () => {
  const asks = authenticate({
    LWM2M_API_HOST: "0.0.0.0",
    LWM2M_API_TOKENS: `# the plant\n${TOKEN} acme\n\n  ${TOKEN}-all\t*  \n`,
  });

  it("speak for their tenant, or for all with *", async () => {
    expect(await asks(`Bearer ${TOKEN}`)).toEqual({ tenant: "acme" });
    expect(await asks(`bearer ${TOKEN}-all`)).toEqual({ tenant: undefined });
  });

  it.each([
    undefined,
    "",
    TOKEN,
    "Bearer",
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Basic ${TOKEN}`,
    "Bearer #",
    "Bearer *",
  ])("do not speak for anybody when they are %j", async (authorization) => {
    expect(await asks(authorization)).toBeUndefined();
  });

  it("are needed on loopback too once there are any", async () => {
    expect(await authenticate({ LWM2M_API_TOKENS: `${TOKEN} acme` })(undefined)).toBeUndefined();
  });

  it.each([
    ["short acme", 1],
    [`${TOKEN}`, 1],
    [`# one\n${TOKEN} acme extra`, 2],
  ])("that are malformed (%j) are named by their line", (tokens, line) => {
    expect(() => authenticate({ LWM2M_API_TOKENS: tokens })).toThrow(
      `LWM2M_API_TOKENS: line ${line} is not a token of at least 20 characters, a blank and a tenant`,
    );
  });

  it.each([
    ["a/b", "must be 1 to 64 letters"],
    ["system", "is system, which only a token for * may touch"],
  ])("that are for the tenant %s are refused with the line", (tenant, reason) => {
    expect(() => authenticate({ LWM2M_API_TOKENS: `${TOKEN} ${tenant}` })).toThrow(
      `LWM2M_API_TOKENS: the tenant of line 1 ${reason}`,
    );
  });

  it("are not none: a file without any would let nobody in, or everybody", () => {
    expect(() => authenticate({ LWM2M_API_TOKENS: "# none yet\n" })).toThrow("LWM2M_API_TOKENS: holds no token");
  });
});

describe("access tokens of an OpenID Connect issuer", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  /** An issuer on loopback that has one key, and one that it does not show. */
  async function startIssuer() {
    const known = await generateKeyPair("RS256");
    const unknown = await generateKeyPair("RS256");
    const jwk = { ...(await exportJWK(known.publicKey)), kid: "one", alg: "RS256" };
    const server = createServer((request, response) => {
      const body =
        request.url === "/.well-known/openid-configuration"
          ? { issuer: url, jwks_uri: `${url}/keys` }
          : { keys: [jwk] };
      response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    });
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const token = (claims: object, { key = known.privateKey, issuer = url, audience = "ferry", expiry = "5m" } = {}) =>
      new SignJWT({ tenant: "acme", ...claims })
        .setProtectedHeader({ alg: "RS256", kid: "one" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime(expiry)
        .sign(key);
    const asks = authenticate({
      LWM2M_API_HOST: "0.0.0.0",
      LWM2M_API_OIDC_ISSUER: url,
      LWM2M_API_OIDC_AUDIENCE: "ferry",
    });
    return { asks, token, foreignKey: unknown.privateKey };
  }

  it("speak for the tenant that their claim names", async () => {
    const { asks, token } = await startIssuer();
    expect(await asks(`Bearer ${await token({})}`)).toEqual({ tenant: "acme" });
  });

  it("are refused when they are for another audience, of another issuer, expired, without tenant, or signed by another key", async () => {
    const { asks, token, foreignKey } = await startIssuer();
    for (const wrong of [
      await token({}, { audience: "other" }),
      await token({}, { issuer: "http://127.0.0.1/other" }),
      await token({}, { expiry: "-1m" }),
      await token({ tenant: undefined }),
      await token({ tenant: "" }),
      await token({ tenant: ["acme"] }),
      await token({ tenant: "acme/meter-1" }),
      await token({ tenant: "system" }),
      await token({}, { key: foreignKey }),
      `${btoa('{"alg":"none"}')}.${btoa('{"tenant":"acme"}')}.`,
      "not-a-token",
    ]) {
      expect(await asks(`Bearer ${wrong}`)).toBeUndefined();
    }
  });

  it("cannot be judged while the issuer is away, which is not the caller's fault, and are once it is back", async () => {
    const port = await new Promise<number>((found) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => found(port));
      });
    });
    const asks = authenticate({
      LWM2M_API_OIDC_ISSUER: `http://127.0.0.1:${port}`,
      LWM2M_API_OIDC_AUDIENCE: "ferry",
    });
    await expect(asks("Bearer a.b.c")).rejects.toThrow(
      /the OIDC issuer http:\/\/127.0.0.1:\d+ cannot be asked for its keys/,
    );
  });

  it("need an audience: without it a token for any other service would do", () => {
    expect(() => authenticate({ LWM2M_API_OIDC_ISSUER: "https://id.example.org" })).toThrow(
      "LWM2M_API_OIDC_AUDIENCE: is not set",
    );
  });
});
