/*
 * The load generator: one thread, epoll, one JSON line at the beginning of the measured time and one
 * at its end; it goes when standard input ends. In one file of more than 500 lines, so that it compiles with one command.
 *
 * load MODE key=value...
 *
 *   keepalive  conns connections, each sends its next request when the reply is there
 *   newconn    conns at a time: connect, one request, read to the end, close
 *   rate       rate requests a second over conns connections, each due at a fixed time; a reply's
 *              latency counts from when its request was due, not from when it could be sent
 *   bulk       conns downloads; all bytes are counted, and one read of 32 is compared with the pattern
 *   udp        clients sockets, window datagrams under way in all, each client in its turn
 *   idle       conns connections, one request on each, held until standard input ends
 *
 *   port=N or N-M (well mixed)   address=127.0.0.1   spread=N: N addresses from there on, well mixed
 *   seconds=2   warm=0.3   conns=N   rate=N   clients=N window=N bytes=N (udp)
 *   sources=N: clients are 127.0.1.1 … 127.0.1.N in turn
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "pattern.h"

enum { HEAD_BYTES = 1024, EVENTS = 512, CONNECTING_MAX = 256, READ_BYTES = 256 << 10, ERRORS_MAX = 1000 };

#define SECOND 1000000000ull
#define STALLED_NANOS (2 * SECOND)  /* a request that had no reply for so long at the end is an error */
#define UDP_LOST_NANOS (SECOND / 4) /* a datagram that had no reply for so long is lost */

static const char *mode;
static int port_low, port_high, conns = 1, sources, clients = 64, window = 64, datagram_bytes = 100;
static double seconds = 2, warm = 0.3, rate;
static struct in_addr server;
static uint32_t spread = 1;

static int epoll_fd;
static uint64_t begin, end; /* the measured time; 0 until it is known */
static unsigned long long units;
static unsigned long long connect_errors, reset_errors, reply_errors, stalled_errors, lost;
static char buffer[READ_BYTES];

static void fail(const char *what) {
  fprintf(stderr, "load: %s\n", what);
  exit(1);
}

static void fail_errno(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void error(unsigned long long *kind) {
  ++*kind;
  if (connect_errors + reset_errors + reply_errors > ERRORS_MAX) {
    fprintf(stderr, "load: gave up: %llu failed connects, %llu resets, %llu wrong replies; last: %s\n",
            connect_errors, reset_errors, reply_errors, strerror(errno));
    exit(1);
  }
}

/* The measured time. */

static void say_ready(void) {
  printf("{\"event\":\"ready\"}\n");
  fflush(stdout);
}

static void schedule(void) {
  begin = now() + (uint64_t)(warm * 1e9);
  end = begin + (uint64_t)(seconds * 1e9);
}

/* Whether time is in the measured part; says when that begins. */
static int measured(uint64_t time) {
  static int said;
  if (time < begin) return 0;
  if (!said) {
    said = 1;
    printf("{\"event\":\"begin\"}\n");
    fflush(stdout);
  }
  return time < end;
}

static void report(void) {
  double took = (double)(end - begin) / 1e9;
  printf("{\"event\":\"end\",\"mode\":\"%s\",\"units\":%llu,\"seconds\":%.6f,\"rate\":%.3f,"
         "\"errors\":{\"connect\":%llu,\"reset\":%llu,\"reply\":%llu,\"stalled\":%llu},\"lost\":%llu",
         mode, units, took, (double)units / took, connect_errors, reset_errors, reply_errors, stalled_errors,
         lost);
  if (recorded > 0) {
    printf(",\"latencyMicros\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f}",
           percentile_micros(50), percentile_micros(90), percentile_micros(99), percentile_micros(99.9),
           percentile_micros(100));
  }
  printf("}\n");
  fflush(stdout);
}

static void await_end_of_input(void) {
  char c;
  while (read(0, &c, 1) > 0) {}
}

/* Connections. */

struct conn {
  int fd;
  int got;         /* bytes of the reply that are there, at most HEAD_BYTES of them kept */
  int busy;        /* a request is under way */
  int connecting;
  uint64_t since;  /* when the request was sent; rate: when it was due */
  uint64_t offset; /* bulk: bytes received */
  unsigned reads;
  char head[HEAD_BYTES];
};

static struct conn *all;
static int connecting, connected;

static void watch(int fd, uint32_t events, uint32_t index, int operation) {
  struct epoll_event event = {.events = events, .data.u32 = index};
  if (epoll_ctl(epoll_fd, operation, fd, &event)) fail_errno("epoll_ctl");
}

static struct sockaddr_in next_server(void) {
  static uint32_t turn;
  uint32_t mixed = (uint32_t)((turn++ * 2654435761ull) >> 7);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(ntohl(server.s_addr) + mixed % spread);
  address.sin_port = htons((unsigned short)(port_low + (int)(mixed % (uint32_t)(port_high - port_low + 1))));
  return address;
}

static void bind_source(int fd) {
  static unsigned turn;
  if (sources == 0) return;
  int on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(0x7f000101u + turn++ % (unsigned)sources)};
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address)) fail_errno("bind");
}

