import { hash } from "node:crypto";
import { putNewest } from "@ferry/runtime";
import { type DeviceCertificate, parseCertificate } from "./certificate.ts";

/** CAs that are kept parsed; the one that was asked for longest ago is forgotten first. */
const MAX_AUTHORITIES = 256;

/** The CAs that declarations name, parsed once: a fleet has few, each handshake needs one, and parsing it takes longer than all other work for a handshake. */
export class ParsedAuthorities {
  readonly #byDigest = new Map<string, DeviceCertificate>();

  /** `der`: a certificate; undefined when it is none. */
  get(der: Uint8Array): DeviceCertificate | undefined {
    const digest = hash("sha256", der, "base64");
    const parsed = this.#byDigest.get(digest) ?? parseCertificate(der);
    if (parsed === undefined) return undefined;
    putNewest(this.#byDigest, digest, parsed, MAX_AUTHORITIES);
    return parsed;
  }
}
