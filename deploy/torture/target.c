/*
 * A server, good or bad.
 *
 * target BEHAVIOUR ADDRESS PORT
 *
 *   echo    sends back what comes        flood  sends for as long as the client takes it
 *   sink    reads and says nothing       mute   never reads, never says anything
 *   reset   resets whoever connects      drip   sends one byte a second
 *   udp     sends every datagram back    quiet  takes datagrams and never answers
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, BYTES = 65536, FILES_MAX = 1 << 20, DATAGRAM_BUFFER = 4 << 20 };

static char data[BYTES];
static unsigned char is_open[FILES_MAX];
static int highest;

static void die(const char *what) {
  fprintf(stderr, "target: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void close_client(int fd) {
  is_open[fd] = 0;
  close(fd);
}

static void echo(int fd) {
  ssize_t got = recv(fd, data, sizeof data, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  for (ssize_t sent = 0; got > 0 && sent < got;) {
    ssize_t n = send(fd, data + sent, (size_t)(got - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += n;
    else if (errno != EAGAIN || poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 100) < 1) got = 0;
  }
  if (got <= 0) close_client(fd);
}

static void sink(int fd) {
  ssize_t got = recv(fd, data, sizeof data, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN)) close_client(fd);
}

static void flood(int fd) {
  ssize_t sent = send(fd, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) close_client(fd);
}

static void drip_all(void) {
  for (int fd = 0; fd <= highest; fd++) {
    if (is_open[fd] && send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) close_client(fd);
  }
}

static void serve_datagrams(int fd, int answers) {
  int size = DATAGRAM_BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  for (;;) {
    struct sockaddr_in6 from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &length);
    if (got >= 0 && answers) sendto(fd, data, (size_t)got, 0, (struct sockaddr *)&from, length);
  }
}

static void serve_streams(int listener, const char *behaviour) {
  int is_echo = !strcmp(behaviour, "echo"), is_sink = !strcmp(behaviour, "sink"), is_flood = !strcmp(behaviour, "flood"),
      is_reset = !strcmp(behaviour, "reset"), is_drip = !strcmp(behaviour, "drip");
  if (!is_echo && !is_sink && !is_flood && !is_reset && !is_drip && strcmp(behaviour, "mute")) die("which behaviour?");
  if (listen(listener, 4096)) die("listen");
  int epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  for (time_t dripped = 0;;) {
    int n = epoll_wait(epoll_fd, events, EVENTS, is_drip ? 200 : -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd != listener) {
        if (is_echo) echo(fd);
        else if (is_flood && !(events[i].events & (EPOLLHUP | EPOLLERR))) flood(fd);
        else if (is_flood) close_client(fd);
        else sink(fd);
        continue;
      }
      int client = accept4(listener, NULL, NULL, 0);
      if (client < 0 || client >= FILES_MAX) continue;
      if (is_reset) {
        setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        close(client);
        continue;
      }
      is_open[client] = 1;
      if (client > highest) highest = client;
      event = (struct epoll_event){.events = is_flood ? EPOLLOUT : EPOLLIN | EPOLLRDHUP, .data.fd = client};
      /* The mute one isn't told about anything but the end. */
      if (!strcmp(behaviour, "mute")) event.events = EPOLLRDHUP;
      epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client, &event);
    }
    if (is_drip && time(NULL) != dripped) {
      dripped = time(NULL);
      drip_all();
    }
  }
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: target BEHAVIOUR ADDRESS PORT\n");
    return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int is_udp = !strcmp(arguments[1], "udp") || !strcmp(arguments[1], "quiet"), on = 1;
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[3]))};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = four.sin_port};
  int is_six = inet_pton(AF_INET6, arguments[2], &six.sin6_addr) == 1;
  inet_pton(AF_INET, arguments[2], &four.sin_addr);
  int fd = socket(is_six ? AF_INET6 : AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM), 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four, is_six ? sizeof six : sizeof four)) die("bind");
  if (is_udp) serve_datagrams(fd, !strcmp(arguments[1], "udp"));
  else serve_streams(fd, arguments[1]);
  return 0;
}
