/** How the bytes of a record are protected. */
export interface Cipher<Algorithm extends string> {
  /** As node:crypto calls it. */
  readonly algorithm: Algorithm;
  readonly keyBytes: number;
  /** Implicit part of the nonce (RFC 5288 §3, RFC 6655 §3). */
  readonly saltBytes: number;
  /** Of the HMAC that goes with CBC. */
  readonly macKeyBytes: number;
  /** Authentication tag of an AEAD cipher. */
  readonly tagBytes: number;
}

/** The ciphers that there are, by the name that suites call them. */
export const CIPHERS: {
  readonly ccm8: Cipher<"aes-128-ccm">;
  readonly gcm: Cipher<"aes-128-gcm">;
  readonly cbc: Cipher<"aes-128-cbc">;
} = {
  /** RFC 6655 §3: a tag of 8 bytes. */
  ccm8: { algorithm: "aes-128-ccm", keyBytes: 16, saltBytes: 4, macKeyBytes: 0, tagBytes: 8 },
  /** RFC 5288 §3. */
  gcm: { algorithm: "aes-128-gcm", keyBytes: 16, saltBytes: 4, macKeyBytes: 0, tagBytes: 16 },
  /** RFC 5246 §6.2.3.2 with HMAC-SHA256. */
  cbc: { algorithm: "aes-128-cbc", keyBytes: 16, saltBytes: 0, macKeyBytes: 32, tagBytes: 0 },
};

/** A cipher suite of DTLS 1.2; all use SHA-256 for the PRF. */
export interface CipherSuite {
  /** IANA number. */
  readonly id: number;
  /** IANA name. */
  readonly name: string;
  readonly keyExchange: "psk" | "ecdheEcdsa";
  readonly cipher: keyof typeof CIPHERS;
}

const SUITES: readonly CipherSuite[] = [
  // RFC 6655 §4
  { id: 0xc0a8, name: "TLS_PSK_WITH_AES_128_CCM_8", keyExchange: "psk", cipher: "ccm8" },
  // RFC 5487 §2
  { id: 0x00a8, name: "TLS_PSK_WITH_AES_128_GCM_SHA256", keyExchange: "psk", cipher: "gcm" },
  // RFC 5487 §3
  { id: 0x00ae, name: "TLS_PSK_WITH_AES_128_CBC_SHA256", keyExchange: "psk", cipher: "cbc" },
  // RFC 7251 §2
  { id: 0xc0ae, name: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", keyExchange: "ecdheEcdsa", cipher: "ccm8" },
  // RFC 5289 §3.2
  { id: 0xc02b, name: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", keyExchange: "ecdheEcdsa", cipher: "gcm" },
];

/** All suites that this library speaks, by IANA number. There is no way to add one by configuration. */
export const CIPHER_SUITES: ReadonlyMap<number, CipherSuite> = new Map(SUITES.map((suite) => [suite.id, suite]));

/** The suite of an IANA number; undefined for one that is not spoken here. */
export function cipherSuite(id: number): CipherSuite | undefined {
  return CIPHER_SUITES.get(id);
}
