import type { TargetAccount } from "@ferry/lwm2m";
import type { lwm2m } from "@ferry/proto";
import type { BootstrapTarget } from "./plan.ts";

/** The servers of a target as events tell of them: without keys. The bootstrap server has the short server id 0. */
export function serversOf({ servers, bootstrapServer }: BootstrapTarget): lwm2m.v1.BootstrapServer.$Properties[] {
  const told = servers.map((account) => toldServer(account, account.shortServerId));
  return bootstrapServer === undefined ? told : [...told, toldServer(bootstrapServer, 0)];
}

const MODES = { noSec: "NO_SEC", psk: "PSK", rawPublicKey: "RPK", x509: "X509" } as const;

function toldServer({ uri, keys }: TargetAccount, shortServerId: number): lwm2m.v1.BootstrapServer.$Properties {
  return { shortServerId, uri, securityMode: MODES[keys.type] };
}