/* Begins to connect; 0 if that failed. */
static int open_conn(struct conn *c) {
  struct sockaddr_in address = next_server();
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) fail_errno("socket");
  bind_source(c->fd);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->got = 0;
  c->busy = 0;
  c->offset = 0;
  c->connecting = 1;
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
    error(&connect_errors);
    close(c->fd);
    c->fd = -1;
    return 0;
  }
  return 1;
}

static void close_conn(struct conn *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

static int connect_error(int fd) {
  int value = 0;
  socklen_t length = sizeof value;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length);
  errno = value;
  return value;
}

/* Connects all, some at a time, so that no backlog overflows. */
static void connect_all(void) {
  struct epoll_event events[EVENTS];
  int next = 0;
  uint64_t deadline = now() + 30 * SECOND;
  while (connected < conns) {
    while (next < conns && connecting < CONNECTING_MAX) {
      if (open_conn(&all[next])) {
        watch(all[next].fd, EPOLLOUT, (uint32_t)next, EPOLL_CTL_ADD);
        connecting++;
        next++;
      }
    }
    int n = epoll_wait(epoll_fd, events, EVENTS, 1000);
    for (int i = 0; i < n; i++) {
      struct conn *c = &all[events[i].data.u32];
      if (!c->connecting) continue;
      c->connecting = 0;
      connecting--;
      if (connect_error(c->fd)) {
        error(&connect_errors);
        fail_errno("connect");
      }
      connected++;
      watch(c->fd, EPOLLIN | EPOLLRDHUP, events[i].data.u32, EPOLL_CTL_MOD);
    }
    if (now() > deadline) fail("could not connect all within 30 s");
  }
}

/* Requests and replies. */

static const char *request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
static size_t request_bytes;
static int reply_bytes; /* of every reply, known from the first */
static char reply_tail[16];

/* Learns from the first reply how long all are; 0 if it isn't complete yet. */
static int learn(const char *head, int length) {
  const char *body = memmem(head, (size_t)length, "\r\n\r\n", 4);
  if (!body) return 0;
  const char *field = memmem(head, (size_t)(body - head), "\r\nContent-Length: ", 18);
  if (!field) fail("a reply without Content-Length");
  int total = (int)(body - head) + 4 + atoi(field + 18);
  if (total > HEAD_BYTES || total < 32) fail("a reply of a size that is not expected");
  if (length < total) return 0;
  memcpy(reply_tail, head + total - sizeof reply_tail, sizeof reply_tail);
  reply_bytes = total;
  return 1;
}

/* 1: complete and right; 0: more is to come; -1: wrong. */
static int check_reply(const struct conn *c) {
  if (c->got >= 12 && memcmp(c->head, "HTTP/1.1 200", 12) != 0) return -1;
  if (reply_bytes == 0 && !learn(c->head, c->got)) return 0;
  if (c->got < reply_bytes) return 0;
  if (c->got > reply_bytes) return -1;
  return memcmp(c->head + reply_bytes - sizeof reply_tail, reply_tail, sizeof reply_tail) == 0 ? 1 : -1;
}

static int send_request(struct conn *c, uint64_t since) {
  c->got = 0;
  c->busy = 1;
  c->since = since;
  ssize_t sent = send(c->fd, request, request_bytes, MSG_NOSIGNAL);
  if (sent == (ssize_t)request_bytes) return 1;
  if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) return 0;
  error(&reset_errors);
  return -1;
}

/* Reads what is there: 1 a whole reply, 0 not yet, -1 wrong or reset, 2 the end of the stream. */
static int read_reply(struct conn *c) {
  ssize_t n = recv(c->fd, c->head + c->got, (size_t)(HEAD_BYTES - c->got), 0);
  if (n > 0) {
    c->got += (int)n;
    int checked = check_reply(c);
    if (checked < 0) error(&reply_errors);
    return checked;
  }
  if (n == 0) return 2;
  if (errno == EAGAIN) return 0;
  error(&reset_errors);
  return -1;
}

