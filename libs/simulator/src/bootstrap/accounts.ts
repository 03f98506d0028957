import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject, X509Certificate } from "node:crypto";
import { CODE } from "@ferry/coap";
import { type ClientCredential, isP256, type ServerTrust } from "@ferry/dtls";
import { formatPath, type LwM2mPath } from "@ferry/lwm2m";
import { RequestRefusedError } from "../errors.ts";
import type { ObjectTree } from "../object-tree.ts";
import { CERTIFICATE_USAGE, SECURITY, SECURITY_MODE, SERVER } from "./account-resources.ts";
import { parseServerUri, type ServerUri } from "./server-uri.ts";

/** A server as an instance of the Security object names it (OMA LwM2M Core 1.1.1 appendix E.1). */
export interface SecurityAccount {
  readonly instanceId: number;
  readonly uri: ServerUri;
  /** Undefined: NoSec. */
  readonly credential: ClientCredential | undefined;
  /** SNI (0/x/14). */
  readonly serverName: string | undefined;
  /** 0/x/11: of the bootstrap server, how long the device waits before it asks, s. */
  readonly holdOffS: number;
  /** 0/x/12: of the bootstrap server, how long the account lasts once it has been used, s; 0: for ever. */
  readonly timeoutS: number;
}

/** A server to register with: its Security and its Server instance. */
export interface ServerAccount extends SecurityAccount {
  readonly shortServerId: number;
  /** Of the Server object. */
  readonly serverInstanceId: number;
  readonly lifetimeS: number;
  /** 1/y/7 as written: `U`, `UQ`. */
  readonly binding: string;
}

/** The account of the bootstrap server; undefined without one. @throws {RequestRefusedError} it cannot be used: 4.06 */
export function bootstrapAccount(tree: ObjectTree): SecurityAccount | undefined {
  const [instanceId] = securityInstances(tree, true);
  return instanceId === undefined ? undefined : securityAccount(tree, instanceId);
}

/** Whether this instance of the Security object is an account of a bootstrap server. */
export function isBootstrapAccount(tree: ObjectTree, instanceId: number): boolean {
  return tree.value([SECURITY.object, instanceId, SECURITY.isBootstrap])?.value === true;
}

/**
 * The servers that the device is to register with, in the order of their short ids.
 *
 * @throws {RequestRefusedError} there is none, or what there is of one cannot be used: 4.06, the answer to Bootstrap-Finish (OMA LwM2M Transport 1.1.1 §6.4.2)
 */
export function serverAccounts(tree: ObjectTree): readonly ServerAccount[] {
  const accounts = securityInstances(tree, false).map((instanceId) => serverAccount(tree, instanceId));
  if (accounts.length === 0) throw inconsistent("there is no account of an LwM2M server");
  accounts.sort((a, b) => a.shortServerId - b.shortServerId);
  const twice = accounts.find((it, index) => it.shortServerId === accounts[index + 1]?.shortServerId);
  if (twice !== undefined) throw inconsistent(`two accounts have the short server id ${twice.shortServerId}`);
  return accounts;
}

function securityInstances(tree: ObjectTree, isBootstrap: boolean): readonly number[] {
  return tree.instanceIds(SECURITY.object).filter((id) => isBootstrapAccount(tree, id) === isBootstrap);
}

function serverAccount(tree: ObjectTree, instanceId: number): ServerAccount {
  const shortServerId = integer(tree, [SECURITY.object, instanceId, SECURITY.shortServerId]);
  const serverInstanceId = tree
    .instanceIds(SERVER.object)
    .find((id) => tree.value([SERVER.object, id, SERVER.shortServerId])?.value === shortServerId);
  if (serverInstanceId === undefined) {
    const path = formatPath([SECURITY.object, instanceId]);
    throw inconsistent(`${path} has no instance of the Server object with its short server id ${shortServerId}`);
  }
  return {
    ...securityAccount(tree, instanceId),
    shortServerId,
    serverInstanceId,
    lifetimeS: integer(tree, [SERVER.object, serverInstanceId, SERVER.lifetime]),
    binding: required(tree, "STRING", [SERVER.object, serverInstanceId, SERVER.binding]),
  };
}

function securityAccount(tree: ObjectTree, instanceId: number): SecurityAccount {
  const at = (resource: number): LwM2mPath => [SECURITY.object, instanceId, resource];
  const text = required(tree, "STRING", at(SECURITY.uri));
  const uri = parseServerUri(text);
  if (uri === undefined) throw inconsistent(`${formatPath(at(SECURITY.uri))} is no coap:// or coaps:// URI`);
  const mode = integer(tree, at(SECURITY.mode));
  const read = CREDENTIALS.get(mode);
  if (read === undefined) throw inconsistent(`${formatPath(at(SECURITY.mode))} is ${mode}, a mode the device has not`);
  if (uri.secure === (mode === SECURITY_MODE.noSec)) {
    throw inconsistent(`${formatPath(at(SECURITY.uri))} and security mode ${mode} contradict each other`);
  }
  return {
    instanceId,
    uri,
    credential: read(new KeyReader(tree, instanceId)),
    serverName: optional(tree, "STRING", at(SECURITY.serverName)),
    holdOffS: optionalInteger(tree, at(SECURITY.holdOff)) ?? 0,
    timeoutS: optionalInteger(tree, at(SECURITY.accountTimeout)) ?? 0,
  };
}

