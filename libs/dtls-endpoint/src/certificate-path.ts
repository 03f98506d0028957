import { ALERT, type AlertDescription } from "@ferry/dtls";
import { type DeviceCertificate, revocationKey } from "./certificate.ts";

/** CAs between a device's certificate and the trust anchor. */
export const MAX_INTERMEDIATES = 4;

/** Why something is not accepted. */
export interface Refusal {
  readonly type: "refused";
  readonly alert: AlertDescription;
  readonly reason: string;
}

/** Whether a chain leads to a trust anchor. */
export type PathVerdict =
  | {
      readonly type: "trusted";
      readonly anchor: DeviceCertificate;
      /** What each certificate on the path is known by where it is revoked: the device's own first. */
      readonly revocationKeys: readonly string[];
      /** When the first certificate of the path is over, ms since 1970. */
      readonly validUntilMs: number;
    }
  /** `isSigned`: an anchor stands behind it all the same, so it is known whose it is; it is out of its time, revoked, or for something else. */
  | (Refusal & { readonly isSigned: boolean });

/** What a path is judged by. */
export interface PathTerms {
  /** Certificates of CAs; each ends the path, whoever has signed it. */
  readonly anchors: readonly DeviceCertificate[];
  /** What the device sent beside its own certificate, in any order. */
  readonly intermediates: readonly DeviceCertificate[];
  /** Ms since 1970. */
  readonly nowMs: number;
  /** Whether a revocation list of this issuer has the certificate. */
  readonly isRevoked: (certificate: DeviceCertificate, issuer: DeviceCertificate) => boolean;
}

/**
 * Looks for a path from a device's certificate to one of the anchors (RFC 5280 §6.1): signatures, validity, basicConstraints with path length, key usage, and
 * revocation where there is a list. Name constraints and policies are not understood: a certificate in which they are critical is refused.
 */
export function findPath(leaf: DeviceCertificate, terms: PathTerms): PathVerdict {
  const search: Search = { ...terms, verified: new Map(), isLenient: false };
  const intermediates = terms.intermediates.slice(0, MAX_INTERMEDIATES);
  const verdict = problemOf(leaf, terms.nowMs, "the device's certificate") ?? purposeOf(leaf);
  const found = verdict ?? follow([leaf], intermediates, search);
  if (found.type === "trusted") return found;
  const isSigned = follow([leaf], intermediates, { ...search, isLenient: true }).type === "trusted";
  return { ...found, isSigned };
}

interface Search extends PathTerms {
  /** Signatures are verified once: CAs that sign each other would make for as many as there are orders of them. */
  readonly verified: Map<string, boolean>;
  /** Only signatures count, and that who signed is a CA. */
  readonly isLenient: boolean;
}

function purposeOf({ isForClients }: DeviceCertificate): Refusal | undefined {
  if (isForClients) return undefined;
  return refused(
    ALERT.UNSUPPORTED_CERTIFICATE,
    "the device's certificate is not for clients: its key usage must allow digitalSignature, its extended key usage clientAuth",
  );
}

/** What is wrong with a certificate by itself. */
export function problemOf(
  { x509, unknownCritical }: DeviceCertificate,
  nowMs: number,
  what: string,
): Refusal | undefined {
  const from = x509.validFromDate.getTime();
  const to = x509.validToDate.getTime();
  // A date that cannot be read is NaN, and in no range.
  if (!(nowMs >= from)) return refused(ALERT.CERTIFICATE_EXPIRED, `${what} is not valid before ${x509.validFrom}`);
  if (!(nowMs <= to)) return refused(ALERT.CERTIFICATE_EXPIRED, `${what} expired at ${x509.validTo}: renew it`);
  if (unknownCritical.length === 0) return undefined;
  return refused(
    ALERT.UNSUPPORTED_CERTIFICATE,
    `${what} has critical extensions that are not understood here: ${unknownCritical.join(", ")}`,
  );
}

