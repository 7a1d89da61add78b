/*
 * A client at a fixed rate, which never gives up: it counts what went well and what didn't.
 *
 * pulse tcp|udp ADDRESS PORT RATE NEW TIMEOUT_MILLIS
 *
 * Each request is 16 bytes that must come back. NEW percent of them use a socket of their own, the others one of
 * sixteen lasting ones in turn. A request is due at a fixed time, whatever became of those before it, and its latency
 * counts from then. For each line on standard input it prints one line of JSON about what has ended since the line before;
 * it goes when standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

enum { RING = 1 << 17, LASTING = 16, EVENTS = 256, MESSAGE_BYTES = 16, SLOW_MILLIS = 1000 };
enum outcome { OK, CONNECT, RESET, REPLY, TIMEOUT, NO_PORT, OUTCOMES };
enum where { NEW_SOCKET, LASTING_SOCKET, INPUT };

static const char *names[OUTCOMES] = {"ok", "connect", "reset", "reply", "timeout", "port"};
static const uint64_t second = 1000000000ull;

struct message {
  uint64_t number, mixed;
};

struct request {
  uint64_t due, number;
  int fd;      /* of its own socket, or -1 */
  int lasting; /* or which lasting one */
  int connected, busy;
};

struct lasting {
  int fd, got;
  char part[MESSAGE_BYTES];
};

static int is_udp, epoll_fd;
static struct sockaddr_in server;
static uint64_t timeout_nanos, next_number, oldest, report_began;
static struct request ring[RING];
static struct lasting lasting[LASTING];
static unsigned long long counts[OUTCOMES], slow;
static char first_fault[160];

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec;
}

static struct message message_of(uint64_t number) {
  return (struct message){number, number * 0x9e3779b97f4a7c15ull};
}

static void watch(int fd, uint32_t events, enum where where, uint64_t index, int operation) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)where << 32 | index};
  epoll_ctl(epoll_fd, operation, fd, &event);
}

static void end(struct request *r, enum outcome outcome, int error) {
  if (!r->busy) return;
  r->busy = 0;
  if (r->fd >= 0) close(r->fd);
  counts[outcome]++;
  uint64_t took = now() - r->due;
  if (outcome == OK) {
    record(took);
    slow += took > SLOW_MILLIS * 1000000ull;
  } else if (!first_fault[0]) {
    snprintf(first_fault, sizeof first_fault, "%s%s%s after %.1f s on a %s socket, due at second %.1f", names[outcome],
             error ? ": " : "", error ? strerror(error) : "", (double)took / 1e9, r->fd >= 0 ? "new" : "lasting",
             ((double)r->due - (double)report_began) / 1e9);
  }
}