static void reopen(struct conn *c) {
  close_conn(c);
  while (!open_conn(c)) {}
  watch(c->fd, EPOLLIN, (uint32_t)(c - all), EPOLL_CTL_ADD);
  /* On loopback the handshake is over when connect returns, unless the backlog is full. */
  struct timespec pause = {0, 1000000};
  for (int i = 0; i < 2000; i++) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state == TCP_ESTABLISHED) break;
    nanosleep(&pause, NULL);
  }
  c->connecting = 0;
}

static void count_stalled(uint64_t time) {
  for (int i = 0; i < conns; i++) {
    if (all[i].busy && time > all[i].since + STALLED_NANOS) stalled_errors++;
  }
}

static void keepalive(void) {
  struct epoll_event events[EVENTS];
  connect_all();
  say_ready();
  schedule();
  for (int i = 0; i < conns; i++) {
    if (send_request(&all[i], now()) < 0) reopen(&all[i]);
  }
  for (;;) {
    int n = epoll_wait(epoll_fd, events, EVENTS, 100);
    uint64_t time = now();
    int counts = measured(time);
    if (time >= end) break;
    for (int i = 0; i < n; i++) {
      struct conn *c = &all[events[i].data.u32];
      int got = read_reply(c);
      if (got == 0) continue;
      if (got == 1) {
        if (counts) {
          units++;
          record(time - c->since);
        }
      } else {
        if (got == 2) error(&reset_errors);
        reopen(c);
      }
      if (send_request(c, time) < 0) reopen(c);
    }
  }
  count_stalled(now());
  report();
}

/* One more connection of newconn in the place of c. */
static void start_newconn(struct conn *c, uint64_t time) {
  int sent;
  do {
    while (!open_conn(c)) {}
    /* Sent at once if the handshake is over already, as it mostly is on loopback. */
    sent = send_request(c, time);
    if (sent < 0) close_conn(c);
  } while (sent < 0);
  c->connecting = sent == 0;
  watch(c->fd, sent == 0 ? EPOLLOUT : EPOLLIN, (uint32_t)(c - all), EPOLL_CTL_ADD);
}

static void newconn(void) {
  struct epoll_event events[EVENTS];
  request = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
  request_bytes = strlen(request);
  say_ready();
  schedule();
  for (int i = 0; i < conns; i++) start_newconn(&all[i], now());
  for (;;) {
    int n = epoll_wait(epoll_fd, events, EVENTS, 100);
    uint64_t time = now();
    int counts = measured(time);
    if (time >= end) break;
    for (int i = 0; i < n; i++) {
      struct conn *c = &all[events[i].data.u32];
      if (c->connecting) {
        c->connecting = 0;
        if (connect_error(c->fd)) {
          error(&connect_errors);
          close_conn(c);
          start_newconn(c, time);
        } else {
          send_request(c, c->since);
          watch(c->fd, EPOLLIN, events[i].data.u32, EPOLL_CTL_MOD);
        }
        continue;
      }
      int got = read_reply(c);
      if (got == 1) got = read_reply(c); /* the end mostly comes with it */
      if (got == 0 || got == 1) continue;
      if (got == 2) {
        if (c->got != reply_bytes || reply_bytes == 0) {
          error(&reply_errors);
        } else if (counts) {
          units++;
          record(time - c->since);
        }
      }
      close_conn(c);
      start_newconn(c, time);
    }
  }
  count_stalled(now());
  report();
}

