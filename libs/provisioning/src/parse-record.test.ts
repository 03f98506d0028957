import { generateKeyPairSync } from "node:crypto";
import { lwm2m, provisioningKey } from "@ferry/proto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ProvisioningError } from "./errors.ts";
import { parseProvisioningRecord } from "./parse-record.ts";

type Device = lwm2m.v1.Device.$Properties;
type Credential = lwm2m.v1.Credential.$Properties;

const PLAIN = Buffer.alloc(16, 1);
const PSK: Credential = { psk: { identity: "meter-1-psk", key: { plain: PLAIN } } };
const OTHER_PSK: Credential = { psk: { identity: "meter-1-new", key: { plain: PLAIN } } };
const NO_SEC: Credential = { noSec: {} };
/** A self-signed P-256 certificate, "Fleet CA". */
const CA = Buffer.from(
  "MIIBfDCCASOgAwIBAgIUSstEDUDUSp50qLIOFPyAe9b0sZ0wCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIRmxlZXQgQ0EwIBcNMjYxMTIzMTY0NzM4WhgPMjEyNjEwMzAxNjQ3MzhaMBMxETAPBgNVBAMMCEZsZWV0IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECs7e68sG33lXJBkmVxvpDGtterZmHp1UesRgVUVciEZWmc6Ple7CXoLNOP5oYGXWxi7K95OyCcIGMa4Z4UpNtaNTMFEwHQYDVR0OBBYEFEvjIEPvONxa65MLFNc+pAS7qXrFMB8GA1UdIwQYMBaAFEvjIEPvONxa65MLFNc+pAS7qXrFMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgPPf3XwVBkanHvBlXEhBaDPIZ4mBV2fPPeqnNyyVMl3QCIDpqotWsnwk9hWP5pxxK1nPNvz51TA9Cw9/qO/sATHlf",
  "base64",
);
/** The same key, "meter-1", CA:FALSE. */
const NO_CA = Buffer.from(
  "MIIBeTCCAR6gAwIBAgIUQoS7uJ+JScio+VrNjP/4sRLYrMgwCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHbWV0ZXItMTAgFw0yNjExMjMxNjQ3MzhaGA8yMTI2MTAzMDE2NDczOFowEjEQMA4GA1UEAwwHbWV0ZXItMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABArO3uvLBt95VyQZJlcb6QxrbXq2Zh6dVHrEYFVFXIhGVpnOj5Xuwl6CzTj+aGBl1sYuyveTsgnCBjGuGeFKTbWjUDBOMB0GA1UdDgQWBBRL4yBD7zjcWuuTCxTXPqQEu6l6xTAfBgNVHSMEGDAWgBRL4yBD7zjcWuuTCxTXPqQEu6l6xTAMBgNVHRMBAf8EAjAAMAoGCCqGSM49BAMCA0kAMEYCIQClIhOYqxa69gfdMVJUpf2d3PVKEO8t8rH2IvBrTcfgUAIhAKMu3Qi3rCaTCW2tj1pEzdv8fuNZ3t+OoeFc+y0Mv8wk",
  "base64",
);

/** Of a CA (CA:TRUE) whose issuer is "Fleet CA" and whose subject is empty. */
const NAMELESS_CA = Buffer.from(
  "MIIBVDCB+6ADAgECAhBRpAWdgpdbMwCFXMtNCe8nMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCEZsZWV0IENBMB4XDTI2MTEyMjAwMDAwMFoXDTQ5MDEwMTAwMDAwMFowAjEAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQ9gSCuW/S56RkgfMgD6/xSh2oiPd39gnmJFVX5XG7XOqx+V4F5e7EvknRGZOmCNTwivntHeWFffqG0w4I/qUAqNCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFLA1H5gp3IQvtCKko5/Ppk6zmC56MAoGCCqGSM49BAMCA0gAMEUCICynwfaitCEmBWUxDQvsxkYddpJMQ8DG3dWFbVujAWchAiEAmRrg4MjImqk9iO9sCSnm5Io9Uddh78IPUriqibEzTvg=",
  "base64",
);
/** Of "meter-1", signed by a CA with an empty name. */
const NAMELESS_ISSUER = Buffer.from(
  "MIIBZjCCAQygAwIBAgIQdzDq4nQtf2vcQqZKXz7XnzAKBggqhkjOPQQDAjACMQAwHhcNMjYxMTIyMDAwMDAwWhcNNDkwMTAxMDAwMDAwWjASMRAwDgYDVQQDDAdtZXRlci0xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE90piOvfwWXiJXDJGwFuC/RZRfgtTE4+uU6rD7OM7M7DaRx9c+0YPe5SJ58EmSVuJ5IQ2zOgUJutYYtjKNLSgz6NUMFIwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYEFDxnLD/GaRjyrWMTOc1Zv/tWJ8x4MAoGCCqGSM49BAMCA0gAMEUCIBL/ec2obHzYi6l4qt7tkFvsQQ1CI2ElHEtDPxQbPPtpAiEAnWQs9+HWQKdl+86caS0m79ZOHx1DgRIpRoZEKAPaR6w=",
  "base64",
);

