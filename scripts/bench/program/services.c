/* What the operating system does for a program: system calls, page faults, processes, switches; and code that changes. */
#include "kernels.h"

enum { PAGE = 4096 };

static u32 system_calls(u32 size) {
  u32 sum = 0;
  for (u32 i = 0; i < size * 1000; i++) sum += SYSTEM_CALL(SYS_getppid, 0, 0, 0) >= 0;
  return sum;
}

/* `size` hundred pages, 50 at a time, each mapped, touched and given back. */
static u32 page_faults(u32 size) {
  enum { PAGES = 50 };
  u32 sum = 0;
  for (u32 i = 0; i < size * 2; i++) {
    u8 *area = map(PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    for (u32 page = 0; page < PAGES; page++) sum += area[page * PAGE]++ + 1u;
    unmap(area, PAGES * PAGE);
  }
  return sum;
}

static long fork(void) { return SYSTEM_CALL(SYS_fork, 0, 0, 0); }

/* Waits for a child; returns the status it gave to leave. */
static u32 wait_for(long child) {
  int status = 0;
  if (child < 0 || SYSTEM_CALL(SYS_wait4, child, &status, 0) != child) fail("fork or wait");
  return (u32)status >> 8 & 0xff;
}

static u32 fork_exit_wait(u32 size) {
  u32 sum = 0;
  for (u32 i = 0; i < size; i++) {
    long child = fork();
    if (child == 0) leave((int)(i & 0x7f));
    sum += wait_for(child);
  }
  return sum;
}

/* One process after the other, never both at once: on one CPU, as a virtual machine with one has it. */
static void share_one_cpu(u64 *saved) {
  enum { BYTES = 128 };
  u64 one[BYTES / 8] = {0};
  if (SYSTEM_CALL(SYS_sched_getaffinity, 0, BYTES, saved) < 0) fail("sched_getaffinity");
  for (u32 i = 0; i < BYTES / 8; i++) {
    one[i] = saved[i] & -saved[i];
    if (one[i] != 0) break;
  }
  if (SYSTEM_CALL(SYS_sched_setaffinity, 0, BYTES, one) < 0) fail("sched_setaffinity");
}

static void use_all_cpus(const u64 *saved) {
  if (SYSTEM_CALL(SYS_sched_setaffinity, 0, 128, saved) < 0) fail("sched_setaffinity");
}

static void must_move(long number, int file, u32 *value) {
  if (SYSTEM_CALL(number, file, value, sizeof *value) != sizeof *value) fail("pipe");
}

static u32 pipe_ping_pong(u32 size) {
  int there[2], back[2];
  u64 cpus[16] = {0};
  u32 value = 1;
  share_one_cpu(cpus);
  if (SYSTEM_CALL(SYS_pipe, there, 0, 0) != 0 || SYSTEM_CALL(SYS_pipe, back, 0, 0) != 0) fail("pipe");
  long child = fork();
  if (child == 0) {
    for (u32 i = 0; i < size; i++) {
      must_move(SYS_read, there[0], &value);
      value = value * 5 + 1;
      must_move(SYS_write, back[1], &value);
    }
    leave(0);
  }
  for (u32 i = 0; i < size; i++) {
    must_move(SYS_write, there[1], &value);
    must_move(SYS_read, back[0], &value);
  }
  wait_for(child);
  for (int i = 0; i < 2; i++) SYSTEM_CALL(SYS_close, there[i], 0, 0), SYSTEM_CALL(SYS_close, back[i], 0, 0);
  use_all_cpus(cpus);
  return value;
}

/* Hands a turn in shared memory back and forth by futex(2): the barest switch between two processes. */
static void take_turns(volatile u32 *turn, u32 mine, u32 times) {
  enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };
  for (u32 i = 0; i < times; i++) {
    while (turn[0] != mine) system_call(SYS_futex, (long)turn, FUTEX_WAIT, 1 - mine, 0, 0, 0);
    turn[1] = turn[1] * 5 + mine;
    turn[0] = 1 - mine;
    system_call(SYS_futex, (long)turn, FUTEX_WAKE, 1, 0, 0, 0);
  }
}

static u32 context_switch(u32 size) {
  u64 cpus[16] = {0};
  u32 *turn = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  share_one_cpu(cpus);
  long child = fork();
  if (child == 0) {
    take_turns(turn, 1, size);
    leave(0);
  }
  take_turns(turn, 0, size);
  wait_for(child);
  u32 result = turn[1];
  unmap(turn, PAGE);
  use_all_cpus(cpus);
  return result;
}

/* MOV EAX, imm32; RET, its number rewritten before each of `size` thousand calls, in one of 16 places of two pages. */
static u32 self_modifying(u32 size) {
  u8 *code = map(2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);
  u32 sum = 0, state = 1;
  for (u32 i = 0; i < 16; i++) code[i * 512] = 0xb8, code[i * 512 + 5] = 0xc3;
  for (u32 i = 0; i < size * 1000; i++) {
    u32 value = next_random(&state);
    u8 *place = code + (value & 15) * 512;
    *(volatile u32 *)(place + 1) = value;
    sum = sum * 3 + ((u32(*)(void))place)();
  }
  unmap(code, 2 * PAGE);
  return sum;
}

const struct kernel system_kernels[] = {
    {"system-calls", 0, system_calls, 0},
    {"page-faults", 0, page_faults, 0},
    {"fork-exit-wait", 0, fork_exit_wait, 0},
    {"pipe-ping-pong", 0, pipe_ping_pong, 0},
    {"context-switch", 0, context_switch, 0},
    {"self-modifying", 0, self_modifying, 0},
    {0, 0, 0, 0},
};