static void open_loop(void) {
  struct epoll_event events[EVENTS];
  unsigned long long sent = 0; /* requests begun; the next is due at first + sent / rate */
  connect_all();
  say_ready();
  schedule();
  uint64_t first = now();
  int *idle = malloc(sizeof(int) * (size_t)conns); /* a ring, so that all are used in turn */
  unsigned head = 0, tail = 0;
  for (int i = 0; i < conns; i++) idle[tail++ % (unsigned)conns] = i;
  prctl(PR_SET_TIMERSLACK, 1);
  for (;;) {
    uint64_t time = now();
    uint64_t due;
    while ((due = first + (uint64_t)((double)sent * 1e9 / rate)) <= time && head != tail) {
      struct conn *c = &all[idle[head++ % (unsigned)conns]];
      sent++;
      if (send_request(c, due) < 0) fail_errno("send");
    }
    uint64_t wait = head == tail ? SECOND / 10 : due > time ? due - time : 0;
    struct timespec timeout = {(time_t)(wait / SECOND), (long)(wait % SECOND)};
    int n = epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < n; i++) {
      struct conn *c = &all[events[i].data.u32];
      int got = read_reply(c);
      if (got == 0) continue;
      if (got != 1) fail("a connection broke");
      time = now();
      c->busy = 0;
      if (measured(time)) {
        units++;
        record(time - c->since);
      }
      idle[tail++ % (unsigned)conns] = (int)events[i].data.u32;
    }
    if (time >= end) break;
  }
  uint64_t last = now();
  /* What was due and isn't answered would be missing from the tail: it counts with the time so far. */
  for (int i = 0; i < conns; i++) {
    if (all[i].busy && all[i].since >= begin) record(last - all[i].since);
  }
  for (uint64_t due; (due = first + (uint64_t)((double)sent * 1e9 / rate)) < last; sent++) record(last - due);
  count_stalled(last);
  report();
}

static void bulk(void) {
  struct epoll_event events[EVENTS];
  fill_pattern();
  connect_all();
  say_ready();
  schedule();
  for (;;) {
    int n = epoll_wait(epoll_fd, events, EVENTS, 100);
    uint64_t time = now();
    int counts = measured(time);
    if (time >= end) break;
    for (int i = 0; i < n; i++) {
      struct conn *c = &all[events[i].data.u32];
      int compare = c->reads++ % 32 == 0;
      ssize_t got = recv(c->fd, buffer, compare ? READ_BYTES : 1 << 20, compare ? 0 : MSG_TRUNC);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) fail("a download broke");
      for (ssize_t done = 0; compare && done < got;) {
        size_t at = (c->offset + (uint64_t)done) % PATTERN_BYTES;
        size_t length = PATTERN_BYTES - at < (size_t)(got - done) ? PATTERN_BYTES - at : (size_t)(got - done);
        if (memcmp(buffer + done, pattern + at, length) != 0) fail("a download had other bytes than were sent");
        done += (ssize_t)length;
      }
      c->offset += (uint64_t)got;
      c->since = time;
      if (counts) units += (unsigned long long)got;
    }
  }
  uint64_t last = now();
  for (int i = 0; i < conns; i++) {
    if (last > all[i].since + STALLED_NANOS) stalled_errors++;
  }
  report();
}

/* UDP: window places, each with one datagram under way. */

struct place {
  uint32_t number; /* of the datagram that is under way, so that a late reply isn't taken for the next */
  uint64_t sent;
};

struct datagram {
  uint32_t place, number;
};

static int *sockets;
static struct place *places;

static void send_datagram(uint32_t index) {
  static unsigned turn;
  static char data[65536];
  struct datagram header = {index, ++places[index].number};
  memcpy(data, &header, sizeof header);
  places[index].sent = now();
  /* ECONNREFUSED is the answer to an earlier one: the place is taken again once it counts as lost. */
  send(sockets[turn++ % (unsigned)clients], data, (size_t)datagram_bytes, 0);
}

static void udp(void) {
  struct epoll_event events[EVENTS];
  sockets = calloc((size_t)clients, sizeof *sockets);
  places = calloc((size_t)window, sizeof *places);
  for (int i = 0; i < clients; i++) {
    struct sockaddr_in address = next_server();
    sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (sockets[i] < 0) fail_errno("socket");
    bind_source(sockets[i]);
    if (connect(sockets[i], (struct sockaddr *)&address, sizeof address)) fail_errno("connect");
    watch(sockets[i], EPOLLIN, (uint32_t)i, EPOLL_CTL_ADD);
  }
  say_ready();
  schedule();
  for (int i = 0; i < window; i++) send_datagram((uint32_t)i);
  uint64_t checked = now();
  for (;;) {
    int n = epoll_wait(epoll_fd, events, EVENTS, 50);
    uint64_t time = now();
    int counts = measured(time);
    if (time >= end) break;
    for (int i = 0; i < n; i++) {
      struct datagram header;
      for (;;) {
        ssize_t got = recv(sockets[events[i].data.u32], buffer, sizeof buffer, 0);
        if (got < 0) break;
        memcpy(&header, buffer, sizeof header);
        if (got != datagram_bytes || header.place >= (uint32_t)window) {
          error(&reply_errors);
          continue;
        }
        struct place *p = &places[header.place];
        if (header.number != p->number) continue;
        if (counts) {
          units++;
          record(time > p->sent ? time - p->sent : 0);
        }
        send_datagram(header.place);
      }
    }
    if (time > checked + SECOND / 20) {
      checked = time;
      for (int i = 0; i < window; i++) {
        if (time > places[i].sent + UDP_LOST_NANOS) {
          if (counts) lost++;
          send_datagram((uint32_t)i);
        }
      }
    }
  }
  report();
}

