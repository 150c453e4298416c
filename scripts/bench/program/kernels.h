/* A kernel is a small piece of work of one kind. */
#ifndef KERNELS_H
#define KERNELS_H
#include "system.h"

struct kernel {
  const char *name;
  /* Makes what run works on; not measured. May be null. */
  void (*prepare)(u32 size);
  /* The measured work; `size` times something. Its result depends on all of it, and not on the word size. */
  u32 (*run)(u32 size);
  /* A digest of the data that run left; not measured. May be null. */
  u32 (*check)(u32 size);
};

extern const struct kernel integer_kernels[], memory_kernels[], float_kernels[], data_kernels[], system_kernels[];
/* Only in a machine of their own. */
extern const struct kernel disk_kernels[], screen_kernels[];

/* One step of a multiplicative generator: the pseudo-random numbers of all kernels. */
static inline u32 next_random(u32 *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* FNV-1a over 32-bit words. */
static inline u32 digest(u32 hash, const u32 *words, u32 count) {
  for (u32 i = 0; i < count; i++) hash = (hash ^ words[i]) * 16777619u;
  return hash;
}

#endif
