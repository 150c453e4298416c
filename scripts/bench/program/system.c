/* Entry, system calls and the few lines of a C library that the program needs. */
#include "system.h"

void start(long *stack);

#ifdef __x86_64__
__asm__(".globl _start\n"
        "_start:\n"
        "  xor %ebp, %ebp\n"
        "  mov %rsp, %rdi\n"
        "  and $-16, %rsp\n"
        "  call start\n"
        "  ud2\n");

long system_call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static void find_system_entry(long *stack) { (void)stack; }
#else
__asm__(".globl _start\n"
        "_start:\n"
        "  xor %ebp, %ebp\n"
        "  mov %esp, %eax\n"
        "  and $-16, %esp\n"
        "  sub $12, %esp\n"
        "  push %eax\n"
        "  call start\n"
        "  ud2\n"
        /* long system_call(number, a, b, c, d, e, f): EBX, ESI, EDI and EBP are the caller's */
        ".globl system_call\n"
        "system_call:\n"
        "  push %ebp\n"
        "  push %edi\n"
        "  push %esi\n"
        "  push %ebx\n"
        "  mov 20(%esp), %eax\n"
        "  mov 24(%esp), %ebx\n"
        "  mov 28(%esp), %ecx\n"
        "  mov 32(%esp), %edx\n"
        "  mov 36(%esp), %esi\n"
        "  mov 40(%esp), %edi\n"
        "  mov 44(%esp), %ebp\n"
        "  call *system_entry\n"
        "  pop %ebx\n"
        "  pop %esi\n"
        "  pop %edi\n"
        "  pop %ebp\n"
        "  ret\n"
        "interrupt_entry:\n"
        "  int $0x80\n"
        "  ret\n");

void interrupt_entry(void);
void (*system_entry)(void) = interrupt_entry;

/* The vDSO's __kernel_vsyscall (SYSENTER where the CPU has it), as C libraries use it: getauxval(3), AT_SYSINFO. */
static void find_system_entry(long *stack) {
  enum { AT_NULL = 0, AT_SYSINFO = 32 };
  long *at = stack + 1 + stack[0] + 1; /* argc, argv, NULL */
  while (*at++ != 0) {
  } /* environment */
  for (; at[0] != AT_NULL; at += 2) {
    if (at[0] == AT_SYSINFO) system_entry = (void (*)(void))at[1];
  }
}
#endif

int main(void);

__attribute__((used)) void start(long *stack) {
  find_system_entry(stack);
  leave(main());
}

/* gcc may call these two for what it makes of loops and assignments, also without a library. */
void *memcpy(void *to, const void *from, unsigned long size) {
  for (unsigned long i = 0; i < size; i++) ((u8 *)to)[i] = ((const u8 *)from)[i];
  return to;
}
void *memset(void *to, int value, unsigned long size) {
  for (unsigned long i = 0; i < size; i++) ((u8 *)to)[i] = (u8)value;
  return to;
}

int text_length(const char *text) {
  int length = 0;
  while (text[length] != 0) length++;
  return length;
}

void print(const char *text) {
  for (int left = text_length(text); left > 0;) {
    long written = SYSTEM_CALL(SYS_write, 1, text, left);
    if (written <= 0) leave(3);
    text += written;
    left -= (int)written;
  }
}

void fail(const char *what) {
  print("failed ");
  print(what);
  print("\n");
  leave(2);
}

void leave(int status) {
  if (SYSTEM_CALL(SYS_getpid, 0, 0, 0) == 1) { /* /init: reboot(2), LINUX_REBOOT_CMD_POWER_OFF */
    SYSTEM_CALL(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc);
  }
  for (;;) SYSTEM_CALL(SYS_exit_group, status, 0, 0);
}

void *map(unsigned long size, int protection, int flags) {
  long address = system_call(SYS_mmap, 0, (long)size, protection, flags | MAP_ANONYMOUS, -1, 0);
  if (address < 0 && address > -4096) fail("mmap");
  return (void *)address;
}

long open(const char *path, int flags) { return SYSTEM_CALL(SYS_open, path, flags, 0); }

void *map_device(const char *path, u32 offset, unsigned long size) {
  long file = open(path, O_RDWR);
  if (file < 0) fail(path);
  const u32 unit = sizeof(long) == 8 ? 1 : 4096; /* mmap2 counts pages */
  long address = system_call(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, file, (long)(offset / unit));
  if (address < 0 && address > -4096) fail(path);
  return (void *)address;
}

void calm_terminal(int file, u32 local_flags) {
  enum { TCGETS = 0x5401, TCSETS = 0x5402, LOCAL_FLAGS = 3 };
  u32 termios[16];
  if (SYSTEM_CALL(SYS_ioctl, file, TCGETS, termios) != 0) return;
  termios[LOCAL_FLAGS] &= ~local_flags;
  SYSTEM_CALL(SYS_ioctl, file, TCSETS, termios);
}

void unmap(void *address, unsigned long size) {
  if (SYSTEM_CALL(SYS_munmap, address, size, 0) != 0) fail("munmap");
}

u64 elapsed_time(void) {
  enum { CLOCK_MONOTONIC = 1 };
  long now[2]; /* struct timespec */
  if (SYSTEM_CALL(SYS_clock_gettime, CLOCK_MONOTONIC, now, 0) != 0) fail("clock_gettime");
  return (u64)now[0] * 1000000000u + (u64)now[1];
}

u64 cpu_time(void) {
  enum { CLOCK_PROCESS_CPUTIME_ID = 2, RUSAGE_CHILDREN = -1 };
  long own[2];            /* struct timespec */
  long children[36] = {0}; /* struct rusage begins with two struct timeval: user, system */
  if (SYSTEM_CALL(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, own, 0) != 0) fail("clock_gettime");
  if (SYSTEM_CALL(SYS_getrusage, RUSAGE_CHILDREN, children, 0) != 0) fail("getrusage");
  u64 seconds = (u64)own[0] + (u64)children[0] + (u64)children[2];
  return seconds * 1000000000u + (u64)own[1] + ((u64)children[1] + (u64)children[3]) * 1000u;
}
