/* Small programs over data: SHA-256, quicksort, compression. */
#include "kernels.h"

#define KIB 1024u
#define LARGEST (1024 * KIB)
static u8 text[LARGEST];
static u8 packed[LARGEST * 9 / 8 + 16];

/* Words of a made-up language, common ones often: compresses about as English does. */
static void write_text(u32 size) {
  static const char syllables[16][4] = {"ba", "con", "di", "est", "fo", "ing", "la", "men",
                                        "no", "per", "qua", "re", "sta", "ti", "ver", "y"};
  u32 state = 1, at = 0, bytes = size * KIB;
  if (bytes > LARGEST) fail("text: size");
  while (at < bytes) {
    u32 word = next_random(&state) & next_random(&state) & 0xfff;
    for (u32 left = 1 + word % 3; left > 0; left--, word = word * 5 + 1) {
      for (const char *from = syllables[word >> 4 & 15]; *from != 0 && at < bytes;) text[at++] = (u8)*from++;
    }
    if (at < bytes) text[at++] = word % 11 == 0 ? '\n' : ' ';
  }
}

static void write_all_text(u32 size) {
  (void)size;
  write_text(LARGEST / KIB);
}

/* [FIPS 180-4] section 6.2; `size` KiB of the text, over and over. */
static const u32 round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static u32 rotate(u32 x, u32 by) { return x >> by | x << (32 - by); }

static void hash_block(u32 *state, const u8 *block) {
  u32 w[64], v[8];
  for (u32 i = 0; i < 16; i++) w[i] = __builtin_bswap32(((const u32 *)block)[i]);
  for (u32 i = 16; i < 64; i++) {
    u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  for (u32 i = 0; i < 8; i++) v[i] = state[i];
  for (u32 i = 0; i < 64; i++) {
    u32 s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    u32 t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[i] + w[i];
    u32 s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    u32 t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1;
    v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + t2;
  }
  for (u32 i = 0; i < 8; i++) state[i] += v[i];
}

/* The text is whole blocks; the block of padding that follows is the same for every implementation and left out. */
static u32 sha256(u32 size) {
  u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (u32 at = 0; at < size * KIB; at += 64) hash_block(state, text + at % LARGEST);
  return digest(2166136261u, state, 8);
}

#define NUMBERS (1u << 20)
static u32 numbers[NUMBERS];

static void fill_numbers(u32 size) {
  u32 state = 42;
  if (size * 1000 > NUMBERS) fail("quicksort: size");
  for (u32 i = 0; i < size * 1000; i++) numbers[i] = next_random(&state);
}

static void sort(u32 *first, u32 *last) {
  while (last - first > 12) {
    u32 pivot = first[(last - first) / 2];
    u32 *low = first, *high = last;
    while (low <= high) {
      while (*low < pivot) low++;
      while (*high > pivot) high--;
      if (low <= high) {
        u32 other = *low;
        *low++ = *high;
        *high-- = other;
      }
    }
    if (high - first < last - low) {
      sort(first, high);
      first = low;
    } else {
      sort(low, last);
      last = high;
    }
  }
  for (u32 *at = first + 1; at <= last; at++) {
    u32 value = *at, *to = at;
    for (; to > first && to[-1] > value; to--) *to = to[-1];
    *to = value;
  }
}

static u32 quicksort(u32 size) {
  sort(numbers, numbers + size * 1000 - 1);
  return numbers[size * 500];
}

static u32 check_numbers(u32 size) { return digest(2166136261u, numbers, size * 1000); }

/* LZ77 with chains of hashed triples over a 32 KiB window, as deflate looks for matches ([RFC 1951] section 4); matches
 * and literals are written as bits, Elias gamma coded instead of Huffman. */
#define WINDOW (32 * KIB)
#define LONGEST 258
#define MOST_TRIES 32
static u32 heads[WINDOW], previous[WINDOW];
static u32 bit_buffer, bit_count, packed_size;

static void put_bits(u32 value, u32 count) {
  bit_buffer |= value << bit_count;
  for (bit_count += count; bit_count >= 8; bit_count -= 8, bit_buffer >>= 8) packed[packed_size++] = (u8)bit_buffer;
}

static void put_gamma(u32 value) {
  u32 bits = 31 - (u32)__builtin_clz(value);
  put_bits(0, bits);
  put_bits(1, 1);
  put_bits(value & ((1u << bits) - 1), bits);
}

static u32 hash_at(u32 at) { return (text[at] << 10 ^ text[at + 1] << 5 ^ text[at + 2]) & (WINDOW - 1); }

static u32 match_length(u32 a, u32 b, u32 most) {
  u32 length = 0;
  while (length < most && text[a + length] == text[b + length]) length++;
  return length;
}

/* Positions are kept plus one: 0 is the end of a chain. */
static void enter(u32 at) {
  u32 hash = hash_at(at);
  previous[at & (WINDOW - 1)] = heads[hash];
  heads[hash] = at + 1;
}

static u32 compress(u32 size) {
  u32 bytes = size * KIB;
  for (u32 i = 0; i < WINDOW; i++) heads[i] = 0;
  bit_buffer = bit_count = packed_size = 0;
  for (u32 at = 0; at < bytes;) {
    u32 longest = 0, distance = 0, most = bytes - at < LONGEST ? bytes - at : LONGEST;
    if (most >= 3) {
      u32 candidate = heads[hash_at(at)];
      for (u32 tries = MOST_TRIES; candidate != 0 && at - (candidate - 1) < WINDOW && tries > 0; tries--) {
        u32 length = match_length(candidate - 1, at, most);
        if (length > longest) longest = length, distance = at - (candidate - 1);
        candidate = previous[(candidate - 1) & (WINDOW - 1)];
      }
    }
    if (longest < 4) {
      put_bits(0, 1);
      put_bits(text[at], 8);
      longest = 1;
    } else {
      put_bits(1, 1);
      put_gamma(longest - 3);
      put_gamma(distance);
    }
    for (u32 end = at + longest; at < end; at++) {
      if (bytes - at >= 3) enter(at);
    }
  }
  put_bits(0, 7);
  return packed_size;
}

static u32 check_packed(u32 size) {
  (void)size;
  return digest(2166136261u, (const u32 *)packed, packed_size / 4);
}

const struct kernel data_kernels[] = {
    {"sha256", write_all_text, sha256, 0},
    {"quicksort", fill_numbers, quicksort, check_numbers},
    {"compress", write_text, compress, check_packed},
    {0, 0, 0, 0},
};
