const VERSION = 0;
const ID_PATTERN = /^[A-Za-z0-9_-]{14}$/;

/** Makes a registration id: base64url of 2 bits version · 12 bits shard · 70 random bits, 14 characters. */
export function makeRegistrationId(shard: number, random: (size: number) => Uint8Array): string {
  const bytes = new Uint8Array(11); // 84 of its 88 bits are used.
  bytes.set(random(10), 1);
  bytes[0] = (VERSION << 6) | (shard >> 6);
  bytes[1] = ((shard & 0x3f) << 2) | ((bytes[1] as number) & 0x03);
  return Buffer.from(bytes).toString("base64url").slice(0, 14);
}

/** Shard that a registration id lies in; `undefined` when it is not one of ours. */
export function registrationIdShard(registrationId: string): number | undefined {
  if (!ID_PATTERN.test(registrationId)) return undefined;
  const bytes = Buffer.from(registrationId.slice(0, 4), "base64url");
  const head = bytes.readUInt16BE(0);
  return head >> 14 === VERSION ? (head >> 2) & 0xfff : undefined;
}
