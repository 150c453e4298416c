/* Double precision: a product of matrices by scalar SSE2, by x87 and by packed SSE2. All values are whole numbers that a
 * double holds exactly, so that the three agree to the bit. */
#include <emmintrin.h>
#include "kernels.h"

#define LARGEST 256
static double a[LARGEST][LARGEST] __attribute__((aligned(16)));
static double b[LARGEST][LARGEST] __attribute__((aligned(16)));
static double c[LARGEST][LARGEST] __attribute__((aligned(16)));

static void fill(u32 n) {
  u32 state = 17;
  if (n > LARGEST || n % 2 != 0) fail("matrix: size");
  for (u32 i = 0; i < n; i++) {
    for (u32 j = 0; j < n; j++) {
      a[i][j] = (double)(int)(next_random(&state) & 0xffff);
      b[i][j] = (double)(int)(next_random(&state) & 0xffff) - 32768.0;
      c[i][j] = 0;
    }
  }
}

static u32 check(u32 n) {
  u32 hash = 2166136261u;
  for (u32 i = 0; i < n; i++) hash = digest(hash, (const u32 *)c[i], n * 2);
  return hash;
}

/* Inner loop down a column: strided loads. */
static u32 scalar(u32 n) {
  for (u32 i = 0; i < n; i++) {
    for (u32 j = 0; j < n; j++) {
      double sum = 0;
      for (u32 k = 0; k < n; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  }
  return n;
}

/* long double is the x87's own format in both word sizes. */
static u32 x87(u32 n) {
  for (u32 i = 0; i < n; i++) {
    for (u32 j = 0; j < n; j++) {
      long double sum = 0;
      for (u32 k = 0; k < n; k++) sum += (long double)a[i][k] * b[k][j];
      c[i][j] = (double)sum;
    }
  }
  return n;
}

static u32 packed(u32 n) {
  for (u32 i = 0; i < n; i++) {
    for (u32 j = 0; j < n; j += 2) {
      __m128d sum = _mm_setzero_pd();
      for (u32 k = 0; k < n; k++) sum = _mm_add_pd(sum, _mm_mul_pd(_mm_set1_pd(a[i][k]), _mm_load_pd(&b[k][j])));
      _mm_store_pd(&c[i][j], sum);
    }
  }
  return n;
}

/* What else programs do with doubles: divisions, roots, comparisons and conversions; `size` thousand steps. */
static u32 mixed(u32 size) {
  double x = 1.5, y = 0;
  u32 sum = 0;
  for (u32 i = 1; i <= size * 1000; i++) {
    x = _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(0), _mm_set_sd(x * (double)(int)i + 1.0)));
    y = x / (y + 2.0);
    if (y > 100.0) y -= 99.5;
    sum += (u32)(int)(y * 1000.0);
  }
  return sum;
}

const struct kernel float_kernels[] = {
    {"matrix-scalar", fill, scalar, check},
    {"matrix-x87", fill, x87, check},
    {"matrix-packed", fill, packed, check},
    {"float-mixed", 0, mixed, 0},
    {0, 0, 0, 0},
};
