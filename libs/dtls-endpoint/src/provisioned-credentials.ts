import { isUtf8 } from "node:buffer";
import { ALERT, type Answer, SecretBytes } from "@ferry/dtls";
import {
  type CredentialHolder,
  type CredentialsInForce,
  type DeviceCredential,
  openSecret,
  publicKeyIdentity,
  SealingError,
  type SealingKeys,
} from "@ferry/provisioning";
import type { Logger } from "@ferry/runtime";
import { type DeviceRef, StateUnavailableError } from "@ferry/state";
import { type DeviceCertificate, parseCertificate } from "./certificate.ts";
import {
  findPath,
  MAX_INTERMEDIATES,
  oneLine,
  type PathTerms,
  type PathVerdict,
  problemOf,
} from "./certificate-path.ts";
import {
  caGeneration,
  issuedGeneration,
  limitedGeneration,
  parseIssuedGeneration,
  parseLimitedGeneration,
  pskGeneration,
  publicGeneration,
} from "./credential-generation.ts";
import type { DeviceCredentials } from "./device-credentials.ts";
import { ParsedAuthorities } from "./parsed-authorities.ts";
import { formatPrincipal, parsePrincipal, type SecurityMode } from "./principal.ts";
import type { ServerKeys } from "./server-keys.ts";

/** What the look-up of credentials works with. */
export interface ProvisionedCredentialsParts {
  readonly inForce: CredentialsInForce;
  /** Undefined: there are none, and no PSK that is sealed can be opened. */
  readonly sealingKeys: SealingKeys | undefined;
  readonly trust: Pick<ServerKeys, "trustAnchors" | "isRevoked" | "hasRevoked">;
  readonly wallMs: () => number;
  readonly logger: Pick<Logger, "error">;
}

/** What a peer makes us stumble over is told of at most this often, ms: it can do so with each datagram. */
const FAULT_LOG_MS = 60_000;

type Refused = Extract<Answer, { type: "refused" }>;
type X509Credential = Extract<DeviceCredential, { type: "x509" }>;

/** Who holds a credential, by what is provisioned. */
export class ProvisionedCredentials implements DeviceCredentials {
  readonly #parts: ProvisionedCredentialsParts;
  readonly #authorities = new ParsedAuthorities();
  #faultsToldUntilMs = 0;

  constructor(parts: ProvisionedCredentialsParts) {
    this.#parts = parts;
  }

  /** @throws {SealingError} none of our keys opens what is stored: nobody else's fault */
  async psk(identity: Uint8Array): Promise<Answer> {
    // Bytes that are no UTF-8 are nobody's identity (RFC 4279 §5.1): read as text they could become somebody's.
    const text = isUtf8(identity) ? Buffer.from(identity).toString() : undefined;
    const holder =
      text === undefined ? undefined : await this.#parts.inForce.byIdentity({ type: "psk", identity: text });
    const credential = holder?.credentials.find((one) => one.type === "psk" && one.identity === text);
    if (holder === undefined || credential?.type !== "psk") return { type: "none" };
    const key = this.#keyOf(credential, holder.device);
    return {
      type: "psk",
      key: SecretBytes.copyOf(key),
      principal: principalOf("PSK", holder.device, pskGeneration(key)),
    };
  }

  rawPublicKey(publicKey: Uint8Array): Promise<Answer> {
    return this.#tolerant(() => this.#rawPublicKey(publicKey));
  }

  certificate(chain: readonly Uint8Array[]): Promise<Answer> {
    return this.#tolerant(() => this.#certificate(chain));
  }

