/* Runs single x87 instructions on the CPU of this machine: the ground truth for core/cpu/fpu.
 *
 * stdin: records of 256 bytes; stdout: one record of 256 bytes for each.
 *   in   0 code length (u8), 1..15 code; 16 FSAVE image (108); 124 EFLAGS (u32); 128 memory operand (128), at [rsi]
 *   out  0 FSAVE image (108); 108 EFLAGS; 112 EAX; 116 signal number (0: none); 128 memory operand (128)
 * After a signal only the number is meaningful.
 * Build: gcc -O1 -o x87-native x87-native.c      (x86-64 Linux only)
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct in { uint8_t length, code[15]; uint8_t fsave[108]; uint32_t eflags; uint8_t memory[128]; };
struct out { uint8_t fsave[108]; uint32_t eflags, eax, signal; uint8_t gap[8]; uint8_t memory[128]; };

/* rdi: struct in, rsi: memory operand, rdx: struct out. The code goes into the 15 NOPs. */
__asm__(".text\n"
        "thunk: push %rbx\n"
        "  frstor 16(%rdi)\n"
        "  mov 124(%rdi), %eax\n  push %rax\n  xor %eax, %eax\n  popfq\n"
        "thunk_code: .fill 15, 1, 0x90\n"
        "  pushfq\n  pop %rbx\n"
        "  mov %eax, 112(%rdx)\n  mov %ebx, 108(%rdx)\n"
        "  fnsave (%rdx)\n"
        "  fninit\n  cld\n  pop %rbx\n  ret\n"
        "thunk_end:\n");
extern const uint8_t thunk[], thunk_code[], thunk_end[];

static sigjmp_buf escape;
static void on_signal(int number) { siglongjmp(escape, number); }

int main(void) {
  uint8_t *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return perror("mmap"), 1;
  memcpy(page, thunk, thunk_end - thunk);
  uint8_t *code = page + (thunk_code - thunk);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
  sigaction(SIGFPE, &action, 0);
  sigaction(SIGILL, &action, 0);
  sigaction(SIGSEGV, &action, 0);

  static struct in in;
  static struct out out;
  while (fread(&in, sizeof in, 1, stdin) == 1) {
    memset(&out, 0, sizeof out);
    memcpy(out.memory, in.memory, sizeof in.memory);
    memset(code, 0x90, 15);
    memcpy(code, in.code, in.length);
    int number = sigsetjmp(escape, 1);
    if (number == 0) ((void (*)(void *, void *, void *))page)(&in, out.memory, &out);
    else { __asm__ volatile("fninit; cld"); out.signal = number; }
    if (fwrite(&out, sizeof out, 1, stdout) != 1) return 1;
  }
  return 0;
}
