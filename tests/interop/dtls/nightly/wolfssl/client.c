/*
 * A DTLS client on wolfSSL: sends the lines of its standard input and writes what comes back.
 *
 *   client PORT SUITE CID-BYTES MTU RESUMES PSK IDENTITY KEY
 *   client PORT SUITE CID-BYTES MTU RESUMES X509 CERTIFICATE PRIVATE-KEY TRUSTED
 *   client PORT SUITE CID-BYTES MTU RESUMES RPK PUBLIC-KEY PRIVATE-KEY
 *
 * SUITE is wolfSSL's name; CID-BYTES is -1 for no Connection ID; MTU is 0 for the library's own; RESUMES is 1 to end the first association and resume its
 * session; KEY is in hex, PUBLIC-KEY a file in DER, the others are files in PEM. It trusts any raw public key.
 */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CID_BYTES = 16, MAX_LINE = 1024 };

static const char *identity = "";
static unsigned char key[64];
static unsigned key_bytes;

static void must(int succeeded, const char *what) {
  if (succeeded) return;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

static unsigned give_key(WOLFSSL *ssl, const char *hint, char *name, unsigned name_room, unsigned char *out, unsigned room) {
  (void)ssl, (void)hint;
  if (strlen(identity) >= name_room || key_bytes > room) return 0;
  strcpy(name, identity);
  memcpy(out, key, key_bytes);
  return key_bytes;
}

static int trust_any(int preverified, WOLFSSL_X509_STORE_CTX *store) {
  (void)preverified, (void)store;
  return 1;
}

static int open_socket(int port) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(fd >= 0 && connect(fd, (struct sockaddr *)&server, sizeof server) == 0, "socket");
  must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "socket");
  return fd;
}

static WOLFSSL *handshake(WOLFSSL_CTX *context, char **arguments, WOLFSSL_SESSION *before) {
  WOLFSSL *ssl = wolfSSL_new(context);
  int fd = open_socket(atoi(arguments[1])), cid_bytes = atoi(arguments[3]);
  unsigned char cid[MAX_CID_BYTES] = {0xfe, 0x44};
  must(ssl != NULL && wolfSSL_set_fd(ssl, fd) == WOLFSSL_SUCCESS, "wolfSSL_new");
  if (cid_bytes >= 0) {
    must(wolfSSL_dtls_cid_use(ssl) == WOLFSSL_SUCCESS, "Connection ID");
    if (cid_bytes > 0) must(wolfSSL_dtls_cid_set(ssl, cid, (unsigned)cid_bytes) == WOLFSSL_SUCCESS, "Connection ID");
  }
  if (atoi(arguments[4]) > 0) must(wolfSSL_dtls_set_mtu(ssl, (word16)atoi(arguments[4])) == WOLFSSL_SUCCESS, "MTU");
  if (before != NULL) must(wolfSSL_set_session(ssl, before) == WOLFSSL_SUCCESS, "session");
  wolfSSL_dtls_set_using_nonblock(ssl, 1);
  for (int result; (result = wolfSSL_connect(ssl)) != WOLFSSL_SUCCESS;) {
    int error = wolfSSL_get_error(ssl, result);
    struct pollfd poll_socket = {.fd = fd, .events = POLLIN};
    if (error != WOLFSSL_ERROR_WANT_READ && error != WOLFSSL_ERROR_WANT_WRITE) {
      fprintf(stderr, "handshake: %d\n", error);
      exit(1);
    }
    if (poll(&poll_socket, 1, wolfSSL_dtls_get_current_timeout(ssl) * 1000) == 0)
      must(wolfSSL_dtls_got_timeout(ssl) == WOLFSSL_SUCCESS, "handshake: another repetition");
  }
  return ssl;
}

static void carry(WOLFSSL *ssl) {
  char bytes[MAX_LINE];
  for (;;) {
    struct pollfd both[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = wolfSSL_get_fd(ssl), .events = POLLIN}};
    poll(both, 2, -1);
    if (both[0].revents != 0) {
      ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
      if (length <= 0) return;
      /* Repetitions come together; one is enough. */
      char *end = memchr(bytes, '\n', (size_t)length);
      wolfSSL_write(ssl, bytes, end == NULL ? (int)length : (int)(end - bytes));
    }
    if (both[1].revents != 0) {
      int length = wolfSSL_read(ssl, bytes, sizeof bytes);
      if (length > 0) printf("%.*s\n", length, bytes), fflush(stdout);
      else if (wolfSSL_get_error(ssl, length) != WOLFSSL_ERROR_WANT_READ) return;
    }
  }
}

int main(int count, char **arguments) {
  WOLFSSL_CTX *context;
  WOLFSSL *ssl;
  must(count >= 9, "reading the arguments: see the head of client.c; that");
  wolfSSL_Init();
  context = wolfSSL_CTX_new(wolfDTLSv1_2_client_method());
  must(context != NULL && wolfSSL_CTX_set_cipher_list(context, arguments[2]) == WOLFSSL_SUCCESS, arguments[2]);
  if (strcmp(arguments[6], "PSK") == 0) {
    identity = arguments[7];
    for (unsigned value; key_bytes < sizeof key && sscanf(arguments[8] + 2 * key_bytes, "%2x", &value) == 1;) key[key_bytes++] = (unsigned char)value;
    wolfSSL_CTX_set_psk_client_callback(context, give_key);
  } else {
    int is_raw = strcmp(arguments[6], "RPK") == 0;
    must(wolfSSL_CTX_use_certificate_file(context, arguments[7], is_raw ? WOLFSSL_FILETYPE_ASN1 : WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, arguments[7]);
    must(wolfSSL_CTX_use_PrivateKey_file(context, arguments[8], WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, arguments[8]);
    if (is_raw) {
      char type[] = {WOLFSSL_CERT_TYPE_RPK};
      must(wolfSSL_CTX_set_client_cert_type(context, type, 1) == WOLFSSL_SUCCESS, "raw public key");
      must(wolfSSL_CTX_set_server_cert_type(context, type, 1) == WOLFSSL_SUCCESS, "raw public key");
      wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, trust_any);
    } else {
      must(count >= 10 && wolfSSL_CTX_load_verify_locations(context, arguments[9], NULL) == WOLFSSL_SUCCESS, "trusted");
      wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, NULL);
    }
  }
  ssl = handshake(context, arguments, NULL);
  if (atoi(arguments[5]) == 1) {
    WOLFSSL_SESSION *before = wolfSSL_get1_session(ssl);
    must(before != NULL, "session");
    wolfSSL_shutdown(ssl);
    wolfSSL_free(ssl);
    ssl = handshake(context, arguments, before);
  }
  carry(ssl);
  wolfSSL_shutdown(ssl);
  return 0;
}
