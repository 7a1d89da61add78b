/*
 * Datagrams whose sources are made up: 127.64.0.0/10, any port.
 *
 * forge ADDRESS PORT RATE SECONDS SEED
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { PAYLOAD_BYTES = 32 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

int main(int count, char **arguments) {
  if (count != 6) {
    fprintf(stderr, "usage: forge ADDRESS PORT RATE SECONDS SEED\n");
    return 2;
  }
  struct {
    struct iphdr ip;
    struct udphdr udp;
    char payload[PAYLOAD_BYTES];
  } packet = {0};
  struct sockaddr_in to = {.sin_family = AF_INET};
  inet_pton(AF_INET, arguments[1], &to.sin_addr);
  double rate = atof(arguments[3]), seconds = atof(arguments[4]);
  uint64_t state = (uint64_t)atoll(arguments[5]);
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) {
    perror("forge: socket");
    return 1;
  }
  packet.ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = to.sin_addr.s_addr,
                             .tot_len = htons(sizeof packet)};
  packet.udp.dest = htons((uint16_t)atoi(arguments[2]));
  packet.udp.len = htons(sizeof packet.udp + PAYLOAD_BYTES);
  double first = now();
  unsigned long long sent = 0;
  for (; (double)sent < rate * seconds; sent++) {
    double due = first + (double)sent / rate, wait = due - now();
    if (wait > 0.001) {
      struct timespec pause = {0, (long)(wait * 1e9)};
      if (wait >= 1) pause = (struct timespec){1, 0};
      nanosleep(&pause, NULL);
    }
    uint64_t random = next(&state);
    packet.ip.saddr = htonl(0x7f400000u | (uint32_t)(random & 0x3fffff));
    packet.udp.source = htons((uint16_t)(1024 + (random >> 32) % 64000));
    memcpy(packet.payload, &random, sizeof random);
    sendto(fd, &packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to);
  }
  printf("%llu\n", sent);
  return 0;
}
