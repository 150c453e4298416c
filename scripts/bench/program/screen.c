/* The standard VGA's frame buffer, as a driver in user space has it: found by PCI configuration mechanism 1, set to
 * 1024x768 of 32 bits by the Bochs VBE registers, mapped through /dev/mem. Only as /init.
 */
#include "kernels.h"

enum { WIDTH = 1024, HEIGHT = 768, PIXELS = WIDTH * HEIGHT, SQUARE = 64 };

static u32 *screen;
static long keyboard = -1;

static void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "d"(port)); }
static void out32(u16 port, u32 value) { __asm__ volatile("outl %0, %1" : : "a"(value), "d"(port)); }
static u32 in32(u16 port) {
  u32 value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "d"(port));
  return value;
}

static u32 read_config(u32 device, u32 offset) {
  out32(0xcf8, 0x80000000u | device << 11 | offset);
  return in32(0xcfc);
}

/* PCI 3.0, 6.2.1: class code 030000h is a VGA; its first base address is the frame buffer's. */
static u32 find_frame_buffer(void) {
  enum { COMMAND = 4, MEMORY_SPACE = 2, CLASS = 8, BAR0 = 0x10, VGA = 0x0300 };
  for (u32 device = 0; device < 32; device++) {
    if (read_config(device, CLASS) >> 16 != VGA) continue;
    u32 command = read_config(device, COMMAND) & 0xffff;
    out32(0xcfc, command | MEMORY_SPACE);
    return read_config(device, BAR0) & ~15u;
  }
  fail("no VGA");
}

static void set_mode(void) {
  enum { XRES = 1, YRES = 2, BPP = 3, ENABLE = 4, ENABLED_LINEAR = 0x41 };
  const u16 registers[][2] = {{ENABLE, 0}, {XRES, WIDTH}, {YRES, HEIGHT}, {BPP, 32}, {ENABLE, ENABLED_LINEAR}};
  for (u32 i = 0; i < sizeof registers / sizeof registers[0]; i++) {
    out16(0x1ce, registers[i][0]);
    out16(0x1cf, registers[i][1]);
  }
}

static void show(u32 size) {
  (void)size;
  if (screen) return;
  if (SYSTEM_CALL(SYS_iopl, 3, 0, 0) != 0) fail("iopl");
  u32 address = find_frame_buffer();
  set_mode();
  screen = map_device("/dev/mem", address, PIXELS * 4);
}

/* What a round left counts for nothing in the next. */
static void blank(u32 size) {
  show(size);
  for (u32 i = 0; i < PIXELS; i++) screen[i] = 0;
}

/* `size` frames: two gradients that move against each other, so that every pixel changes in each. */
static u32 frames(u32 size) {
  for (u32 frame = 0; frame < size; frame++) {
    u32 *at = screen;
    for (u32 y = 0; y < HEIGHT; y++) {
      u32 line = (y + frame) << 8 & 0xff00;
      for (u32 x = 0; x < WIDTH; x++) *at++ = line | ((x - frame) & 0xff) << 16;
    }
  }
  return size;
}

static u32 digest_screen(u32 size) { return digest(size, screen, PIXELS); }

static void open_keyboard(u32 size) {
  enum { S_IFCHR = 0020000, TTY1 = 4 << 8 | 1 };
  blank(size);
  if (keyboard >= 0) return;
  SYSTEM_CALL(SYS_mknod, "/dev/tty1", S_IFCHR | 0600, TTY1);
  keyboard = open("/dev/tty1", O_RDONLY | O_NOCTTY);
  if (keyboard < 0) fail("/dev/tty1");
  calm_terminal((int)keyboard, ECHO | ICANON);
}

/* A square, in another colour for each of `size` keys: two that fall into one picture still change it. */
static u32 key_echo(u32 size) {
  u32 sum = 0;
  for (u32 i = 0; i < size; i++) {
    u8 key = 0;
    if (SYSTEM_CALL(SYS_read, keyboard, &key, 1) != 1) fail("the keyboard");
    sum = sum * 31 + key;
    for (u32 at = 0; at < SQUARE * SQUARE; at++) screen[at / SQUARE * WIDTH + at % SQUARE] = (i + 1) * 0x030507;
  }
  return sum;
}

const struct kernel screen_kernels[] = {
    {"frames", blank, frames, digest_screen},
    {"key-echo", open_keyboard, key_echo, digest_screen},
    {0, 0, 0, 0},
};
