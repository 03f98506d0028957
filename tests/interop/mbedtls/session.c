#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls/error.h"
#include "psa/crypto.h"

/* The first wait for an answer and the longest, ms: 63 s in all. */
enum { MIN_WAIT_MS = 1000, MAX_WAIT_MS = 60000, MAX_CID_BYTES = 16 };

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;

static void must(int result, const char *what) {
  char text[128];
  if (result >= 0) return;
  mbedtls_strerror(result, text, sizeof text);
  fprintf(stderr, "%s: %s\n", what, text);
  exit(1);
}

static void start_library(void) {
  static int started;
  if (started++) return;
  must(-(int)(psa_crypto_init() != PSA_SUCCESS), "psa_crypto_init");
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&drbg);
  must(mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0), "random numbers");
}

void session_init(session *it, const session_options *options, const char *identity, const unsigned char *psk, size_t psk_bytes) {
  start_library();
  memset(it, 0, sizeof *it);
  it->options = options;
  it->suites[0] = options->suite;
  mbedtls_ssl_init(&it->ssl);
  mbedtls_net_init(&it->socket);
  mbedtls_ssl_config_init(&it->config);
  mbedtls_x509_crt_init(&it->own);
  mbedtls_x509_crt_init(&it->ca);
  mbedtls_pk_init(&it->key);
  must(mbedtls_ssl_config_defaults(&it->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT), "config");
  mbedtls_ssl_conf_rng(&it->config, mbedtls_ctr_drbg_random, &drbg);
  mbedtls_ssl_conf_ciphersuites(&it->config, it->suites);
  mbedtls_ssl_conf_handshake_timeout(&it->config, MIN_WAIT_MS, MAX_WAIT_MS);
  mbedtls_ssl_conf_session_tickets(&it->config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
  if (options->cid_bytes >= 0)
    must(mbedtls_ssl_conf_cid(&it->config, (size_t)options->cid_bytes, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE), "Connection ID");
  if (options->certificate == NULL) {
    must(mbedtls_ssl_conf_psk(&it->config, psk, psk_bytes, (const unsigned char *)identity, strlen(identity)), "PSK");
    return;
  }
  must(mbedtls_x509_crt_parse_file(&it->own, options->certificate), options->certificate);
  must(mbedtls_x509_crt_parse_file(&it->ca, options->trusted), options->trusted);
  must(mbedtls_pk_parse_keyfile(&it->key, options->private_key, NULL, mbedtls_ctr_drbg_random, &drbg), options->private_key);
  must(mbedtls_ssl_conf_own_cert(&it->config, &it->own, &it->key), "own certificate");
  mbedtls_ssl_conf_ca_chain(&it->config, &it->ca, NULL);
  mbedtls_ssl_conf_authmode(&it->config, MBEDTLS_SSL_VERIFY_REQUIRED);
}

void session_connect(session *it, const mbedtls_ssl_session *before) {
  unsigned char cid[MAX_CID_BYTES];
  mbedtls_ssl_free(&it->ssl);
  mbedtls_ssl_init(&it->ssl);
  must(mbedtls_ssl_setup(&it->ssl, &it->config), "setup");
  must(mbedtls_ssl_set_hostname(&it->ssl, "localhost"), "server name");
  if (it->options->cid_bytes >= 0) {
    must(mbedtls_ctr_drbg_random(&drbg, cid, (size_t)it->options->cid_bytes), "Connection ID");
    must(mbedtls_ssl_set_cid(&it->ssl, MBEDTLS_SSL_CID_ENABLED, cid, (size_t)it->options->cid_bytes), "Connection ID");
  }
  if (it->options->mtu > 0) mbedtls_ssl_set_mtu(&it->ssl, (uint16_t)it->options->mtu);
  if (before != NULL) must(mbedtls_ssl_set_session(&it->ssl, before), "session");
  mbedtls_ssl_set_timer_cb(&it->ssl, &it->timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
  session_rebind(it);
}

void session_rebind(session *it) {
  mbedtls_net_free(&it->socket);
  must(mbedtls_net_connect(&it->socket, "127.0.0.1", it->options->port, MBEDTLS_NET_PROTO_UDP), "socket");
  must(mbedtls_net_set_nonblock(&it->socket), "socket");
  mbedtls_ssl_set_bio(&it->ssl, &it->socket, mbedtls_net_send, mbedtls_net_recv, NULL);
}

size_t hex_bytes(const char *text, unsigned char *bytes, size_t room) {
  size_t count = 0;
  unsigned value;
  for (; count < room && sscanf(text + 2 * count, "%2x", &value) == 1; count++) bytes[count] = (unsigned char)value;
  return count;
}