  /** OpenSSL and pkijs meet bytes of strangers here: whatever they do not foresee must end a handshake, never the process. */
  async #tolerant(judge: () => Promise<Answer>): Promise<Answer> {
    try {
      return await judge();
    } catch (error) {
      if (error instanceof StateUnavailableError || error instanceof SealingError) throw error;
      this.#tell(error);
      return refused(ALERT.BAD_CERTIFICATE, "the certificate or key cannot be judged: the log has an error about it");
    }
  }

  #tell(error: unknown): void {
    const { logger, wallMs } = this.#parts;
    const nowMs = wallMs();
    if (nowMs < this.#faultsToldUntilMs) return;
    this.#faultsToldUntilMs = nowMs + FAULT_LOG_MS;
    logger.error(
      { err: error },
      "A certificate or key of a peer could not be judged: report this as a defect of Ferry",
    );
  }

  async #rawPublicKey(publicKey: Uint8Array): Promise<Answer> {
    const holder = await this.#parts.inForce.byIdentity(publicKeyIdentity(publicKey));
    const isTheirs = holder?.credentials.some(
      (one) => one.type === "rawPublicKey" && isEqual(one.publicKey, publicKey),
    );
    if (holder === undefined || !isTheirs)
      return refused(ALERT.ACCESS_DENIED, "no device is provisioned with this raw public key");
    return { type: "principal", principal: principalOf("RPK", holder.device, publicGeneration(publicKey)) };
  }

  async #certificate([own, ...others]: readonly Uint8Array[]): Promise<Answer> {
    const leaf = own && parseCertificate(own);
    if (own === undefined || leaf === undefined)
      return refused(ALERT.BAD_CERTIFICATE, "what the device sent is not an X.509 certificate, DER");
    if (leaf.publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1")
      return refused(ALERT.UNSUPPORTED_CERTIFICATE, "the key of the device's certificate is not of P-256 (prime256v1)");
    return (
      (await this.#pinned(leaf)) ??
      this.#issued(leaf, others.slice(0, MAX_INTERMEDIATES).map(parseCertificate).filter(isDefined))
    );
  }

  /** A certificate that is declared as such: its name and its signer say nothing more. */
  async #pinned(leaf: DeviceCertificate): Promise<Answer | undefined> {
    const identity = publicKeyIdentity(leaf.publicKey.export({ format: "der", type: "spki" }));
    const holder = await this.#parts.inForce.byIdentity(identity);
    const isTheirs = holder?.credentials.some(
      (one) => one.type === "x509" && one.certificate !== undefined && isEqual(one.certificate, leaf.x509.raw),
    );
    if (holder === undefined || !isTheirs) return undefined;
    const generation = limitedGeneration(publicGeneration(leaf.x509.raw), leaf.x509.validToDate.getTime());
    const principal = principalOf("X509", holder.device, generation);
    const problem = problemOf(leaf, this.#parts.wallMs(), "the device's certificate");
    return problem === undefined ? { type: "principal", principal } : { ...problem, principal };
  }

  /**
   * A certificate of a CA: whose it is, the CA says that has signed it and that a declaration names. Where declarations of several tenants hold for one name,
   * it is nobody's; of one tenant there is one for each name, and the first name that has one counts.
   */
  async #issued(leaf: DeviceCertificate, intermediates: readonly DeviceCertificate[]): Promise<Answer> {
    const issuers = [...new Set([leaf, ...intermediates].map(({ x509 }) => x509.issuer))].slice(0, MAX_ISSUERS);
    let refusal: Answer | undefined;
    for (const name of leaf.names) {
      const holders = await this.#parts.inForce.byCertificateName(name, issuers);
      const judged = holders.map((holder) => ({ holder, verdict: this.#judge(leaf, intermediates, holder) }));
      const trusted = judged.filter(({ verdict }) => verdict.type === "trusted");
      const [first, ...more] = trusted;
      if (first?.verdict.type === "trusted" && more.length === 0) {
        const { anchor, revocationKeys, validUntilMs } = first.verdict;
        const generation = limitedGeneration(issuedGeneration(anchor.x509.raw, revocationKeys), validUntilMs);
        return { type: "principal", principal: principalOf("X509", first.holder.device, generation) };
      }
      if (more.length > 0)
        return sharedCa(
          name,
          trusted.map(({ holder }) => holder),
        );
      refusal ??= refusalOf(judged);
    }
    return refusal ?? undeclared(leaf);
  }

  #judge(leaf: DeviceCertificate, intermediates: readonly DeviceCertificate[], holder: CredentialHolder): PathVerdict {
    const { trust, wallMs } = this.#parts;
    const terms: PathTerms = {
      anchors: this.#anchorsOf(holder.credentials),
      intermediates,
      nowMs: wallMs(),
      isRevoked: (certificate, issuer) => trust.isRevoked(certificate, issuer),
    };
    return findPath(leaf, terms);
  }

  /** CAs that may sign for a device: those it names, or where it names none those of the trust files. */
  #anchorsOf(credentials: readonly DeviceCredential[]): readonly DeviceCertificate[] {
    return credentials.filter(isIssued).flatMap(({ ca }) => {
      if (ca === undefined) return this.#parts.trust.trustAnchors;
      const parsed = this.#authorities.get(ca);
      return parsed === undefined ? [] : [parsed];
    });
  }

  /** @throws {SealingError} none of our keys opens it */
  async isCurrent(principal: string): Promise<boolean> {
    const identity = parsePrincipal(principal);
    if (identity === undefined) return false;
    const { securityMode, device } = identity;
    const { generation, validUntilMs } = parseLimitedGeneration(identity.generation);
    // A date that cannot be read is NaN, and not to come.
    if (!(this.#parts.wallMs() <= validUntilMs)) return false;
    const issued = parseIssuedGeneration(generation);
    if (issued?.revocationKeys.some((key) => this.#parts.trust.hasRevoked(key))) return false;
    const credentials = await this.#parts.inForce.of(device);
    return credentials
      .flatMap((credential) => this.#generationsOf(securityMode, credential, device))
      .includes(issued?.ca ?? generation);
  }

  /** What a credential was called when it was shown: a certificate of a CA by the CA. */
  #generationsOf(mode: SecurityMode, credential: DeviceCredential, device: DeviceRef): readonly string[] {
    if (credential.type === "psk" && mode === "PSK") return [pskGeneration(this.#keyOf(credential, device))];
    if (credential.type === "rawPublicKey" && mode === "RPK") return [publicGeneration(credential.publicKey)];
    if (credential.type !== "x509" || mode !== "X509") return [];
    if (credential.certificate !== undefined) return [publicGeneration(credential.certificate)];
    if (credential.ca !== undefined) return [caGeneration(credential.ca)];
    return this.#parts.trust.trustAnchors.map(({ x509 }) => caGeneration(x509.raw));
  }

  #keyOf({ key }: Extract<DeviceCredential, { type: "psk" }>, device: DeviceRef): Uint8Array {
    return openSecret(key, device, this.#parts.sealingKeys);
  }
}

/** Issuers whose declarations are looked for: of a device's certificate and of the CAs above it. */
const MAX_ISSUERS = 5;

function refused(alert: Refused["alert"], reason: string): Refused {
  return { type: "refused", alert, reason };
}

/** The declaration is there, the certificate is not what it asks for. */
function refusalOf(
  judged: readonly { readonly holder: CredentialHolder; readonly verdict: PathVerdict }[],
): Answer | undefined {
  const refusals = judged.flatMap(({ holder, verdict }) => (verdict.type === "refused" ? [{ holder, verdict }] : []));
  const refusal = refusals.find(({ verdict }) => verdict.isSigned) ?? refusals[0];
  if (refusal === undefined) return undefined;
  const { isSigned, ...answer } = refusal.verdict;
  // Who signs a certificate himself can write any name into it: a device is told of only when its CA stands behind it.
  return isSigned ? { ...answer, principal: unproven(refusal.holder) } : answer;
}

/** The device is known, and not let in. */
function unproven({ device }: CredentialHolder): string {
  return principalOf("X509", device, "refused");
}

function sharedCa(name: string, holders: readonly CredentialHolder[]): Refused {
  const tenants = holders.map(({ device }) => `"${device.tenant}"`).join(", ");
  return refused(
    ALERT.ACCESS_DENIED,
    `"${name}" is declared with CAs that have signed this certificate by the tenants ${tenants}: take it out of all but one`,
  );
}

function undeclared({ names, x509 }: DeviceCertificate): Refused {
  if (names.length === 0) {
    return refused(
      ALERT.ACCESS_DENIED,
      "the device's certificate names no endpoint: it is the common name, or a subject alternative name of type dNSName or URI",
    );
  }
  return refused(
    ALERT.UNKNOWN_CA,
    `no device or pattern for ${names.map((name) => `"${name}"`).join(", ")} is provisioned with the CA ${oneLine(x509.issuer)}, and this certificate is not pinned: declare x509 with that ca, or with this certificate`,
  );
}

function principalOf(securityMode: SecurityMode, device: DeviceRef, generation: string): string {
  return formatPrincipal({ securityMode, device, generation });
}

function isIssued(credential: DeviceCredential): credential is X509Credential {
  return credential.type === "x509" && credential.certificate === undefined;
}

function isDefined<Value>(value: Value | undefined): value is Value {
  return value !== undefined;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
