import { aiocoap } from "./dtls/clients/aiocoap.ts";
import { gnutls } from "./dtls/clients/gnutls.ts";
import { JavaClients } from "./dtls/clients/java.ts";
import { libcoap } from "./dtls/clients/libcoap.ts";
import { mbedtls } from "./dtls/clients/mbedtls.ts";
import { nodeDtlsClient } from "./dtls/clients/node-dtls-client.ts";
import { openssl } from "./dtls/clients/openssl.ts";
import { describeClients } from "./dtls/describe-clients.ts";
import { CLIENTS } from "./dtls/matrix.ts";

const java = new JavaClients();

describeClients(
  [
    { facts: CLIENTS.openssl, connect: openssl(), application: "plain" },
    { facts: CLIENTS.gnutls, connect: gnutls, application: "plain" },
    { facts: CLIENTS.libcoapGnutls, connect: libcoap("coap-client-gnutls"), application: "coap" },
    { facts: CLIENTS.libcoapOpenssl, connect: libcoap("coap-client-openssl"), application: "coap" },
    { facts: CLIENTS.scandium, connect: java.of("scandium"), application: "plain" },
    { facts: CLIENTS.bouncyCastle, connect: java.of("bouncy-castle"), application: "plain" },
    { facts: CLIENTS.mbedtls, connect: mbedtls, application: "plain" },
    { facts: CLIENTS.nodeDtlsClient, connect: nodeDtlsClient, application: "plain" },
    { facts: CLIENTS.aiocoap, connect: aiocoap, application: "coap" },
  ],
  () => java.stop(),
);
