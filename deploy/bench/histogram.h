#include <stdint.h>

/* A histogram of nanoseconds: 64 steps for each power of two, so within 1.6 %. */

enum { STEP_BITS = 6, STEPS = 1 << STEP_BITS, POWERS = 40 };
static unsigned long long histogram[POWERS * STEPS], recorded;

static void record(uint64_t nanos) {
  int power = nanos < STEPS ? 0 : 63 - __builtin_clzll(nanos) - STEP_BITS + 1;
  int step = power == 0 ? (int)nanos : (int)(nanos >> (power - 1)) - STEPS;
  if (power >= POWERS) power = POWERS - 1, step = STEPS - 1;
  histogram[power * STEPS + step]++;
  recorded++;
}

/* The least of what a slot holds, in microseconds. */
static double slot_micros(int slot) {
  int power = slot / STEPS, step = slot % STEPS;
  return (power == 0 ? step : (double)(STEPS + step) * (double)(1ull << (power - 1))) / 1000;
}

static double percentile_micros(double percent) {
  unsigned long long want = (unsigned long long)((double)recorded * percent / 100), seen = 0;
  for (int i = 0; i < POWERS * STEPS; i++) {
    seen += histogram[i];
    if (seen > want || (seen == recorded && seen > 0)) return slot_micros(i);
  }
  return 0;
}