function encode(record: lwm2m.v1.ProvisioningRecord.$Properties): Uint8Array {
  return lwm2m.v1.ProvisioningRecord.encode(record).finish();
}

function parseDevice(device: Device, id = device.endpoint ?? "") {
  return parseProvisioningRecord(provisioningKey("device", "default", id), encode({ device }));
}

function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ProvisioningError) return error.message;
    throw error;
  }
  return "none";
}

const spki = (type: "ec" | "rsa", namedCurve = "P-256"): Buffer => {
  const pair =
    type === "ec" ? generateKeyPairSync("ec", { namedCurve }) : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return pair.publicKey.export({ format: "der", type: "spki" });
};

describe("a device record", () => {
  it("names endpoint, profile and credentials", () => {
    expect(parseDevice({ endpoint: "meter-1", profile: "meter", credentials: [PSK] })).toMatchObject({
      kind: "device",
      tenant: "default",
      id: "meter-1",
      device: { endpoint: "meter-1", profile: "meter", credentials: [{ type: "psk", identity: "meter-1-psk" }] },
    });
  });

  const base: Device = { endpoint: "meter-1", profile: "meter" };
  const fleet: Device = { endpoint: "meter-*", profile: "meter" };
  it.each<[string, Device, string]>([
    ["an endpoint", { profile: "meter", credentials: [NO_SEC] }, "endpoint: is missing"],
    [
      "a * inside the endpoint",
      { ...base, endpoint: "me*ter", credentials: [NO_SEC] },
      'endpoint: "me*ter" has a * that is not at its end',
    ],
    [
      "an endpoint that is too long",
      { ...base, endpoint: "x".repeat(256), credentials: [NO_SEC] },
      "endpoint: has 256 bytes, at most 255",
    ],
    ["no profile", { endpoint: "meter-1", credentials: [NO_SEC] }, "profile: is missing"],
    ["no credential", base, "credentials: is empty"],
    [
      "an empty credential",
      { ...base, credentials: [{}] },
      "credentials[0]: names 0 of noSec, psk, rawPublicKey, x509",
    ],
    [
      "both NoSec and a key",
      { ...base, credentials: [PSK, NO_SEC] },
      "credentials[1].noSec: an endpoint with a secure credential is never served in the clear",
    ],
    [
      "a PSK without identity",
      { ...base, credentials: [{ psk: { key: { plain: PLAIN } } }] },
      "credentials[0].psk.identity: is missing",
    ],
    [
      "the identity NO_SEC",
      { ...base, credentials: [{ psk: { identity: "NO_SEC", key: { plain: PLAIN } } }] },
      "credentials[0].psk.identity: must not be NO_SEC",
    ],
    ["a PSK without key", { ...base, credentials: [{ psk: { identity: "a" } }] }, "credentials[0].psk.key: is missing"],
    [
      "a PSK key of 48 bytes",
      { ...base, credentials: [{ psk: { identity: "a", key: { plain: Buffer.alloc(48) } } }] },
      "credentials[0].psk.key: has 48 bytes: 16, 32 or 64",
    ],
    [
      "a raw public key that is none",
      { ...base, credentials: [{ rawPublicKey: { publicKey: PLAIN } }] },
      "credentials[0].rawPublicKey.publicKey: is not a SubjectPublicKeyInfo",
    ],
    [
      "an RSA public key",
      { ...base, credentials: [{ rawPublicKey: { publicKey: spki("rsa") } }] },
      "credentials[0].rawPublicKey.publicKey: is not a SubjectPublicKeyInfo",
    ],
    [
      "a certificate beside its ca",
      { ...base, credentials: [{ x509: { certificate: CA, ca: CA } }] },
      "credentials[0].x509: has a certificate and a ca: give the one",
    ],
    [
      "a ca that may not sign certificates",
      { ...base, credentials: [{ x509: { ca: NO_CA } }] },
      "credentials[0].x509.ca: is not the X.509v3 certificate of a CA (basicConstraints CA:TRUE)",
    ],
    [
      "a ca without a subject",
      { ...base, credentials: [{ x509: { ca: NAMELESS_CA } }] },
      "credentials[0].x509.ca: is not the X.509v3 certificate of a CA (basicConstraints CA:TRUE) with a subject",
    ],
    [
      "a certificate without an issuer",
      { ...base, credentials: [{ x509: { certificate: NAMELESS_ISSUER } }] },
      "credentials[0].x509.certificate: is not an X.509v3 certificate with an issuer",
    ],
    [
      "a certificate with bytes behind it",
      { ...base, credentials: [{ x509: { certificate: Buffer.concat([CA, Buffer.alloc(1)]) } }] },
      "credentials[0].x509.certificate: is not an X.509v3 certificate",
    ],
    [
      "a public key of another curve",
      { ...base, credentials: [{ rawPublicKey: { publicKey: spki("ec", "secp384r1") } }] },
      "credentials[0].rawPublicKey.publicKey: is not a SubjectPublicKeyInfo (RFC 7250) of the elliptic curve P-256",
    ],
    [
      "a fleet with one certificate",
      { ...fleet, credentials: [{ x509: { certificate: CA } }] },
      "belongs to one device",
    ],
    [
      "the fleet's permission without a fleet",
      { ...base, credentials: [NO_SEC], allowUnauthenticatedFleet: true },
      "allowUnauthenticatedFleet: is for patterns",
    ],
    [
      "a NoSec fleet without permission",
      { ...fleet, credentials: [NO_SEC] },
      "credentials[0].noSec: any device that knows a matching name would be served: say allowUnauthenticatedFleet: true",
    ],
    ["a fleet with one key", { ...fleet, credentials: [PSK] }, "credentials[0].psk: belongs to one device"],
    [
      "a permission that allows nothing",
      { ...fleet, credentials: [], allowUnauthenticatedFleet: true },
      "credentials: is empty",
    ],
  ])("is refused for %s", (_, device, expected) => {
    expect(problemOf(() => parseDevice(device, device.endpoint || "meter-1"))).toContain(expected);
  });

  it("of a fleet takes certificates of its CA, or of those that the deployment trusts", () => {
    const x509 = (credential: Credential["x509"]) =>
      parseDevice({ endpoint: "meter-*", profile: "meter", credentials: [{ x509: credential ?? {} }] });
    expect(x509({ ca: CA })).toMatchObject({ device: { credentials: [{ type: "x509", ca: CA }] } });
    expect(x509({})).toMatchObject({ device: { credentials: [{ type: "x509", ca: undefined }] } });
  });

  it("of another tenant than the default one names its CA: those that the deployment trusts say of no tenant", () => {
    const device = { endpoint: "meter-1", profile: "meter", credentials: [{ x509: {} }] };
    expect(
      problemOf(() => parseProvisioningRecord(provisioningKey("device", "acme", "meter-1"), encode({ device }))),
    ).toBe(
      'credentials[0].x509: needs a certificate or a ca: the CAs of the trust files are those of the tenant "default"',
    );
  });

  it("takes the public key of P-256", () => {
    const publicKey = spki("ec");
    const parsed = parseDevice({ ...base, credentials: [{ rawPublicKey: { publicKey } }] });
    expect(parsed).toMatchObject({ device: { credentials: [{ type: "rawPublicKey" }] } });
  });

  it("takes a NoSec fleet that says that it is meant", () => {
    const parsed = parseDevice({ ...fleet, credentials: [NO_SEC], allowUnauthenticatedFleet: true });
    expect(parsed).toMatchObject({ device: { endpoint: "meter-*", allowUnauthenticatedFleet: true } });
  });
});