/** What 0/x/3, 0/x/4 and 0/x/5 hold in each mode. */
const CREDENTIALS: ReadonlyMap<number, (keys: KeyReader) => ClientCredential | undefined> = new Map<
  number,
  (keys: KeyReader) => ClientCredential | undefined
>([
  [SECURITY_MODE.noSec, () => undefined],
  [
    SECURITY_MODE.psk,
    (keys) => ({
      type: "psk",
      identity: keys.bytes(SECURITY.publicKeyOrIdentity),
      key: createSecretKey(keys.bytes(SECURITY.secretKey)),
    }),
  ],
  [
    SECURITY_MODE.rawPublicKey,
    (keys) => ({
      type: "rawPublicKey",
      privateKey: keys.privateKey(),
      server: { type: "publicKey", publicKey: keys.publicKey(SECURITY.serverPublicKey) },
    }),
  ],
  [
    SECURITY_MODE.certificate,
    (keys) => ({
      type: "certificate",
      privateKey: keys.privateKey(),
      chain: [keys.certificate(SECURITY.publicKeyOrIdentity).raw],
      server: keys.serverOfCertificate(),
    }),
  ],
]);

/** Reads the keys of one Security instance. Their faults are told by path, never by value. */
class KeyReader {
  readonly #tree: ObjectTree;
  readonly #instanceId: number;

  constructor(tree: ObjectTree, instanceId: number) {
    this.#tree = tree;
    this.#instanceId = instanceId;
  }

  bytes(resource: number): Uint8Array {
    const path = [SECURITY.object, this.#instanceId, resource];
    const value = required(this.#tree, "OPAQUE", path);
    if (value.length === 0) throw inconsistent(`${formatPath(path)} is empty`);
    return value;
  }

  /** PKCS#8, DER, P-256. */
  privateKey(): KeyObject {
    const key = Buffer.from(this.bytes(SECURITY.secretKey));
    return this.#p256(SECURITY.secretKey, "a private key, PKCS#8", () =>
      createPrivateKey({ key, format: "der", type: "pkcs8" }),
    );
  }

  /** SubjectPublicKeyInfo, DER, P-256. */
  publicKey(resource: number): Uint8Array {
    const der = this.bytes(resource);
    this.#p256(resource, "a public key, SubjectPublicKeyInfo", () =>
      createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }),
    );
    return der;
  }

  certificate(resource: number): X509Certificate {
    const der = this.bytes(resource);
    return this.#decoded(resource, "a certificate", () => new X509Certificate(der));
  }

  /**
   * Which server to believe (0/x/15): what leads to an anchor or, where the certificate is the server's own, who has its key. Nobody can show a
   * CA's certificate as its own, so one without a usage is an anchor. Some factories pin the key instead.
   */
  serverOfCertificate(): ServerTrust {
    const resource = SECURITY.serverPublicKey;
    const certificate = maybe(() => new X509Certificate(this.bytes(resource)));
    if (certificate === undefined) return { type: "publicKey", publicKey: this.publicKey(resource) };
    const usage = optionalInteger(this.#tree, [SECURITY.object, this.#instanceId, SECURITY.certificateUsage]);
    const isAnchor =
      usage === undefined
        ? certificate.ca
        : usage === CERTIFICATE_USAGE.trustAnchor || usage === CERTIFICATE_USAGE.caConstraint;
    if (isAnchor) return { type: "trustAnchor", certificate: certificate.raw };
    return { type: "publicKey", publicKey: certificate.publicKey.export({ type: "spki", format: "der" }) };
  }

  #p256(resource: number, what: string, decode: () => KeyObject): KeyObject {
    const key = this.#decoded(resource, what, decode);
    if (!isP256(key)) throw this.#isNot(resource, `${what}, of P-256`);
    return key;
  }

  #decoded<T>(resource: number, what: string, decode: () => T): T {
    const decoded = maybe(decode);
    if (decoded === undefined) throw this.#isNot(resource, what);
    return decoded;
  }

  #isNot(resource: number, what: string): RequestRefusedError {
    return inconsistent(`${formatPath([SECURITY.object, this.#instanceId, resource])} is not ${what}, DER`);
  }
}

/** OpenSSL names what is wrong with bytes by many errors; here they are all the peer's fault. */
function maybe<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RequestRefusedError) throw error;
    return undefined;
  }
}

interface ValueTypes {
  readonly STRING: string;
  readonly OPAQUE: Uint8Array;
}

function optional<Type extends keyof ValueTypes>(
  tree: ObjectTree,
  type: Type,
  path: LwM2mPath,
): ValueTypes[Type] | undefined {
  const value = tree.value(path);
  return value?.type === type ? (value.value as ValueTypes[Type]) : undefined; // By its type.
}

/** Which integers are unsigned differs between the versions of an object. */
function optionalInteger(tree: ObjectTree, path: LwM2mPath): number | undefined {
  const value = tree.value(path);
  return value?.type === "INTEGER" || value?.type === "UNSIGNED_INTEGER" ? Number(value.value) : undefined;
}

function required<Type extends keyof ValueTypes>(tree: ObjectTree, type: Type, path: LwM2mPath): ValueTypes[Type] {
  return expected(optional(tree, type, path), path);
}

function integer(tree: ObjectTree, path: LwM2mPath): number {
  return expected(optionalInteger(tree, path), path);
}

function expected<T>(value: T | undefined, path: LwM2mPath): T {
  if (value === undefined) throw inconsistent(`${formatPath(path)} is missing`);
  return value;
}

function inconsistent(why: string): RequestRefusedError {
  return new RequestRefusedError(CODE.NOT_ACCEPTABLE, why);
}
