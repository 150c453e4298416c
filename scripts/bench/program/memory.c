/* Memory: streams of every width, strings of the CPU, tables and chains. */
#include <emmintrin.h>
#include "kernels.h"

#define MIB (1024u * 1024u)
#define AREA (4 * MIB)

static u8 source[AREA] __attribute__((aligned(4096)));
static u8 target[AREA] __attribute__((aligned(4096)));

/* Keeps gcc from seeing what an address points to, and so from turning a loop into a library call. */
#define HIDE(pointer) __asm__ volatile("" : "+r"(pointer)::"memory")

static void fill_source(u32 size) {
  u32 state = size;
  u32 *words = (u32 *)source;
  if (words[0] == 0) {
    for (u32 i = 0; i < AREA / 4; i++) words[i] = next_random(&state);
  }
  words[0] = 1;
}

/* Both areas present in the page tables, and the target known. */
static void prepare_copy(u32 size) {
  (void)size;
  fill_source(1);
  u32 *words = (u32 *)target;
  for (u32 i = 0; i < AREA / 4; i++) words[i] = i;
}

static u32 check_target(u32 size) {
  (void)size;
  return digest(2166136261u, (const u32 *)target, AREA / 4);
}

/* Eratosthenes over 1 MiB, one byte a number, `size` times. */
static u32 sieve(u32 size) {
  const u32 limit = MIB;
  u8 *composite = target;
  u32 count = 0;
  for (u32 time = 0; time < size; time++) {
    for (u32 i = 0; i < limit; i++) composite[i] = 0;
    for (u32 i = 2; i * i < limit; i++) {
      if (composite[i]) continue;
      for (u32 j = i * i; j < limit; j += i) composite[j] = 1;
    }
    for (u32 i = 2; i < limit; i++) count += composite[i] == 0;
  }
  return count;
}

/* The copies below move `size` MiB, area after area. */
#define COPY(name, body)              \
  static u32 name(u32 size) {         \
    for (u32 left = size; left > 0;) { \
      u32 part = left < 4 ? left : 4; \
      u32 bytes = part * MIB;         \
      const u8 *from = source;        \
      u8 *to = target;                \
      HIDE(from);                     \
      HIDE(to);                       \
      body;                           \
      left -= part;                   \
    }                                 \
    return size;                      \
  }

COPY(copy_words, for (u32 i = 0; i < bytes; i += sizeof(long)) * (long *)(to + i) = *(const long *)(from + i))

COPY(copy_sse, for (u32 i = 0; i < bytes; i += 64) {
  __m128i a = _mm_load_si128((const __m128i *)(from + i));
  __m128i b = _mm_load_si128((const __m128i *)(from + i + 16));
  __m128i c = _mm_load_si128((const __m128i *)(from + i + 32));
  __m128i d = _mm_load_si128((const __m128i *)(from + i + 48));
  _mm_store_si128((__m128i *)(to + i), a);
  _mm_store_si128((__m128i *)(to + i + 16), b);
  _mm_store_si128((__m128i *)(to + i + 32), c);
  _mm_store_si128((__m128i *)(to + i + 48), d);
})

/* Byte by byte, from an odd address. */
COPY(copy_bytes, for (u32 i = 0; i < bytes - 1; i++) to[i] = from[i + 1])

static void rep_stosd(void *to, u32 value, unsigned long count) {
  __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}
static void rep_movsd(void *to, const void *from, unsigned long count) {
  __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}
static void rep_stosb(void *to, u32 value, unsigned long count) {
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}
static void rep_movsb(void *to, const void *from, unsigned long count) {
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

/* Half of the bytes stored, half moved. */
COPY(rep_words, rep_stosd(to, size, bytes / 8); rep_movsd(to + bytes / 2, from, bytes / 8))
COPY(rep_bytes, rep_stosb(to, size, bytes / 2); rep_movsb(to + bytes / 2, from + 1, bytes / 2))

/* Strings as programs have them: `size` thousand of 1 to 64 bytes, scanned for their end, compared and moved. */
static u32 short_strings(u32 size) {
  u32 state = 3, sum = 0;
  for (u32 i = 0; i < size * 1000; i++) {
    u32 at = next_random(&state) % (64 * 1024), length = 1 + (state & 63);
    const u8 *from = source + at;
    u8 *to = target + at;
    unsigned long left = length;
    rep_movsb(to, from, length);
    __asm__ volatile("repe cmpsb" : "+D"(to), "+S"(from), "+c"(left)::"memory", "cc");
    sum += (u32)left + to[-1];
  }
  return sum;
}

#define CHAIN (1u << 20)
static u32 chain[CHAIN];

/* One cycle through all places in random order (Sattolo): every load waits for the one before and misses the caches. */
static void prepare_chain(u32 size) {
  u32 state = 99;
  (void)size;
  if (chain[0] != 0) return;
  for (u32 i = 0; i < CHAIN; i++) chain[i] = i;
  for (u32 i = CHAIN - 1; i > 0; i--) {
    u32 other = (next_random(&state) ^ next_random(&state) << 8) % i;
    u32 value = chain[i];
    chain[i] = chain[other];
    chain[other] = value;
  }
}

static u32 pointer_chase(u32 size) {
  u32 at = 0;
  for (u32 i = 0; i < size * 1000; i++) at = chain[at];
  return at;
}

/* Open addressing with linear probing: `size` thousand keys counted in, then looked up. */
#define SLOTS (1u << 18)
static struct slot {
  u32 key, count;
} slots[SLOTS];

static void clear_slots(u32 size) {
  if (size * 1000 > SLOTS * 3 / 4) fail("hash-table: size");
  for (u32 i = 0; i < SLOTS; i++) slots[i].key = slots[i].count = 0;
}

static struct slot *find_slot(u32 key) {
  u32 at = key * 2654435769u >> 14;
  while (slots[at].key != key && slots[at].key != 0) at = (at + 1) & (SLOTS - 1);
  return &slots[at];
}

static u32 hash_table(u32 size) {
  u32 state = 5, found = 0;
  for (u32 i = 0; i < size * 1000; i++) {
    u32 key = next_random(&state) | 1;
    struct slot *slot = find_slot(key);
    slot->key = key;
    slot->count++;
  }
  for (u32 i = 0; i < size * 1000; i++) found += find_slot(i | 1)->count * i;
  return found;
}

static u32 check_slots(u32 size) {
  (void)size;
  return digest(2166136261u, (const u32 *)slots, SLOTS * 2);
}

const struct kernel memory_kernels[] = {
    {"sieve", prepare_copy, sieve, 0},
    {"copy-words", prepare_copy, copy_words, check_target},
    {"copy-bytes", prepare_copy, copy_bytes, check_target},
    {"copy-sse", prepare_copy, copy_sse, check_target},
    {"rep-words", prepare_copy, rep_words, check_target},
    {"rep-bytes", prepare_copy, rep_bytes, check_target},
    {"short-strings", prepare_copy, short_strings, check_target},
    {"pointer-chase", prepare_chain, pointer_chase, 0},
    {"hash-table", clear_slots, hash_table, check_slots},
    {0, 0, 0, 0},
};
