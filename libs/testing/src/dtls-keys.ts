import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";

/** Keys and certificates of P-256 that tests use, and nobody else may: valid from November 2026 for a hundred years. */
export const DTLS_KEYS: {
  readonly psk: KeyObject;
  /** Private keys. */
  readonly server: KeyObject;
  readonly device: KeyObject;
  /** Their SubjectPublicKeyInfo, DER. */
  readonly serverPublicKey: Uint8Array;
  readonly devicePublicKey: Uint8Array;
  /** Certificates, DER: the server's names lwm2m.example.org, the device's device-1; `root` issued both, `otherRoot` nothing. */
  readonly serverCertificate: Uint8Array;
  readonly deviceCertificate: Uint8Array;
  readonly root: Uint8Array;
  readonly otherRoot: Uint8Array;
} = {
  psk: createSecretKey(Buffer.from("00112233445566778899aabbccddeeff", "hex")),
  ...keyPairs({
    server:
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoc9Ofs4qlUm6qj8oIndakAIs0+pKyMYfmYWYG1KpMPmhRANCAATncLco6eXiHSuVz5aTLQaG78RVMByy1HzLjx8NN1L4xd/+16FvSb3KaGgAzkBeUtFE8ERxLk1Daof5l8zkBMvh",
    device:
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXVSaJTEqwpU0pcGQkw5u0IvxofRs+OymzHj+6NHEczGhRANCAASoN+oWQ6Cr+zPM/AcPHLUsPNCRJDnetESSpJp+BHiHNUaHw8WVpvpgZMm9WMLVLf5JdTUa0omKtbvCUoQqmmf8",
  }),
  serverCertificate: der(
    "MIIBpzCCAU2gAwIBAgIUct5OnVojlHB/V7SeJ/v2ZVCuVN0wCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMVGVzdCBDQSByb290MCAXDTI2MTEyMzE2NTAxN1oYDzIxMjYxMDMwMTY1MDE3WjAcMRowGAYDVQQDDBFsd20ybS5leGFtcGxlLm9yZzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOdwtyjp5eIdK5XPlpMtBobvxFUwHLLUfMuPHw03UvjF3/7XoW9JvcpoaADOQF5S0UTwRHEuTUNqh/mXzOQEy+GjcDBuMBwGA1UdEQQVMBOCEWx3bTJtLmV4YW1wbGUub3JnMA4GA1UdDwEB/wQEAwIHgDAdBgNVHQ4EFgQUmUlgrUOYolr2R17WrWKxRPMtGUkwHwYDVR0jBBgwFoAUqxzsHLxRVLDSBVn2QIn2/N1zVV0wCgYIKoZIzj0EAwIDSAAwRQIgTowgPH75KMQarh69L9YNGkHnnIeVFY7X+rWEPa5LgJYCIQD2biH3H+5SoBs7xFfzrmByUAULYN9G5nAk7ewSoi+Cgg==",
  ),
  deviceCertificate: der(
    "MIIBgDCCASagAwIBAgIUct5OnVojlHB/V7SeJ/v2ZVCuVN4wCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMVGVzdCBDQSByb290MCAXDTI2MTEyMzE2NTAxN1oYDzIxMjYxMDMwMTY1MDE3WjATMREwDwYDVQQDDAhkZXZpY2UtMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKg36hZDoKv7M8z8Bw8ctSw80JEkOd60RJKkmn4EeIc1RofDxZWm+mBkyb1YwtUt/kl1NRrSiYq1u8JShCqaZ/yjUjBQMA4GA1UdDwEB/wQEAwIHgDAdBgNVHQ4EFgQUplVU9ydV+T9GvvIb92Qkh4D3g1wwHwYDVR0jBBgwFoAUqxzsHLxRVLDSBVn2QIn2/N1zVV0wCgYIKoZIzj0EAwIDSAAwRQIgUo5l8IpmFmQjSpkk86FUXv3ZQ6pOg9l3lB9oIKoAt18CIQDDXQaSCO51VyYB5HLHNiB1LoDTkrCUcy7CPI4u95oFdA==",
  ),
  root: der(
    "MIIBdDCCARqgAwIBAgIUHqi5a/ETN8iIdwWlsHwmWkLMsiowCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMVGVzdCBDQSByb290MCAXDTI2MTEyMzE2NTAxN1oYDzIxMjYxMDMwMTY1MDE3WjAXMRUwEwYDVQQDDAxUZXN0IENBIHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQlK3NS8+XNQqSiJHPX70h/NqM9ZUT5zYQXYb6gUAMOloEJMR0ru35kmcyREUSSPeWFfIZVsLMJDOLoRsmAdvv1o0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICBDAdBgNVHQ4EFgQUqxzsHLxRVLDSBVn2QIn2/N1zVV0wCgYIKoZIzj0EAwIDSAAwRQIhANBKlV7suniD2cb9wc4I+GNW56ZNc2vWQUy8TLVpOVNkAiAsjZBIzPfbhEFTMyQdo7s3Ti6ooIjkYav98XCz0Dak4w==",
  ),
  otherRoot: der(
    "MIIBdjCCARygAwIBAgIUQyn/9B4jRj23OdhaqQH/BsYCyQMwCgYIKoZIzj0EAwIwGDEWMBQGA1UEAwwNVGVzdCBDQSBvdGhlcjAgFw0yNjExMjMxNjUwMTdaGA8yMTI2MTAzMDE2NTAxN1owGDEWMBQGA1UEAwwNVGVzdCBDQSBvdGhlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABN8oM9bMUm4RetDUhzOjBs0vKey+KzaHCI16w/cs0AgBa4AN/8WxchAWEmuMXPiWi9b3Z5PysvrzSwKIXYoUM6ejQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgIEMB0GA1UdDgQWBBSb9v8irgS0FbB8gZ78gwGFJNGnPDAKBggqhkjOPQQDAgNIADBFAiARmIt3NVZbMlKw7yE/0yfFK2UOwUcf8IGxF7uWdEbpMAIhAL65Or233twaQ96Y66IjV8toXRsn5F6/HeOAPcayKP3i",
  ),
};

function keyPairs(base64: { readonly server: string; readonly device: string }): {
  server: KeyObject;
  device: KeyObject;
  serverPublicKey: Uint8Array;
  devicePublicKey: Uint8Array;
} {
  const [server, device] = [base64.server, base64.device].map((key) =>
    createPrivateKey({ key: der(key), format: "der", type: "pkcs8" }),
  ) as [KeyObject, KeyObject]; // One for each of two.
  return { server, device, serverPublicKey: spki(server), devicePublicKey: spki(device) };
}

function spki(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: "spki", format: "der" });
}

function der(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}
