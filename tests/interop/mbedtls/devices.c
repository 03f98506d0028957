/*
 * LwM2M devices on Mbed TLS, by PSK and with Connection IDs, each with a socket of its own, in one loop:
 *
 *   devices PORT COUNT NAME KEY CID-BYTES INTERVAL-MS
 *
 * They are called NAME0, NAME1 …, which is also their PSK identity; KEY is in hex. Each registers and, once /3303/0/5700 is observed, notifies 1, 2, 3 … at
 * the interval by CON, one at a time (RFC 7252 §4.7). One whose notification is not acknowledged in the end makes a new association and registers anew.
 * Events go to standard output as lines of JSON; the program ends with its input.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

enum { TICK_MS = 20, MAX_MESSAGE = 1024, MAX_TOKEN = 8, PSK_CCM_8 = 0xc0a8, LIFETIME_S = 300, AGAIN_MS = 500 };
/* RFC 7252 §4.8. */
enum { ACK_TIMEOUT_MS = 2000, MAX_RETRANSMIT = 4 };
enum { CON = 0, NON = 1, ACK = 2, RST = 3 };
enum { GET = 0x01, POST = 0x02, CREATED = 0x41, CONTENT = 0x45, NOT_ALLOWED = 0x85 };
enum { OBSERVE = 6, URI_PATH = 11, CONTENT_FORMAT = 12, URI_QUERY = 15, TEXT_PLAIN = 0, LINK_FORMAT = 40 };

typedef struct {
  unsigned char bytes[MAX_MESSAGE];
  size_t length;
  int option; /* number of the last one */
} message;

typedef struct {
  session session;
  char endpoint[64];
  int is_connected, is_registered, is_observed;
  unsigned message_id;
  unsigned char token[MAX_TOKEN];
  size_t token_length;
  unsigned number; /* that was notified last */
  long next_ms;    /* when it notifies, or registers again */
  /* What waits for its acknowledgement; empty when nothing does. */
  message waiting;
  int transmissions;
  long retransmit_ms;
} device;

static long interval_ms;

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(const device *it, const char *event, unsigned value) {
  printf("{\"event\":\"%s\",\"endpoint\":\"%s\",\"value\":%u}\n", event, it->endpoint, value);
}

static void begin(message *it, int type, int code, unsigned id, const unsigned char *token, size_t token_length) {
  unsigned char head[4] = {(unsigned char)(0x40 | type << 4 | (int)token_length), (unsigned char)code, (unsigned char)(id >> 8), (unsigned char)id};
  memcpy(it->bytes, head, 4);
  memcpy(it->bytes + 4, token, token_length);
  it->length = 4 + token_length;
  it->option = 0;
}

/* RFC 7252 §3.1; no option here has a delta or a length beyond 268. */
static void add_option(message *it, int number, const void *value, size_t length) {
  int delta = number - it->option;
  it->bytes[it->length++] = (unsigned char)((delta < 13 ? delta : 13) << 4 | (length < 13 ? (int)length : 13));
  if (delta >= 13) it->bytes[it->length++] = (unsigned char)(delta - 13);
  if (length >= 13) it->bytes[it->length++] = (unsigned char)(length - 13);
  memcpy(it->bytes + it->length, value, length);
  it->length += length;
  it->option = number;
}

static void add_number(message *it, int option, unsigned value) {
  unsigned char bytes[3] = {(unsigned char)(value >> 16), (unsigned char)(value >> 8), (unsigned char)value};
  size_t skipped = value > 0xffff ? 0 : value > 0xff ? 1 : value > 0 ? 2 : 3;
  add_option(it, option, bytes + skipped, 3 - skipped);
}

static void add_payload(message *it, const char *text) {
  it->bytes[it->length++] = 0xff;
  memcpy(it->bytes + it->length, text, strlen(text));
  it->length += strlen(text);
}

static void send_message(device *it, const message *what) { mbedtls_ssl_write(&it->session.ssl, what->bytes, what->length); }

