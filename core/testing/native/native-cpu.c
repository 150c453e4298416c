/* Runs single instructions on the CPU of this machine, from any register state, and tells the state after: the ground
 * truth for core/cpu.
 *
 * No instruction of ours runs beside the one under test: a signal's context sets every register, and the signal that
 * follows tells them. The code region is filled with INT3, so whatever the instruction does (jump, repeat, fall
 * through), the next one traps. 32-bit code runs with the kernel's compatibility code segment, or as 16-bit code with
 * segments of a local descriptor table.
 *
 * stdin: the number of descriptors and each as a struct user_desc, then struct in for each case; stdout: struct out for each.
 * Build: gcc -O1 -mfsgsbase -fno-stack-protector -o native-cpu native-cpu.c      (x86-64 Linux only)
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <cpuid.h>
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define DATA 0x10000000ul /* two pages, nothing behind them */
#define DATA_SIZE 0x2000ul
#define DATA_COPY (DATA + 0x10000) /* the same pages */
#define WINDOW (DATA + 0x1000 - 96) /* the bytes a case sets and tells, across the page boundary */
#define CODE 0x20000000ul
#define CODE_SIZE 0x11000ul
#define LONGEST 16 /* bytes of code */
#define STRICT_RESTORE_SS 4 /* of uc_flags: SS as it stands in the frame */
#define HWCAP2_FSGSBASE 2
#define NO_VECTOR 0xff
#define BREAKPOINT 3
#define GENERAL_PROTECTION 13
#define PAGE_FAULT 14
/* the signal frame's XSAVE area, in its standard format: [SDM] volume 1, 13.4 */
#define XSTATE_BV 512
#define XSTATE_X87 1
#define XSTATE_SSE 2
#define XSTATE_AVX 4

enum segment { ES, CS, SS, DS, FS, GS, SEGMENTS };

struct in {
  uint8_t length, code[LONGEST], traps, gap[6]; /* traps: it may be a breakpoint itself */
  uint64_t gpr[16];                                       /* in encoding order */
  uint64_t rip, fs_base, gs_base;
  uint32_t eflags, mxcsr, is_long, start; /* linear address of the code, and RIP for it */
  uint16_t fcw, fsw, ftw, selector[SEGMENTS], gap2[3];
  uint8_t ymm[16][32];
  uint64_t mm[8]; /* by physical register; the exponent fields are 0x1234 */
  uint8_t memory[192];
};
struct out {
  uint64_t gpr[16], rip, cr2, fs_base, gs_base;
  uint32_t eflags, mxcsr, vector, error;
  uint16_t fsw, ftw, exponent[8], selector[SEGMENTS];
  uint8_t ymm[16][32];
  uint64_t mm[8];
  uint8_t memory[192];
};
_Static_assert(sizeof(struct in) == 984 && sizeof(struct out) == 976, "records as machine.ts has them");

