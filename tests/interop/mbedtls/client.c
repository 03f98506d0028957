/*
 * A DTLS client on Mbed TLS: sends the lines of its standard input and writes what comes back.
 *
 *   client PORT SUITE CID-BYTES MTU RESUMES IDENTITY KEY
 *   client PORT SUITE CID-BYTES MTU RESUMES CERTIFICATE PRIVATE-KEY TRUSTED
 *
 * SUITE is a number; CID-BYTES is -1 for no Connection ID; MTU is 0 for the library's own; RESUMES is 1 to end the first association and resume its
 * session; KEY is in hex, the others are files in PEM.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

/* How often timers are looked at, ms. */
enum { TICK_MS = 50, MAX_LINE = 1024 };

static void handshake(session *it) {
  int result;
  while ((result = mbedtls_ssl_handshake(&it->ssl)) != 0) {
    struct pollfd poll_socket = {.fd = it->socket.fd, .events = POLLIN};
    if (result != MBEDTLS_ERR_SSL_WANT_READ && result != MBEDTLS_ERR_SSL_WANT_WRITE) {
      fprintf(stderr, "handshake: -0x%04x\n", (unsigned)-result);
      exit(1);
    }
    poll(&poll_socket, 1, TICK_MS);
  }
}

/* Both sides' ends come through one loop; it ends with the input. */
static void carry(session *it) {
  unsigned char bytes[MAX_LINE];
  for (;;) {
    struct pollfd both[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = it->socket.fd, .events = POLLIN}};
    poll(both, 2, -1);
    if (both[0].revents != 0) {
      ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
      if (length <= 0) return;
      /* Repetitions come together; one is enough. */
      unsigned char *end = memchr(bytes, '\n', (size_t)length);
      mbedtls_ssl_write(&it->ssl, bytes, end == NULL ? (size_t)length : (size_t)(end - bytes));
    }
    if (both[1].revents != 0) {
      int length = mbedtls_ssl_read(&it->ssl, bytes, sizeof bytes);
      if (length > 0) printf("%.*s\n", length, bytes), fflush(stdout);
      else if (length != MBEDTLS_ERR_SSL_WANT_READ) return;
    }
  }
}

int main(int count, char **arguments) {
  session_options options = {0};
  unsigned char psk[64];
  session it;
  if (count < 8) return fprintf(stderr, "see the head of client.c for its arguments\n"), 1;
  options.port = arguments[1];
  options.suite = (int)strtol(arguments[2], NULL, 0);
  options.cid_bytes = atoi(arguments[3]);
  options.mtu = atoi(arguments[4]);
  if (count > 8) options.certificate = arguments[6], options.private_key = arguments[7], options.trusted = arguments[8];
  session_init(&it, &options, arguments[6], psk, hex_bytes(arguments[7], psk, sizeof psk));
  session_connect(&it, NULL);
  handshake(&it);
  if (atoi(arguments[5]) == 1) {
    mbedtls_ssl_session before;
    mbedtls_ssl_session_init(&before);
    if (mbedtls_ssl_get_session(&it.ssl, &before) != 0) return fprintf(stderr, "no session\n"), 1;
    mbedtls_ssl_close_notify(&it.ssl);
    session_connect(&it, &before);
    handshake(&it);
  }
  carry(&it);
  mbedtls_ssl_close_notify(&it.ssl);
  return 0;
}
