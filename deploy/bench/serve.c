/*
 * The servers behind the proxies that need no HTTP.
 *
 * serve bulk PORT   sends the pattern of pattern.h to whoever connects, for as long as it takes it
 * serve udp PORT    sends every datagram back
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pattern.h"

enum { SEND_BYTES = 128 << 10, BATCH = 64, DATAGRAM_BYTES = 2048, BUFFER_BYTES = 4 << 20 };

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void *send_pattern(void *argument) {
  int fd = (int)(long)argument;
  unsigned long long offset = 0;
  for (;;) {
    size_t at = offset % PATTERN_BYTES;
    size_t length = PATTERN_BYTES - at < SEND_BYTES ? PATTERN_BYTES - at : SEND_BYTES;
    ssize_t sent = send(fd, pattern + at, length, MSG_NOSIGNAL);
    if (sent <= 0) break;
    offset += (unsigned long long)sent;
  }
  close(fd);
  return NULL;
}

static void bulk(int fd) {
  fill_pattern();
  if (listen(fd, 4096)) die("listen");
  for (;;) {
    int accepted = accept(fd, NULL, NULL);
    pthread_t thread;
    if (accepted < 0) continue;
    if (pthread_create(&thread, NULL, send_pattern, (void *)(long)accepted)) die("pthread_create");
    pthread_detach(thread);
  }
}

static void udp(int fd) {
  static char data[BATCH][DATAGRAM_BYTES];
  static struct sockaddr_in from[BATCH];
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  int size = BUFFER_BYTES;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){data[i], DATAGRAM_BYTES};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < n; i++) parts[i].iov_len = messages[i].msg_len;
    for (int sent = 0; sent < n;) {
      int k = sendmmsg(fd, messages + sent, (unsigned)(n - sent), 0);
      sent += k > 0 ? k : 1;
    }
  }
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: serve bulk|udp PORT\n");
    return 2;
  }
  int is_udp = strcmp(arguments[1], "udp") == 0, on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(arguments[2])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address)) die("bind");
  if (is_udp) udp(fd);
  else bulk(fd);
  return 0;
}
