/*
 * One question, one answer, and then another port: as DNS resolvers ask.
 *
 * oneshot PORT RATE SECONDS SOCKETS [fresh]
 *
 * SOCKETS are opened before, each with a port of its own, and ask in turn; one that has its answer waits until all others
 * have asked. With "fresh" each question has a new socket instead, which costs this program more than all else it does.
 * A question is due at a fixed time; one that has no answer a second after that is lost. Prints a line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

enum { EVENTS = 256, BURST = 64, MOST = 1 << 17 };

static const uint64_t second = 1000000000ull;

struct slot {
  int fd;
  uint64_t number, due; /* number 0: asks nothing */
};

static struct slot slots[MOST];
static uint32_t idle[MOST], asked[MOST]; /* rings of slots, by when they became so */
static uint64_t asked_number[MOST];
static uint64_t idle_in, idle_out, asked_in, asked_out;
static int epoll_fd, is_fresh;
static struct sockaddr_in proxy;
static unsigned long long ok, lost, refused, unsent;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec;
}

static int open_slot(uint32_t index) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&proxy, sizeof proxy) || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
    if (fd >= 0) close(fd);
    return 0;
  }
  slots[index].fd = fd;
  return 1;
}

static void end(uint32_t index, unsigned long long *how) {
  ++*how;
  slots[index].number = 0;
  if (is_fresh) close(slots[index].fd);
  idle[idle_in++ % MOST] = index;
}

static void ask(uint64_t number, uint64_t due) {
  if (idle_out == idle_in) {
    unsent++;
    return;
  }
  uint32_t index = idle[idle_out++ % MOST];
  struct slot *s = &slots[index];
  if (is_fresh && !open_slot(index)) {
    unsent++;
    idle[idle_in++ % MOST] = index;
    return;
  }
  s->number = number;
  s->due = due;
  if (send(s->fd, &number, sizeof number, 0) != sizeof number) {
    end(index, &unsent);
    return;
  }
  asked[asked_in % MOST] = index;
  asked_number[asked_in++ % MOST] = number;
}

static void answered(uint32_t index) {
  struct slot *s = &slots[index];
  uint64_t number;
  ssize_t got = recv(s->fd, &number, sizeof number, 0);
  if (s->number == 0) return; /* too late */
  if (got == sizeof number && number == s->number) {
    record(now() - s->due);
    end(index, &ok);
  } else if (got < 0 && errno != EAGAIN) {
    end(index, &refused);
  }
}

static void give_up(uint64_t time) {
  for (; asked_out < asked_in; asked_out++) {
    uint32_t index = asked[asked_out % MOST];
    if (slots[index].number != asked_number[asked_out % MOST]) continue; /* it has its answer */
    if (slots[index].due + second > time) return;
    end(index, &lost);
  }
}

int main(int count, char **arguments) {
  if (count < 5) {
    fprintf(stderr, "usage: oneshot PORT RATE SECONDS SOCKETS [fresh]\n");
    return 2;
  }
  proxy = (struct sockaddr_in){.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(arguments[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  double rate = atof(arguments[2]), seconds = atof(arguments[3]);
  uint32_t sockets = (uint32_t)atoi(arguments[4]);
  is_fresh = count > 5;
  if (sockets > MOST) sockets = MOST;
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  prctl(PR_SET_TIMERSLACK, 1);
  for (uint32_t i = 0; i < sockets; i++) {
    if (!is_fresh && !open_slot(i)) {
      fprintf(stderr, "oneshot: socket %u: %s\n", i, strerror(errno));
      return 1;
    }
    idle[idle_in++ % MOST] = i;
  }
  uint64_t first = now(), number = 0;
  uint64_t last = first + (uint64_t)(seconds * 1e9);
  for (;;) {
    uint64_t time = now(), due = 0;
    for (int burst = 0; burst < BURST && (due = first + (uint64_t)((double)number * 1e9 / rate)) <= time && due < last; burst++)
      ask(++number, due);
    give_up(time);
    if (due >= last && asked_out == asked_in) break;
    time = now();
    uint64_t wait = due >= last ? second / 100 : due > time ? due - time : 0;
    struct timespec timeout = {(time_t)(wait / second), (long)(wait % second)};
    struct epoll_event events[EVENTS];
    int n = epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < n; i++) answered(events[i].data.u32);
  }
  printf("{\"sent\":%llu,\"ok\":%llu,\"lost\":%llu,\"refused\":%llu,\"unsent\":%llu,\"p50\":%.0f,\"p99\":%.0f,\"p99.9\":%.0f}\n",
         (unsigned long long)number - unsent, ok, lost, refused, unsent, percentile_micros(50), percentile_micros(99),
         percentile_micros(99.9));
  return 0;
}
