import type { lwm2m } from "@ferry/proto";
import type { RecordBody } from "./document.ts";

type Secret = lwm2m.v1.Secret.$Properties;
type Change = (secret: Secret, field: string) => Secret;

/** A record's body with what `change` makes of each of its secrets; `field` is where one stands, such as `credentials[0].psk.key`. */
export function mapSecrets<Body extends RecordBody>(body: Body, change: Change): Body {
  const { device, credential, previous } = body;
  return {
    ...body,
    ...(device ? { device: mapDevice(device, change) } : {}),
    ...(credential ? { credential: mapCredential(credential, "credential", change) } : {}),
    ...(previous?.length ? { previous: mapCredentials(previous, "previous", change) } : {}),
  };
}

function mapDevice(device: lwm2m.v1.Device.$Properties, change: Change): lwm2m.v1.Device.$Properties {
  const { credentials, bootstrap } = device;
  return {
    ...device,
    credentials: mapCredentials(credentials ?? [], "credentials", change),
    ...(bootstrap ? { bootstrap: mapBootstrap(bootstrap, change) } : {}),
  };
}

function mapCredentials(
  credentials: readonly lwm2m.v1.Credential.$Properties[],
  field: string,
  change: Change,
): lwm2m.v1.Credential.$Properties[] {
  return credentials.map((credential, index) => mapCredential(credential, `${field}[${index}]`, change));
}

function mapCredential(
  credential: lwm2m.v1.Credential.$Properties,
  field: string,
  change: Change,
): lwm2m.v1.Credential.$Properties {
  const { psk } = credential;
  return psk ? { ...credential, psk: mapPsk(psk, field, change) } : credential;
}

function mapBootstrap(
  { bootstrapServer, server }: lwm2m.v1.BootstrapKeys.$Properties,
  change: Change,
): lwm2m.v1.BootstrapKeys.$Properties {
  return {
    ...(bootstrapServer
      ? { bootstrapServer: mapClientKeys(bootstrapServer, "bootstrap.bootstrapServer", change) }
      : {}),
    ...(server ? { server: mapClientKeys(server, "bootstrap.server", change) } : {}),
  };
}

function mapClientKeys(
  keys: lwm2m.v1.ClientKeys.$Properties,
  field: string,
  change: Change,
): lwm2m.v1.ClientKeys.$Properties {
  const { psk, rawPublicKey, x509 } = keys;
  return {
    ...keys,
    ...(psk ? { psk: mapPsk(psk, field, change) } : {}),
    ...(rawPublicKey ? { rawPublicKey: mapPrivateKey(rawPublicKey, `${field}.rawPublicKey`, change) } : {}),
    ...(x509 ? { x509: mapPrivateKey(x509, `${field}.x509`, change) } : {}),
  };
}

function mapPsk(psk: lwm2m.v1.Psk.$Properties, field: string, change: Change): lwm2m.v1.Psk.$Properties {
  return psk.key ? { ...psk, key: change(psk.key, `${field}.psk.key`) } : psk;
}

function mapPrivateKey<Pair extends { privateKey?: Secret | null }>(pair: Pair, field: string, change: Change): Pair {
  return pair.privateKey ? { ...pair, privateKey: change(pair.privateKey, `${field}.privateKey`) } : pair;
}