static void send_confirmable(device *it) {
  it->transmissions = 1;
  it->retransmit_ms = now_ms() + ACK_TIMEOUT_MS + rand() % (ACK_TIMEOUT_MS / 2);
  send_message(it, &it->waiting);
}

static void register_device(device *it) {
  char query[80];
  begin(&it->waiting, CON, POST, ++it->message_id & 0xffff, (const unsigned char *)"r", 1);
  add_option(&it->waiting, URI_PATH, "rd", 2);
  add_number(&it->waiting, CONTENT_FORMAT, LINK_FORMAT);
  add_option(&it->waiting, URI_QUERY, query, (size_t)snprintf(query, sizeof query, "ep=%s", it->endpoint));
  add_option(&it->waiting, URI_QUERY, query, (size_t)snprintf(query, sizeof query, "lt=%d", LIFETIME_S));
  add_option(&it->waiting, URI_QUERY, "lwm2m=1.1", 9);
  add_payload(&it->waiting, "</>;rt=\"oma.lwm2m\";ct=0,</1/0>,</3/0>,</3303/0>");
  send_confirmable(it);
}

static void notify(device *it) {
  char text[16];
  it->number++;
  begin(&it->waiting, CON, CONTENT, ++it->message_id & 0xffff, it->token, it->token_length);
  add_number(&it->waiting, OBSERVE, it->number & 0xffffff);
  add_number(&it->waiting, CONTENT_FORMAT, TEXT_PLAIN);
  snprintf(text, sizeof text, "%u", it->number);
  add_payload(&it->waiting, text);
  tell(it, "notified", it->number);
  send_confirmable(it);
}

static void connect_anew(device *it) {
  it->is_connected = it->is_registered = it->is_observed = 0;
  it->waiting.length = 0;
  session_connect(&it->session, NULL);
}

static void proceed(device *it) {
  int result;
  if (it->is_connected) return;
  result = mbedtls_ssl_handshake(&it->session.ssl);
  if (result == 0) {
    it->is_connected = 1;
    tell(it, "handshake", 0);
    register_device(it);
  } else if (result != MBEDTLS_ERR_SSL_WANT_READ && result != MBEDTLS_ERR_SSL_WANT_WRITE) {
    tell(it, "handshakeFailed", (unsigned)-result);
    connect_anew(it);
  }
}

/* A request of the server: an observation of the number, or a read of anything. */
static void answer(device *it, const unsigned char *bytes, const char *path, int observe) {
  size_t token_length = bytes[0] & 15;
  int type = bytes[0] >> 4 & 3;
  char text[32];
  message reply;
  int is_number = strcmp(path, "/3303/0/5700") == 0;
  int code = bytes[1] == GET ? CONTENT : NOT_ALLOWED;
  begin(&reply, type == CON ? ACK : NON, code, (unsigned)(bytes[2] << 8 | bytes[3]), bytes + 4, token_length);
  if (code == CONTENT) {
    if (is_number && observe == 0) {
      it->is_observed = 1;
      it->token_length = token_length;
      memcpy(it->token, bytes + 4, token_length);
      it->next_ms = now_ms() + rand() % interval_ms;
      tell(it, "observed", 0);
      add_number(&reply, OBSERVE, it->number & 0xffffff);
    }
    add_number(&reply, CONTENT_FORMAT, TEXT_PLAIN);
    snprintf(text, sizeof text, "%u", is_number ? it->number : 75);
    add_payload(&reply, text);
  }
  send_message(it, &reply);
}

static void take_reply(device *it, const unsigned char *bytes) {
  int type = bytes[0] >> 4 & 3, code = bytes[1];
  int is_waiting = it->waiting.length > 0 && memcmp(bytes + 2, it->waiting.bytes + 2, 2) == 0;
  if (type == RST) {
    it->is_observed = 0;
    tell(it, "reset", it->number);
  }
  if (!is_waiting) return;
  it->waiting.length = 0;
  if (it->is_registered) {
    if (type == ACK) tell(it, "acknowledged", it->number);
  } else if (code == CREATED) {
    it->is_registered = 1;
    tell(it, "registered", 0);
  } else {
    it->next_ms = now_ms() + AGAIN_MS;
    tell(it, "refused", (unsigned)code);
  }
}

