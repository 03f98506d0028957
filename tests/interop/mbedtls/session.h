/* One DTLS association of a client on Mbed TLS, with a socket of its own. */
#ifndef SESSION_H
#define SESSION_H

#include "mbedtls/ctr_drbg.h"
#include "mbedtls/entropy.h"
#include "mbedtls/net_sockets.h"
#include "mbedtls/ssl.h"
#include "mbedtls/timing.h"

/* What all associations of a program have in common. */
typedef struct {
  const char *port; /* of the server, on 127.0.0.1 */
  int suite;        /* IANA number */
  /* Length of the Connection ID in records to us; negative: none is offered. At most 16. */
  int cid_bytes;
  int mtu; /* 0: the library's own */
  /* Files in PEM; null with a PSK. */
  const char *certificate, *private_key, *trusted;
} session_options;

typedef struct {
  const session_options *options;
  mbedtls_ssl_config config;
  mbedtls_ssl_context ssl;
  mbedtls_net_context socket;
  mbedtls_timing_delay_context timer;
  mbedtls_x509_crt own, ca;
  mbedtls_pk_context key;
  int suites[2];
} session;

/* Prepares a session; the identity and the key are of a PSK, which is unused where the options have a certificate. Ends the program when that fails. */
void session_init(session *it, const session_options *options, const char *identity, const unsigned char *psk, size_t psk_bytes);
/* Begins anew, with a socket of its own and without handshake yet; resumes `before` unless that is null. */
void session_connect(session *it, const mbedtls_ssl_session *before);
/* Goes on with another socket, as after a NAT's rebinding. */
void session_rebind(session *it);
/* Bytes of hex text; writes at most `room`. */
size_t hex_bytes(const char *text, unsigned char *bytes, size_t room);

#endif
