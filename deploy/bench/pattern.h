/* What the bulk server sends, again and again, so that a receiver knows each byte by its offset. */
#include <stdint.h>

enum { PATTERN_BYTES = 256 << 10 };
static unsigned char pattern[PATTERN_BYTES] __attribute__((aligned(8)));

static void fill_pattern(void) {
  for (uint64_t i = 0; i < PATTERN_BYTES / 8; i++) {
    ((uint64_t *)pattern)[i] = (i + 1) * 0x9E3779B97F4A7C15ull;
  }
}