describe("a record", () => {
  const profile = { profile: { json: '{"resources":{"/3/0/9":{"key":"battery","telemetry":true}}}' } };

  it("of a credential may name the one that it replaces", () => {
    const record = encode({ credential: OTHER_PSK, previous: [PSK] });
    expect(parseProvisioningRecord("credential/default/a", record)).toMatchObject({
      credential: { identity: "meter-1-new" },
      previous: [{ identity: "meter-1-psk" }],
    });
    expect(parseProvisioningRecord("credential/default/a", encode({ credential: PSK }))).toMatchObject({
      previous: [],
    });
  });

  it("may be JSON", () => {
    const json = Buffer.from(JSON.stringify({ device: { endpoint: "a", profile: "p", credentials: [{ noSec: {} }] } }));
    expect(parseProvisioningRecord("device/default/a", json)).toMatchObject({ kind: "device", id: "a" });
  });

  it.each([
    ["a key that is not kind/tenant/id", "device/a", encode(profile), "key: "],
    ["an unknown kind", "gadget/default/a", encode(profile), "key: "],
    ["a tenant that cannot be one", "profile/de.fault/a", encode(profile), "tenant: "],
    [
      "an id that is not the key's",
      "profile/default/a",
      encode({ ...profile, id: "b" }),
      'id: "b" is not what the key says',
    ],
    ["a tenant that is not the key's", "profile/default/a", encode({ ...profile, tenant: "b" }), 'tenant: "b" is not'],
    ["a body of another kind", "device/default/a", encode(profile), "device: the record must hold a device"],
    [
      "anything but a model in the tenant system",
      "profile/system/a",
      encode(profile),
      'tenant: "system" holds the models',
    ],
    ["no body", "device/default/a", encode({}), "device: the record must hold a device"],
    [
      "bytes that are no record",
      "device/default/a",
      Uint8Array.of(0xff),
      "is not a ProvisioningRecord in application/x-protobuf",
    ],
    [
      "text that is no JSON",
      "device/default/a",
      Buffer.from("{nope"),
      "is not a ProvisioningRecord in application/json",
    ],
    ["a profile that is no JSON", "profile/default/a", encode({ profile: { json: "{" } }), "json: "],
    [
      "a profile with a bad path",
      "profile/default/a",
      encode({ profile: { json: '{"resources":{"/x":{}}}' } }),
      "resources",
    ],
    ["a model that is no XML", "model/default/3_1.0", encode({ model: { xml: "x" } }), "xml: "],
    [
      "a generated NoSec credential",
      "credential/default/a",
      encode({ credential: { noSec: {} } }),
      "credential.noSec: ",
    ],
    [
      "a NoSec credential that a generated one replaces",
      "credential/default/a",
      encode({ credential: PSK, previous: [{ noSec: {} }] }),
      "previous[0].noSec: ",
    ],
    [
      "two credentials that one replaces",
      "credential/default/a",
      encode({ credential: PSK, previous: [OTHER_PSK, OTHER_PSK] }),
      "previous: has 2 entries, at most 1 is possible",
    ],
    [
      "a PSK that replaces another one with its identity: the identity says which key is meant",
      "credential/default/a",
      encode({ credential: PSK, previous: [PSK] }),
      "previous[0].psk.identity: is that of the credential too",
    ],
    [
      "a replaced credential with a device",
      "device/default/a",
      encode({ device: { endpoint: "a", profile: "p", credentials: [PSK] }, previous: [OTHER_PSK] }),
      "previous: belongs to a credential",
    ],
  ])("is refused for %s", (_, key, value, expected) => {
    expect(problemOf(() => parseProvisioningRecord(key, value))).toContain(expected);
  });

  it("is refused as an error that names the field, whatever bytes it holds", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom("model", "profile", "device", "credential"),
        (value, kind) => {
          problemOf(() => parseProvisioningRecord(`${kind}/default/a`, value));
        },
      ),
      { numRuns: 300 },
    );
  });
});