static void idle(void) {
  struct epoll_event events[EVENTS];
  connect_all();
  for (int i = 0; i < conns; i++) {
    if (send_request(&all[i], now()) != 1) fail_errno("send");
  }
  uint64_t deadline = now() + 30 * SECOND;
  for (int answered = 0; answered < conns;) {
    int n = epoll_wait(epoll_fd, events, EVENTS, 1000);
    for (int i = 0; i < n; i++) {
      int got = read_reply(&all[events[i].data.u32]);
      if (got == 1) answered++;
      else if (got != 0) fail("a connection broke");
    }
    if (now() > deadline) fail("not all connections were answered within 30 s");
  }
  say_ready();
  await_end_of_input();
  while (units < (unsigned long long)conns) { /* the ones that broke since are an error */
    int n = epoll_wait(epoll_fd, events, EVENTS, 0);
    if (n <= 0) break;
    for (int i = 0; i < n; i++) {
      reset_errors++;
      close_conn(&all[events[i].data.u32]);
    }
  }
  units = (unsigned long long)conns - reset_errors;
  end = now();
  begin = end - SECOND;
  report();
}

static void take_argument(char *argument) {
  char *value = strchr(argument, '=');
  if (!value) fail("usage: load MODE key=value...");
  *value++ = 0;
  if (strcmp(argument, "port") == 0) {
    port_low = port_high = atoi(value);
    if (strchr(value, '-')) port_high = atoi(strchr(value, '-') + 1);
  } else if (strcmp(argument, "address") == 0) {
    if (inet_pton(AF_INET, value, &server) != 1) fail("address: not an IPv4 address");
  } else if (strcmp(argument, "conns") == 0) conns = atoi(value);
  else if (strcmp(argument, "seconds") == 0) seconds = atof(value);
  else if (strcmp(argument, "warm") == 0) warm = atof(value);
  else if (strcmp(argument, "rate") == 0) rate = atof(value);
  else if (strcmp(argument, "clients") == 0) clients = atoi(value);
  else if (strcmp(argument, "window") == 0) window = atoi(value);
  else if (strcmp(argument, "bytes") == 0) datagram_bytes = atoi(value);
  else if (strcmp(argument, "sources") == 0) sources = atoi(value);
  else if (strcmp(argument, "spread") == 0) spread = (uint32_t)atoi(value);
  else {
    fprintf(stderr, "load: unknown key: %s\n", argument);
    exit(2);
  }
}

int main(int count, char **arguments) {
  server.s_addr = htonl(INADDR_LOOPBACK);
  if (count < 2) fail("usage: load keepalive|newconn|rate|bulk|udp|idle key=value...");
  mode = arguments[1];
  for (int i = 2; i < count; i++) take_argument(arguments[i]);
  if (port_low < 1 || port_high < port_low || port_high > 65535) fail("port: missing or wrong");
  if (conns < 1 || clients < 1 || window < 1 || spread < 1) fail("conns, clients, window, spread: at least 1");
  if (datagram_bytes < 8 || datagram_bytes > 65000) fail("bytes: 8 to 65000");
  signal(SIGPIPE, SIG_IGN);
  request_bytes = strlen(request);
  epoll_fd = epoll_create1(0);
  all = calloc((size_t)conns, sizeof *all);
  if (strcmp(mode, "keepalive") == 0) keepalive();
  else if (strcmp(mode, "newconn") == 0) newconn();
  else if (strcmp(mode, "rate") == 0 && rate > 0) open_loop();
  else if (strcmp(mode, "bulk") == 0) bulk();
  else if (strcmp(mode, "udp") == 0) udp();
  else if (strcmp(mode, "idle") == 0) idle();
  else fail("usage: load keepalive|newconn|rate|bulk|udp|idle key=value...");
  await_end_of_input(); /* so that its CPU time can still be read */
  return 0;
}
