/* Arithmetic, branches and calls. */
#include "kernels.h"

static u32 nothing(u32 size) { return size; }

/* Loops count `size` in thousands. */
static u32 int32(u32 size) {
  u32 a = 12345, b = 2463534242u;
  for (u32 i = 0; i < size * 1000; i++) {
    a = a * 1664525u + 1013904223u;
    b ^= b << 13, b ^= b >> 17, b ^= b << 5;
    a ^= b;
  }
  return a ^ b;
}

static u32 int64(u32 size) {
  u64 a = 12345, b = 88172645463325252ull;
  for (u32 i = 0; i < size * 1000; i++) {
    a = a * 6364136223846793005ull + 1442695040888963407ull;
    b ^= b << 13, b ^= b >> 7, b ^= b << 17;
    a ^= b;
  }
  return (u32)(a ^ b) ^ (u32)((a ^ b) >> 32);
}

/* Branches that no predictor knows: one step of a binary decision tree per bit. */
static u32 branches(u32 size) {
  u32 state = 1, taken[8] = {0}, sum = 0;
  for (u32 i = 0; i < size * 1000; i++) {
    u32 value = next_random(&state);
    if (value & 0x100) {
      if (value & 0x200) taken[0] += value;
      else if (value & 0x400) taken[1] ^= value;
      else taken[2]--;
    } else if (value & 0x800) {
      if (value & 0x1000) taken[3] -= value;
      else taken[4] += i;
    } else if (value > 0x800000) taken[5] += 3;
    else taken[6] ^= i;
  }
  for (int i = 0; i < 8; i++) sum = sum * 31 + taken[i];
  return sum;
}

/* At a higher level gcc unrolls the recursion, and few calls are left. */
static __attribute__((noinline, optimize("O1"))) u32 fibonacci(u32 n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

#define STEP(name, expression) \
  static __attribute__((noinline)) u32 name(u32 x, u32 i) { return expression; }
STEP(step_add, x + i)
STEP(step_sub, x - (i << 1))
STEP(step_xor, x ^ i)
STEP(step_mul, (x + i) * 2654435761u)
STEP(step_rotate, (x << 7 | x >> 25) ^ i)
STEP(step_not, ~x + i)
STEP(step_or, (x | 1) + (i & x))
STEP(step_swap, __builtin_bswap32(x) + i)

static u32 (*const volatile steps[8])(u32, u32) = {step_add,    step_sub, step_xor, step_mul,
                                                   step_rotate, step_not, step_or,  step_swap};

static u32 indirect_calls(u32 size) {
  u32 x = 1, state = 7;
  for (u32 i = 0; i < size * 1000; i++) x = steps[next_random(&state) >> 4 & 7](x, i);
  return x;
}

/* A stack machine that counts primes by trial division, its code below. */
enum op { PUSH, LOAD, STORE, ADD, MUL, REM, LESS, ZERO, JUMP, JUMP_IF, HALT };
static const u8 primes[] = {
    PUSH, 2, STORE, 0,                                 /*  0: n = 2 */
    LOAD, 0, LOAD, 3, LESS, JUMP_IF, 12, HALT,         /*  4: while n < limit */
    PUSH, 2, STORE, 1,                                 /* 12: d = 2 */
    LOAD, 0, LOAD, 1, LOAD, 1, MUL, LESS, JUMP_IF, 43, /* 16: n < d * d: prime */
    LOAD, 0, LOAD, 1, REM, ZERO, JUMP_IF, 50,          /* 26: n % d = 0: not prime */
    LOAD, 1, PUSH, 1, ADD, STORE, 1, JUMP, 16,         /* 34: d = d + 1 */
    LOAD, 2, PUSH, 1, ADD, STORE, 2,                   /* 43: count = count + 1 */
    LOAD, 0, PUSH, 1, ADD, STORE, 0, JUMP, 4,          /* 50: n = n + 1 */
};

static __attribute__((noinline)) u32 interpret(const u8 *code, u32 limit) {
  u32 stack[16], variables[4] = {0, 0, 0, limit};
  u32 top = 0;
  for (u32 at = 0;;) {
    u32 a, b;
    switch (code[at++]) {
      case PUSH: stack[top++] = code[at++]; break;
      case LOAD: stack[top++] = variables[code[at++]]; break;
      case STORE: variables[code[at++]] = stack[--top]; break;
      case ADD: b = stack[--top], stack[top - 1] += b; break;
      case MUL: b = stack[--top], stack[top - 1] *= b; break;
      case REM: b = stack[--top], stack[top - 1] %= b; break;
      case LESS: b = stack[--top], a = stack[--top], stack[top++] = a < b; break;
      case ZERO: stack[top - 1] = stack[top - 1] == 0; break;
      case JUMP: at = code[at]; break;
      case JUMP_IF: at = stack[--top] ? code[at] : at + 1; break;
      default: return variables[2];
    }
  }
}

static u32 bytecode(u32 size) { return interpret(primes, size); }

const struct kernel integer_kernels[] = {
    {"empty", 0, nothing, 0},
    {"int32", 0, int32, 0},
    {"int64", 0, int64, 0},
    {"branches", 0, branches, 0},
    {"fibonacci", 0, fibonacci, 0},
    {"indirect-calls", 0, indirect_calls, 0},
    {"bytecode", 0, bytecode, 0},
    {0, 0, 0, 0},
};
