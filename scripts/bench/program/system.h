/* What the program needs of Linux without a C library: system calls by number, for x86-64 and i386. */
#ifndef SYSTEM_H
#define SYSTEM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* syscall(2) and the kernel's tables arch/x86/entry/syscalls/syscall_{64,32}.tbl */
#ifdef __x86_64__
enum {
  SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_mmap = 9, SYS_munmap = 11, SYS_ioctl = 16, SYS_pipe = 22,
  SYS_getppid = 110, SYS_fork = 57, SYS_wait4 = 61, SYS_getrusage = 98, SYS_reboot = 169, SYS_futex = 202,
  SYS_sched_setaffinity = 203, SYS_sched_getaffinity = 204, SYS_clock_gettime = 228, SYS_exit_group = 231,
  SYS_getpid = 39, SYS_open = 2, SYS_pread64 = 17, SYS_pwrite64 = 18, SYS_nanosleep = 35, SYS_fsync = 74,
  SYS_mknod = 133, SYS_iopl = 172, SYS_finit_module = 313,
};
#else
enum {
  SYS_read = 3, SYS_write = 4, SYS_close = 6, SYS_mmap = 192 /* mmap2 */, SYS_munmap = 91, SYS_ioctl = 54,
  SYS_pipe = 42, SYS_getppid = 64, SYS_fork = 2, SYS_wait4 = 114, SYS_getrusage = 77, SYS_reboot = 88,
  SYS_futex = 240, SYS_sched_setaffinity = 241, SYS_sched_getaffinity = 242, SYS_clock_gettime = 265,
  SYS_exit_group = 252, SYS_getpid = 20, SYS_open = 5, SYS_pread64 = 180, SYS_pwrite64 = 181,
  SYS_nanosleep = 162, SYS_fsync = 118, SYS_mknod = 14, SYS_iopl = 110, SYS_finit_module = 350,
};
#endif

/* open(2), termios(3) */
enum { O_RDONLY = 0, O_RDWR = 2, O_NOCTTY = 0400, O_DIRECT = 040000, ICANON = 2, ECHO = 8 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32 };

long system_call(long number, long a, long b, long c, long d, long e, long f);
#define SYSTEM_CALL(number, a, b, c) system_call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* Fresh anonymous memory; the program ends when there is none. */
void *map(unsigned long size, int protection, int flags);
void unmap(void *address, unsigned long size);
void leave(int status) __attribute__((noreturn));
/* Ends the program, saying what failed. */
void fail(const char *what) __attribute__((noreturn));
void print(const char *text);
int text_length(const char *text);

/* A file is a negative errno when it cannot be opened. */
long open(const char *path, int flags);
/* A device's memory, at an offset of whole pages. */
void *map_device(const char *path, u32 offset, unsigned long size);

/* Takes flags out of a terminal's local modes. Fails harmlessly on what is no terminal. */
void calm_terminal(int file, u32 local_flags);

/* The time since some moment, in nanoseconds. */
u64 elapsed_time(void);
/* The processor time of this process and of its children that were waited for, user and system, in nanoseconds. */
u64 cpu_time(void);

#endif