/** Depth first; each intermediate is used once, so that there is an end. `path`: from the device's certificate to the last CA, whose signer is looked for. */
function follow(
  path: readonly [DeviceCertificate, ...DeviceCertificate[]],
  unused: readonly DeviceCertificate[],
  terms: Search,
): Extract<PathVerdict, { type: "trusted" }> | Refusal {
  const certificate = path.at(-1) ?? path[0];
  const below = path.length - 1;
  let refusal: Refusal | undefined;
  for (const anchor of terms.anchors) {
    const verdict = step(certificate, anchor, below, terms);
    if (verdict === "notSigned") continue;
    const links = linksOf([...path, anchor]);
    const problem = verdict === "signed" ? revocationIn(links, terms) : verdict;
    if (problem === undefined)
      return {
        type: "trusted",
        anchor,
        revocationKeys: links.map(([one, issuer]) => revocationKey(one, issuer)),
        validUntilMs: Math.min(...[...path, anchor].map(({ x509 }) => x509.validToDate.getTime())),
      };
    refusal ??= problem;
  }
  for (const issuer of unused) {
    const verdict = step(certificate, issuer, below, terms);
    if (verdict === "notSigned") continue;
    if (verdict !== "signed") {
      refusal ??= verdict;
      continue;
    }
    const rest = unused.filter((one) => one !== issuer);
    const further = follow([...path, issuer], rest, terms);
    if (further.type === "trusted") return further;
    refusal ??= further;
  }
  return (
    refusal ??
    refused(
      ALERT.UNKNOWN_CA,
      `no CA that is declared for it has signed it: its issuer is ${oneLine(certificate.x509.issuer)}; declare x509 with that ca, or let the device send the CAs in between`,
    )
  );
}

/** Whether `issuer` may and did sign a certificate. */
function step(
  certificate: DeviceCertificate,
  issuer: DeviceCertificate,
  below: number,
  { nowMs, verified, isLenient }: Search,
): "signed" | "notSigned" | Refusal {
  // checkIssued compares names and key identifiers; the signature decides.
  if (!certificate.x509.checkIssued(issuer.x509) || !verifies(certificate, issuer, verified)) return "notSigned";
  const name = `the CA ${oneLine(issuer.x509.subject)}`;
  if (!issuer.isCa)
    return refused(
      ALERT.BAD_CERTIFICATE,
      `${name} may not sign certificates: basicConstraints CA:TRUE and keyCertSign`,
    );
  if (isLenient) return "signed";
  if (issuer.pathLength !== undefined && below > issuer.pathLength)
    return refused(ALERT.BAD_CERTIFICATE, `${name} allows ${issuer.pathLength} CAs below it, here are ${below}`);
  return problemOf(issuer, nowMs, name) ?? "signed";
}

type Link = readonly [certificate: DeviceCertificate, issuer: DeviceCertificate];

function linksOf(path: readonly DeviceCertificate[]): readonly Link[] {
  return path.flatMap((issuer, index) => {
    const certificate = path[index - 1];
    return certificate === undefined ? [] : [[certificate, issuer] as const];
  });
}

/** Behind signatures that lead to an anchor: lists are large, and whoever has no CA must not make us verify them. */
function revocationIn(links: readonly Link[], { isRevoked, isLenient }: Search): Refusal | undefined {
  const revoked = isLenient ? undefined : links.find(([certificate, issuer]) => isRevoked(certificate, issuer));
  if (revoked === undefined) return undefined;
  const [{ x509 }, issuer] = revoked;
  return refused(
    ALERT.CERTIFICATE_REVOKED,
    `the certificate ${oneLine(x509.subject)} (serial ${x509.serialNumber}) is revoked by ${oneLine(issuer.x509.subject)}`,
  );
}

function verifies(certificate: DeviceCertificate, issuer: DeviceCertificate, verified: Map<string, boolean>): boolean {
  const pair = `${certificate.x509.fingerprint256} ${issuer.x509.fingerprint256}`;
  const known = verified.get(pair);
  if (known !== undefined) return known;
  const isSigned = verifySignature(certificate, issuer);
  verified.set(pair, isSigned);
  return isSigned;
}

function verifySignature({ x509 }: DeviceCertificate, { publicKey }: DeviceCertificate): boolean {
  try {
    return x509.verify(publicKey);
  } catch {
    // OpenSSL's errors have no common class: a key that cannot verify did not sign.
    return false;
  }
}

function refused(alert: AlertDescription, reason: string): Refusal {
  return { type: "refused", alert, reason };
}

/** X509Certificate prints a name in lines, and an empty one, as a subject may be (RFC 5280 §4.1.2.6), as undefined. */
export function oneLine(name: string | undefined): string {
  return name?.replaceAll("\n", ", ") ?? "(no name)";
}
