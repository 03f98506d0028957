/** A handshake message body to mutate; a finding of the fuzzer is added with what was wrong. */
export interface Body {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const body = (name: string, hex: string): Body => ({ name, bytes: Buffer.from(hex.replaceAll(" ", ""), "hex") });

const RANDOM = "5f5c7853c8d6075cb77c470a090dd2a254957339b52d677e6c8315fb8a603286";
const POINT = `04 ${"07".repeat(64)}`;

export const CORPUS: readonly Body[] = [
  body(
    "ClientHello of OpenSSL 3.0, X.509",
    `fefd ${RANDOM} 00 00 0004 c0ae00ff 01 00 0073 0000 0012 0010 00 000d 66657272792e6578616d706c65 0001 0001 02
     000b 0004 03 000102 000a 000c 000a 001d0017001e00190018 0023 0000 0016 0000 0017 0000
     000d 0030 002e 040305030603080708080809080a080b080408050806040105010601030302030301020103020202040205020602`.replaceAll(
      "\n",
      "",
    ),
  ),
  body(
    "ClientHello of GnuTLS 3.7, raw public keys",
    `fefd ${RANDOM} 00 00 0002 c0ae 01 00 006a 0005 0005 0100000000 0013 0003 02 0002 0014 0003 02 0002
     000a 000c 000a 001700180019001d001e 000b 0002 01 00
     000d 0022 0020 040108090804040308070501080a0805050308080601080b0806060302010203
     0016 0000 0017 0000 0023 0000 ff01 0001 00 001c 0002 4000`.replaceAll("\n", ""),
  ),
  body(
    "ClientHello with session, cookie, Connection ID and DTLS 1.3",
    `fefd ${RANDOM} 20 ${RANDOM} 10 000102030405060708090a0b0c0d0e0f 0002 c0a8 01 00 001a 0036 0005 04 aabbccdd 002b 0005 04 fefcfefd 0017 0000 0016 0000`,
  ),
  body("HelloVerifyRequest", "feff 10 000102030405060708090a0b0c0d0e0f"),
  body("ServerHello", `fefd ${RANDOM} 20 ${RANDOM} c0a8 00 0012 ff01 0001 00 0017 0000 0036 0005 04 aabbccdd`),
  body("Certificate of two", `000048 000020 ${RANDOM} 000022 3020 ${RANDOM}`),
  body("Certificate without any", "000000"),
  body("raw public key", `00005b 3059301306072a8648ce3d020106082a8648ce3d030107034200 ${POINT}`),
  body("ServerKeyExchange, ECDHE", `03 0017 41 ${POINT} 0403 0008 3006020101020101`),
  body("ServerKeyExchange, PSK", "0004 68696e74"),
  body("CertificateRequest", "01 40 0002 0403 0006 0004 30020500"),
  body("ServerHelloDone", ""),
  body("ClientKeyExchange, PSK", "0008 6465766963652d31"),
  body("ClientKeyExchange, ECDHE", `41 ${POINT}`),
  body("CertificateVerify", "0403 0008 3006020101020101"),
  body("Finished", "000102030405060708090a0b"),
];
