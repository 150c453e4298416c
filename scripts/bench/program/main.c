/* The guest benchmark: serves commands, a line each, on standard input; runs as a program, or as /init of a machine.
 *
 *   prepare NAME SIZE   makes the data of a kernel           prepared NAME
 *   run                 runs it once                         ran NANOSECONDS NANOSECONDS    (by this system's clocks:
 *                                                                processor time, and how long it took)
 *   check               tells what it computed               checked CHECKSUM
 *   quit                powers off, or exits; so does the end of the input
 *
 * The measuring side does the same between the steps for every machine, and so can keep them in lockstep.
 */
#include "kernels.h"

static const struct kernel *const groups[] = {integer_kernels, memory_kernels, float_kernels, data_kernels,
                                              system_kernels,  disk_kernels,   screen_kernels};

static int equal(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
}

static const struct kernel *find(const char *name) {
  for (u32 group = 0; group < sizeof groups / sizeof groups[0]; group++) {
    for (const struct kernel *kernel = groups[group]; kernel->name != 0; kernel++) {
      if (equal(kernel->name, name)) return kernel;
    }
  }
  return 0;
}

/* Long division by hand: for i386 gcc would call its library. */
static u32 divide_by_ten(u64 *value) {
  u64 quotient = 0;
  u32 rest = 0;
  for (int bit = 63; bit >= 0; bit--) {
    rest = rest * 2 + (u32)(*value >> bit & 1);
    if (rest >= 10) rest -= 10, quotient |= 1ull << bit;
  }
  *value = quotient;
  return rest;
}

static void reply(const char *what, const char *text) {
  static char line[100];
  int length = 0;
  for (const char *at = what; *at != 0 && length < 60;) line[length++] = *at++;
  line[length++] = ' ';
  for (const char *at = text; *at != 0 && length < 98;) line[length++] = *at++;
  line[length++] = '\n';
  line[length] = 0;
  print(line);
}

/* Writes a number so that its last digit is before `end`; returns where its first is. */
static char *decimal(char *end, u64 value) {
  do *--end = (char)('0' + divide_by_ten(&value));
  while (value != 0);
  return end;
}

static void reply_number(const char *what, u64 value) {
  char text[24];
  text[23] = 0;
  reply(what, decimal(text + 23, value));
}

static void reply_times(u64 processor, u64 elapsed) {
  char text[48];
  text[47] = 0;
  char *at = decimal(text + 47, elapsed);
  *--at = ' ';
  reply("ran", decimal(at, processor));
}

/* The next line without its end; 0 at the end of the input. */
static int read_line(char *line, int room) {
  int length = 0;
  for (;;) {
    char byte;
    if (SYSTEM_CALL(SYS_read, 0, &byte, 1) != 1) return 0;
    if (byte == '\n') break;
    if (byte != '\r' && length < room - 1) line[length++] = byte;
  }
  line[length] = 0;
  return 1;
}

/* Cuts a line at its first blank; returns what is behind it. */
static char *cut(char *line) {
  while (*line != 0 && *line != ' ') line++;
  if (*line != 0) *line++ = 0;
  return line;
}

static u32 number(const char *text) {
  u32 value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + (u32)(*text++ - '0');
  return value;
}

int main(void) {
  static char line[100];
  const struct kernel *kernel = 0;
  u32 size = 0, result = 0;
  calm_terminal(0, ECHO); /* a serial console repeats what it is sent */
  reply_number("vivarium-bench", sizeof(void *) * 8);
  while (read_line(line, sizeof line)) {
    char *name = cut(line);
    if (equal(line, "quit")) break;
    if (equal(line, "prepare")) {
      size = number(cut(name));
      kernel = find(name);
      if (kernel == 0) fail("no such kernel");
      if (kernel->prepare) kernel->prepare(size);
      reply("prepared", name);
    } else if (kernel == 0) {
      fail("nothing is prepared");
    } else if (equal(line, "run")) {
      u64 began = elapsed_time(), used = cpu_time();
      result = kernel->run(size);
      used = cpu_time() - used;
      reply_times(used, elapsed_time() - began);
    } else if (equal(line, "check")) {
      reply_number("checked", result ^ (kernel->check ? kernel->check(size) : 0));
    } else {
      fail("no such command");
    }
  }
  return 0;
}
