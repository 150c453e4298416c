/*
 * XSAVE and its kin on the CPU of this machine. Records come on standard input and go back on standard output:
 * u32 instruction (0 XSAVE, 1 XSAVEOPT, 2 XSAVEC), u32 mask, the area that XRSTOR loads, the area that is saved over.
 * All with REX.W; the components are x87, SSE and AVX.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define AREA 832

struct record {
  uint32_t instruction;
  uint32_t mask;
  uint8_t before[AREA];
  uint8_t after[AREA];
};

/* XSAVE may touch what lies behind the components asked for. */
static _Alignas(64) uint8_t before[4096];
static _Alignas(64) uint8_t after[4096];

#define RUN(save)                                                          \
  __asm__ volatile("xrstor64 (%[in])\n\t"                                  \
                   "mov %[mask], %%eax\n\t" save " (%[out])\n\t"           \
                   "fninit\n\t"                                            \
                   "vzeroall\n\t"                                          \
                   "ldmxcsr %[mxcsr]"                                      \
                   : "+a"(all)                                             \
                   : "d"(0), [in] "S"(before), [out] "D"(after), [mask] "b"(r.mask), [mxcsr] "m"(mxcsr) \
                   : "memory", "cc")

int main(void) {
  static const uint32_t mxcsr = 0x1f80;
  struct record r;
  while (fread(&r, sizeof r, 1, stdin) == 1) {
    uint32_t all = 7;
    memcpy(before, r.before, AREA);
    memcpy(after, r.after, AREA);
    if (r.instruction == 0)
      RUN("xsave64");
    else if (r.instruction == 1)
      RUN("xsaveopt64");
    else
      RUN("xsavec64");
    memcpy(r.after, after, AREA);
    if (fwrite(&r, sizeof r, 1, stdout) != 1) return 1;
  }
  return 0;
}