static int open_socket(void) {
  int on = 1, fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (!is_udp) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

/* All that wait for an answer on a lasting connection that broke. */
static void break_lasting(int index, enum outcome outcome, int error) {
  struct lasting *l = &lasting[index];
  for (uint64_t n = oldest; n < next_number; n++) {
    struct request *r = &ring[n % RING];
    if (r->busy && r->fd < 0 && r->lasting == index) end(r, outcome, error);
  }
  if (l->fd >= 0) close(l->fd);
  l->fd = -1;
  l->got = 0;
}

static int send_message(int fd, uint64_t number) {
  struct message m = message_of(number);
  return send(fd, &m, sizeof m, MSG_NOSIGNAL) == sizeof m ? 0 : errno;
}

static enum outcome fault_of(int error, int connected) {
  if (error == EADDRNOTAVAIL || error == EMFILE || (error == EAGAIN && !connected)) return NO_PORT;
  return connected ? RESET : CONNECT;
}

static void start(uint64_t due, int is_new) {
  struct request *r = &ring[next_number % RING];
  *r = (struct request){.due = due, .number = next_number++, .fd = -1, .busy = 1};
  if (is_new) {
    r->fd = open_socket();
    if (r->fd < 0) {
      end(r, fault_of(errno, 0), errno);
      return;
    }
    watch(r->fd, is_udp ? EPOLLIN : EPOLLOUT, NEW_SOCKET, r->number % RING, EPOLL_CTL_ADD);
    if (is_udp) {
      int error = send_message(r->fd, r->number);
      if (error) end(r, fault_of(error, 1), error);
    }
    return;
  }
  r->lasting = (int)(r->number % LASTING);
  struct lasting *l = &lasting[r->lasting];
  if (l->fd < 0) {
    l->fd = open_socket();
    if (l->fd < 0) {
      end(r, fault_of(errno, 0), errno);
      return;
    }
    watch(l->fd, EPOLLIN, LASTING_SOCKET, (uint64_t)r->lasting, EPOLL_CTL_ADD);
    /* A blocked connect is waited for here only if the backlog is full: on loopback it is over at once. */
    for (int i = 0; i < 100 && !is_udp; i++) {
      struct tcp_info info;
      socklen_t length = sizeof info;
      if (getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state != TCP_SYN_SENT) break;
      nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
  }
  int error = send_message(l->fd, r->number);
  if (error && is_udp) end(r, fault_of(error, 1), error);
  else if (error) break_lasting(r->lasting, fault_of(error, error != EAGAIN), error);
}

/* An answer; one of a request that has ended already is none. */
static void answered(const struct message *m, struct request *own) {
  struct request *r = own ? own : &ring[m->number % RING];
  struct message right = message_of(m->number);
  if (right.mixed != m->mixed || (own && own->number != m->number)) {
    if (own) end(own, REPLY, 0);
    else counts[REPLY]++;
  } else if (r->number == m->number) {
    end(r, OK, 0);
  }
}

static void on_new(struct request *r) {
  struct message m;
  if (!r->busy || r->fd < 0) return;
  if (!is_udp && !r->connected) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (!error) error = send_message(r->fd, r->number);
    if (error) {
      end(r, fault_of(error, 0), error);
      return;
    }
    r->connected = 1;
    watch(r->fd, EPOLLIN, NEW_SOCKET, r->number % RING, EPOLL_CTL_MOD);
    return;
  }
  ssize_t got = recv(r->fd, &m, sizeof m, 0);
  if (got == sizeof m) answered(&m, r);
  else if (got >= 0) end(r, got ? REPLY : RESET, 0);
  else if (errno != EAGAIN) end(r, fault_of(errno, 1), errno);
}

static void on_lasting(int index) {
  struct lasting *l = &lasting[index];
  for (;;) {
    struct message m;
    ssize_t got = recv(l->fd, l->part + l->got, (size_t)(MESSAGE_BYTES - l->got), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 && is_udp) return; /* the answer to an earlier one: that runs out */
    if (got <= 0) {
      break_lasting(index, RESET, got ? errno : 0);
      return;
    }
    l->got += (int)got;
    if (l->got < MESSAGE_BYTES && !is_udp) continue;
    memcpy(&m, l->part, sizeof m);
    l->got = 0;
    if (got == sizeof m || !is_udp) answered(&m, NULL);
  }
}

static void end_late_ones(uint64_t time) {
  while (oldest < next_number) {
    struct request *r = &ring[oldest % RING];
    if (r->busy && r->due + timeout_nanos > time) return;
    int index = r->busy && r->fd < 0 && !is_udp ? r->lasting : -1;
    end(r, TIMEOUT, 0);
    oldest++;
    if (index >= 0) break_lasting(index, TIMEOUT, 0);
  }
}

static void report(void) {
  printf("{\"seconds\":%.3f,\"slow\":%llu,\"first\":\"%s\"", (double)(now() - report_began) / 1e9, slow, first_fault);
  for (int i = 0; i < OUTCOMES; i++) printf(",\"%s\":%llu", names[i], counts[i]);
  printf(",\"p50\":%.0f,\"p99\":%.0f,\"p99.9\":%.0f,\"max\":%.0f", percentile_micros(50), percentile_micros(99),
         percentile_micros(99.9), percentile_micros(100));
  const char *separator = ",\"histogram\":["; /* so that reports can be added up */
  for (int i = 0; i < POWERS * STEPS; i++) {
    if (histogram[i] == 0) continue;
    printf("%s[%.1f,%llu]", separator, slot_micros(i), histogram[i]);
    separator = ",";
  }
  printf("%s]}\n", recorded > 0 ? "" : separator);
  fflush(stdout);
  memset(counts, 0, sizeof counts);
  memset(histogram, 0, sizeof histogram);
  recorded = slow = 0;
  first_fault[0] = 0;
  report_began = now();
}

int main(int count, char **arguments) {
  if (count != 7) {
    fprintf(stderr, "usage: pulse tcp|udp ADDRESS PORT RATE NEW TIMEOUT_MILLIS\n");
    return 2;
  }
  is_udp = strcmp(arguments[1], "udp") == 0;
  server.sin_family = AF_INET;
  inet_pton(AF_INET, arguments[2], &server.sin_addr);
  server.sin_port = htons((uint16_t)atoi(arguments[3]));
  double rate = atof(arguments[4]);
  unsigned percent_new = (unsigned)atoi(arguments[5]);
  timeout_nanos = (uint64_t)atoll(arguments[6]) * 1000000;
  prctl(PR_SET_TIMERSLACK, 1);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  watch(0, EPOLLIN, INPUT, 0, EPOLL_CTL_ADD);
  for (int i = 0; i < LASTING; i++) lasting[i].fd = -1;

  uint64_t first = now();
  report_began = first;
  unsigned turn = 0;
  for (unsigned long long sent = 0;;) {
    uint64_t due, time = now();
    for (int burst = 0; burst < 64 && (due = first + (uint64_t)((double)sent * 1e9 / rate)) <= time; burst++, sent++) {
      turn += percent_new;
      start(due, turn >= 100);
      turn %= 100;
    }
    end_late_ones(time);
    due = first + (uint64_t)((double)sent * 1e9 / rate);
    time = now();
    uint64_t wait = due > time ? due - time : 0;
    struct timespec timeout = {(time_t)(wait / second), (long)(wait % second)};
    struct epoll_event events[EVENTS];
    int n = epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < n; i++) {
      uint32_t index = (uint32_t)events[i].data.u64;
      switch ((enum where)(events[i].data.u64 >> 32)) {
        case NEW_SOCKET: on_new(&ring[index]); break;
        case LASTING_SOCKET: if (lasting[index].fd >= 0) on_lasting((int)index); break;
        case INPUT: {
          char line[256];
          if (read(0, line, sizeof line) <= 0) return 0;
          report();
        }
      }
    }
  }
}
