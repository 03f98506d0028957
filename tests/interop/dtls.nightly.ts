import { openssl4, pion, wolfssl } from "./dtls/clients/nightly.ts";
import { describeClients } from "./dtls/describe-clients.ts";
import { NIGHTLY_CLIENTS } from "./dtls/matrix.ts";

describeClients([
  { facts: NIGHTLY_CLIENTS.pion, connect: pion, application: "plain" },
  { facts: NIGHTLY_CLIENTS.openssl4, connect: openssl4, application: "plain" },
  { facts: NIGHTLY_CLIENTS.wolfssl, connect: wolfssl, application: "plain" },
]);
