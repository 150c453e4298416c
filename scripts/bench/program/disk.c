/* A disk, as /dev/sda: in requests that pass the guest's page cache by, and through it. Only as /init; it needs the
 * drivers /modules/a.ko, b.ko and so on. What is written is not the same in any two sectors.
 */
#include "kernels.h"

enum { SECTOR = 512, BLOCK = 4096, PIECE = 1 << 16, CHUNK = 1 << 20, SPAN = 64 << 20 };

static int disk = -1, cached_disk = -1;
static u8 *buffer;

static void load_drivers(void) {
  for (char path[] = "/modules/a.ko";; path[9]++) {
    long file = open(path, O_RDONLY);
    if (file < 0) return;
    if (SYSTEM_CALL(SYS_finit_module, file, "", 0) != 0) fail("a driver");
    SYSTEM_CALL(SYS_close, file, 0, 0);
  }
}

/* Disks are found in the background. */
static int open_disk(int flags) {
  enum { S_IFBLK = 0060000, SD_MAJOR = 8, TRIES = 3000 };
  long pause[] = {0, 10000000}; /* struct timespec */
  SYSTEM_CALL(SYS_mknod, "/dev/sda", S_IFBLK | 0600, SD_MAJOR << 8);
  for (u32 i = 0; i < TRIES; i++) {
    long file = open("/dev/sda", O_RDWR | flags);
    if (file >= 0) return (int)file;
    SYSTEM_CALL(SYS_nanosleep, pause, 0, 0);
  }
  fail("no disk");
}

static void open_all(u32 size) {
  (void)size;
  if (buffer) return;
  load_drivers();
  disk = open_disk(O_DIRECT);
  cached_disk = open_disk(0);
  buffer = map(CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

/* Offsets are below 2 GiB: on i386 their high half is the argument after the low one. */
static void must_read(u32 offset, long bytes) {
  if (system_call(SYS_pread64, disk, (long)buffer, bytes, offset, 0, 0) != bytes) fail("pread");
}
static void must_write(int file, u32 offset, long bytes) {
  if (system_call(SYS_pwrite64, file, (long)buffer, bytes, offset, 0, 0) != bytes) fail("pwrite");
}

/* A word of each sector, in a place that depends on the sector. */
static u32 *mark(u32 offset, u32 sector) {
  return (u32 *)(buffer + sector * SECTOR) + (offset / SECTOR + sector) % (SECTOR / 4);
}
static void put_marks(u32 offset, u32 bytes, u32 salt) {
  for (u32 i = 0; i < bytes / SECTOR; i++) *mark(offset, i) = (offset / SECTOR + i + 1) * 2654435761u ^ salt;
}
static u32 sum_marks(u32 sum, u32 offset, u32 bytes) {
  for (u32 i = 0; i < bytes / SECTOR; i++) sum = sum * 31 + *mark(offset, i);
  return sum;
}

static void clear(u32 size) {
  open_all(size);
  for (u32 i = 0; i < CHUNK; i++) buffer[i] = 0;
  for (u32 at = 0; at < SPAN; at += CHUNK) must_write(disk, at, CHUNK);
}

static u32 read_back(u32 size) {
  u32 sum = size;
  for (u32 at = 0; at < SPAN; at += CHUNK) {
    must_read(at, CHUNK);
    sum = sum_marks(sum, at, CHUNK);
  }
  return sum;
}

static u32 sequential_read(u32 size) {
  u32 sum = 0;
  for (u32 i = 0; i < size; i++) {
    u32 at = i * CHUNK % SPAN;
    must_read(at, CHUNK);
    sum = sum_marks(sum, at, CHUNK);
  }
  return sum;
}

static u32 sequential_write(u32 size) {
  for (u32 i = 0; i < size; i++) {
    u32 at = i * CHUNK % SPAN;
    put_marks(at, CHUNK, i);
    must_write(disk, at, CHUNK);
  }
  return size;
}

static u32 random_block(u32 *state) { return next_random(state) % (SPAN / BLOCK) * BLOCK; }

static u32 random_read(u32 size) {
  u32 sum = 0, state = 1;
  for (u32 i = 0; i < size; i++) {
    u32 at = random_block(&state);
    must_read(at, BLOCK);
    sum = sum_marks(sum, at, BLOCK);
  }
  return sum;
}

static u32 random_write(u32 size) {
  u32 state = 2;
  for (u32 i = 0; i < size; i++) {
    u32 at = random_block(&state);
    put_marks(at, BLOCK, i);
    must_write(disk, at, BLOCK);
  }
  return size;
}

static u32 cached_write(u32 size) {
  for (u32 i = 0; i < size * (CHUNK / PIECE); i++) {
    u32 at = i * PIECE % SPAN;
    put_marks(at, PIECE, i);
    must_write(cached_disk, at, PIECE);
  }
  if (SYSTEM_CALL(SYS_fsync, cached_disk, 0, 0) != 0) fail("fsync");
  return size;
}

const struct kernel disk_kernels[] = {
    {"disk-sequential-read", open_all, sequential_read, 0},
    {"disk-sequential-write", clear, sequential_write, read_back},
    {"disk-random-read", open_all, random_read, 0},
    {"disk-random-write", clear, random_write, read_back},
    {"disk-cached-write", clear, cached_write, read_back},
    {0, 0, 0, 0},
};