static void take(device *it, const unsigned char *bytes, size_t length) {
  char path[128] = "";
  int observe = -1, number = 0;
  size_t at = 4 + (bytes[0] & 15);
  if (length < 4 || (bytes[0] & 15) > MAX_TOKEN) return;
  if (bytes[1] == 0 || bytes[1] >= CREATED) {
    take_reply(it, bytes);
    return;
  }
  while (at < length && bytes[at] != 0xff) {
    size_t delta = bytes[at] >> 4, size = bytes[at] & 15;
    at++;
    if (delta == 13 && at < length) delta = 13u + bytes[at++];
    if (size == 13 && at < length) size = 13u + bytes[at++];
    if (at + size > length) return;
    number += (int)delta;
    if (number == OBSERVE) observe = size == 0 ? 0 : bytes[at + size - 1];
    if (number == URI_PATH && strlen(path) + size + 2 < sizeof path) strcat(path, "/"), strncat(path, (const char *)bytes + at, size);
    at += size;
  }
  answer(it, bytes, path, observe);
}

static void receive(device *it) {
  unsigned char bytes[MAX_MESSAGE];
  while (it->is_connected) {
    int length = mbedtls_ssl_read(&it->session.ssl, bytes, sizeof bytes);
    if (length == MBEDTLS_ERR_SSL_WANT_READ || length == MBEDTLS_ERR_SSL_WANT_WRITE) return;
    if (length <= 0) {
      tell(it, "associationEnded", (unsigned)-length);
      connect_anew(it);
      return;
    }
    take(it, bytes, (size_t)length);
  }
}

static void do_what_is_due(device *it) {
  long now = now_ms();
  proceed(it);
  if (!it->is_connected) return;
  if (it->waiting.length > 0) {
    if (now < it->retransmit_ms) return;
    if (it->transmissions > MAX_RETRANSMIT) {
      tell(it, it->is_registered ? "undelivered" : "unanswered", it->number);
      connect_anew(it);
      return;
    }
    it->retransmit_ms = now + ((long)ACK_TIMEOUT_MS << it->transmissions++);
    send_message(it, &it->waiting);
  } else if (now >= it->next_ms && !it->is_registered) {
    register_device(it);
  } else if (now >= it->next_ms && it->is_observed) {
    it->next_ms += interval_ms;
    if (it->next_ms < now) it->next_ms = now + interval_ms;
    notify(it);
  }
}

int main(int count, char **arguments) {
  unsigned char psk[64];
  session_options options = {0};
  if (count < 7) return fprintf(stderr, "see the head of devices.c for its arguments\n"), 1;
  int device_count = atoi(arguments[2]);
  device *devices = calloc((size_t)device_count, sizeof *devices);
  struct pollfd *sockets = calloc((size_t)device_count + 1, sizeof *sockets);
  size_t psk_bytes = hex_bytes(arguments[4], psk, sizeof psk);
  options.port = arguments[1];
  options.suite = PSK_CCM_8;
  options.cid_bytes = atoi(arguments[5]);
  interval_ms = atol(arguments[6]);
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 0; i < device_count; i++) {
    device *it = &devices[i];
    snprintf(it->endpoint, sizeof it->endpoint, "%s%d", arguments[3], i);
    it->message_id = (unsigned)rand();
    session_init(&it->session, &options, it->endpoint, psk, psk_bytes);
    connect_anew(it);
  }
  for (;;) {
    sockets[device_count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    for (int i = 0; i < device_count; i++) sockets[i] = (struct pollfd){.fd = devices[i].session.socket.fd, .events = POLLIN};
    poll(sockets, (nfds_t)device_count + 1, TICK_MS);
    if (sockets[device_count].revents != 0) return 0;
    for (int i = 0; i < device_count; i++) {
      if (sockets[i].revents != 0) proceed(&devices[i]), receive(&devices[i]);
      do_what_is_due(&devices[i]);
    }
  }
}
