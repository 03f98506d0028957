import { sha256Characters } from "./digest.ts";

/** How many shards the keys of devices fall into; part of every identifier's format, so it cannot change under live traffic. */
export const SHARDS = 4096;

/** Shard of a device: the first 12 bits of SHA-256 over `tenant/endpoint`. 0 to 4095. */
export function shardOf(tenant: string, endpoint: string): number {
  const digest = sha256Characters(`${tenant}/${endpoint}`);
  return (digest.charCodeAt(0) << 4) | (digest.charCodeAt(1) >> 4);
}