static const int GREG[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static struct in *cases;
static struct out *results;
static size_t count, current;
static int running;
static gregset_t home;
static uint64_t home_fs_base;
static char *last_code;
static struct _libc_fpstate home_fpu;
static uint32_t upper_offset; /* of the upper halves of YMM in the XSAVE area; 0: this CPU has none */

static uint64_t *xstate_bv(const struct _libc_fpstate *fpu) { return (uint64_t *)((char *)fpu + XSTATE_BV); }
static uint8_t *upper_half(const struct _libc_fpstate *fpu, int n) { return (uint8_t *)fpu + upper_offset + n * 16; }

static void load(ucontext_t *uc, const struct in *in) {
  greg_t *g = uc->uc_mcontext.gregs;
  struct _libc_fpstate *fpu = uc->uc_mcontext.fpregs;
  memset((void *)DATA, 0, DATA_SIZE);
  memcpy((void *)WINDOW, in->memory, sizeof in->memory);
  memset(last_code, 0xcc, LONGEST);
  last_code = memcpy((void *)(uintptr_t)in->start, in->code, in->length);
  for (int i = 0; i < 16; i++) g[GREG[i]] = in->gpr[i];
  g[REG_RIP] = in->rip;
  g[REG_EFL] = in->eflags;
  g[REG_CSGSFS] = in->selector[CS] | (uint64_t)in->selector[SS] << 48;
  uc->uc_flags |= STRICT_RESTORE_SS;
  fpu->cwd = in->fcw;
  fpu->swd = in->fsw;
  fpu->ftw = in->ftw;
  fpu->mxcsr = in->mxcsr;
  fpu->rip = fpu->rdp = fpu->fop = 0;
  for (int i = 0; i < 8; i++) {
    int n = (i + (in->fsw >> 11)) & 7;
    memcpy(fpu->_st[i].significand, &in->mm[n], 8);
    fpu->_st[i].exponent = 0x1234;
  }
  for (int n = 0; n < 16; n++) {
    memcpy(&fpu->_xmm[n], in->ymm[n], 16);
    if (upper_offset != 0) memcpy(upper_half(fpu, n), in->ymm[n] + 16, 16);
  }
  /* these are not in their initial state */
  *xstate_bv(fpu) |= XSTATE_X87 | XSTATE_SSE | (upper_offset != 0 ? XSTATE_AVX : 0);
}

static void save(const ucontext_t *uc, const struct in *in, struct out *out) {
  const greg_t *g = uc->uc_mcontext.gregs;
  const struct _libc_fpstate *fpu = uc->uc_mcontext.fpregs;
  for (int i = 0; i < 16; i++) out->gpr[i] = g[GREG[i]];
  out->rip = g[REG_RIP];
  out->eflags = g[REG_EFL];
  out->vector = g[REG_TRAPNO];
  out->error = g[REG_ERR];
  out->cr2 = g[REG_CR2];
  out->selector[CS] = g[REG_CSGSFS];
  out->selector[SS] = g[REG_CSGSFS] >> 48;
  if (out->vector == BREAKPOINT && !(in->traps && out->rip == in->rip + in->length)) {
    out->rip--;
    out->vector = NO_VECTOR;
  } else if (out->rip != in->rip && (out->vector == PAGE_FAULT || out->vector == GENERAL_PROTECTION)) {
    out->vector = NO_VECTOR; /* it went to where there is no code */
  }
  out->mxcsr = fpu->mxcsr;
  out->fsw = fpu->swd;
  out->ftw = fpu->ftw;
  for (int i = 0; i < 8; i++) {
    int n = (i + (fpu->swd >> 11)) & 7;
    memcpy(&out->mm[n], fpu->_st[i].significand, 8);
    out->exponent[n] = fpu->_st[i].exponent;
  }
  for (int n = 0; n < 16; n++) {
    memcpy(out->ymm[n], &fpu->_xmm[n], 16);
    if (upper_offset != 0 && (*xstate_bv(fpu) & XSTATE_AVX) != 0) memcpy(out->ymm[n] + 16, upper_half(fpu, n), 16);
  }
  memcpy(out->memory, (void *)WINDOW, sizeof out->memory);
}

#define GET(name, value) __asm__ volatile("mov %%" name ", %0" : "=r"(value))
#define SET(name, value) __asm__ volatile("mov %0, %%" name ::"r"(value))

/* The segment registers that no signal's context has; nothing here may use FS, which is the thread's, between the two. */
static void leave_segments(struct out *out) {
  /* NT, AC and ID stay as they are when a signal comes */
  __asm__ volatile("pushfq\n andl $~0x244000, (%%rsp)\n popfq" ::: "memory", "cc");
  GET("es", out->selector[ES]);
  GET("ds", out->selector[DS]);
  GET("fs", out->selector[FS]);
  GET("gs", out->selector[GS]);
  out->fs_base = _readfsbase_u64();
  out->gs_base = _readgsbase_u64();
  SET("fs", 0);
  _writefsbase_u64(home_fs_base);
}
static void enter_segments(const struct in *in) {
  SET("es", in->selector[ES]);
  SET("ds", in->selector[DS]);
  SET("gs", in->selector[GS]);
  SET("fs", in->selector[FS]);
  if (!in->is_long) return;
  _writegsbase_u64(in->gs_base);
  _writefsbase_u64(in->fs_base);
}

static void on_signal(int number, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)info;
  if (!running) {
    if (number != SIGTRAP) _exit(2);
    running = 1;
    memcpy(home, uc->uc_mcontext.gregs, sizeof home);
    memcpy(&home_fpu, uc->uc_mcontext.fpregs, sizeof home_fpu);
  } else {
    leave_segments(&results[current]);
    save(uc, &cases[current], &results[current]);
    current++;
  }
  if (current < count) {
    load(uc, &cases[current]);
    enter_segments(&cases[current]);
  } else {
    running = 0;
    memcpy(uc->uc_mcontext.gregs, home, sizeof home);
    memcpy(uc->uc_mcontext.fpregs, &home_fpu, sizeof home_fpu);
  }
}

static void *map(unsigned long at, unsigned long size, int protection, int file) {
  int flags = (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_FIXED_NOREPLACE | MAP_POPULATE;
  void *p = mmap((void *)at, size, protection, flags, file, 0);
  if (p == MAP_FAILED) perror("mmap"), exit(1);
  return p;
}

static uint32_t find_upper_halves(void) {
  unsigned size, offset, c, d;
  if (!__builtin_cpu_supports("avx") || !__get_cpuid_count(0xd, 2, &size, &offset, &c, &d)) return 0;
  return offset;
}

static void make_segments(void) {
  uint32_t descriptors;
  if (fread(&descriptors, sizeof descriptors, 1, stdin) != 1) exit(1);
  for (; descriptors > 0; descriptors--) {
    struct user_desc d = {0};
    if (fread(&d, 16, 1, stdin) != 1) exit(1);
    if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d) != 0) perror("modify_ldt"), exit(1);
  }
}

int main(void) {
  if ((getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) == 0) return fputs("no FSGSBASE\n", stderr), 1;
  home_fs_base = _readfsbase_u64();
  upper_offset = find_upper_halves();
  make_segments();
  int file = memfd_create("data", 0);
  if (file < 0 || ftruncate(file, DATA_SIZE) != 0) return perror("memfd_create"), 1;
  map(DATA, DATA_SIZE, PROT_READ | PROT_WRITE, file);
  map(DATA_COPY, DATA_SIZE, PROT_READ | PROT_WRITE, file);
  last_code = memset(map(CODE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, -1), 0xcc, CODE_SIZE);

  size_t room = 0;
  for (;;) {
    if (count == room) cases = realloc(cases, (room = room * 2 + 1024) * sizeof *cases);
    if (cases == NULL) return perror("realloc"), 1;
    if (fread(&cases[count], sizeof *cases, 1, stdin) != 1) break;
    count++;
  }
  results = calloc(count + 1, sizeof *results);

  stack_t stack = {.ss_sp = malloc(1 << 18), .ss_size = 1 << 18};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  if (count > 0) __asm__ volatile("int3" ::: "memory");
  return fwrite(results, sizeof *results, count, stdout) == count ? 0 : 1;
}
