/**
 * The handful of libc calls that /dev/kvm needs, through koffi. x86-64 Linux only; loading it elsewhere throws
 * KvmError ENOENT.
 *
 * References: ioctl(2), mmap(2), timer_create(2), sigprocmask(2), koffi's documentation.
 */
import koffi from 'koffi';
import { type Errno, KvmError } from '../api.ts';

export interface Libc {
  open(path: string): number;
  close(fd: number): void;
  /** An ioctl with a number, or none, as its argument. Throws KvmError; returns ioctl's value. */
  ioctl(name: string, fd: number, request: number, argument?: number): number;
  /** An ioctl with a pointer to a structure. */
  ioctlStruct(name: string, fd: number, request: number, struct: Uint8Array): number;
  /** Fills `bytes` from an offset of a file, as far as it goes; returns how many bytes came. */
  pread(name: string, fd: number, bytes: Uint8Array, offset: number): number;
  /** The pages of a file descriptor, as memory of this process. */
  mapShared(name: string, fd: number, length: number): MappedPages;
  /** Where the bytes of a typed array lie in this process. It must not move: shared memory does not. */
  addressOf(bytes: Uint8Array): number;
  createThreadAlarm(signal: number): ThreadAlarm;
}

export interface MappedPages {
  readonly view: DataView;
  unmap(): void;
}

/** A timer that sends `signal` to the thread which made it; the signal stays blocked outside KVM_RUN. */
export interface ThreadAlarm {
  /** The thread's signal mask without the alarm's signal: what KVM_RUN is to run with. */
  readonly runMask: Uint8Array;
  armIn(delayNs: number): void;
  /** Takes the signal off the thread when it is pending. */
  drain(): void;
  close(): void;
}

const O_RDWR_CLOEXEC = 0x8_0002;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const CLOCK_MONOTONIC = 1;
const SIGEV_THREAD_ID = 4;
const SIG_BLOCK = 0;
const SIGSET_BYTES = 128;
const KERNEL_SIGSET_BYTES = 8;
const NS_PER_SECOND = 1_000_000_000;

type Pointer = bigint;

export function loadLibc(): Libc {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new KvmError('open', 'ENOENT', '/dev/kvm is there on x86-64 Linux only');
  }
  const library = koffi.load('libc.so.6');
  const open: (path: string, flags: number) => number = library.func('int open(const char *path, int flags)');
  const close: (fd: number) => number = library.func('int close(int fd)');
  const ioctlLong: (fd: number, request: number, argument: number) => number = library.func(
    'int ioctl(int fd, unsigned long request, unsigned long argument)',
  );
  const ioctlPointer: (fd: number, request: number, struct: Uint8Array) => number = library.func(
    'int ioctl(int fd, unsigned long request, _Inout_ void *struct_)',
  );
  const mmap: (hint: null, length: number, prot: number, flags: number, fd: number, offset: number) => Pointer =
    library.func('void *mmap(void *hint, size_t length, int prot, int flags, int fd, int64_t offset)');
  const pread: (fd: number, bytes: Uint8Array, length: number, offset: number) => number = library.func(
    'int64_t pread(int fd, _Out_ void *bytes, size_t length, int64_t offset)',
  );
  const munmap: (address: Pointer, length: number) => number = library.func('int munmap(void *address, size_t length)');
  // Its value is its first argument: the way to an address.
  const memmove: (to: Uint8Array, from: Uint8Array, length: number) => number = library.func(
    'uintptr_t memmove(void *to, void *from, size_t length)',
  );

  const check = (name: string, value: number): number => {
    if (value < 0) throw new KvmError(name, lastErrno());
    return value;
  };
  return {
    open: (path) => check('open', open(path, O_RDWR_CLOEXEC)),
    close: (fd) => void close(fd),
    ioctl: (name, fd, request, argument = 0) => check(name, ioctlLong(fd, request, argument)),
    ioctlStruct: (name, fd, request, struct) => check(name, ioctlPointer(fd, request, struct)),
    pread: (name, fd, bytes, offset) => check(name, pread(fd, bytes, bytes.length, offset)),
    mapShared(name, fd, length) {
      const address = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
      if (BigInt.asIntN(64, address) === -1n) throw new KvmError(name, lastErrno());
      return { view: new DataView(koffi.view(address, length)), unmap: () => void munmap(address, length) };
    },
    addressOf: (bytes) => memmove(bytes, bytes, 0),
    createThreadAlarm: (signal) => createThreadAlarm(library, signal, check),
  };
}

function createThreadAlarm(
  library: ReturnType<typeof koffi.load>,
  signal: number,
  check: (name: string, value: number) => number,
): ThreadAlarm {
  const gettid: () => number = library.func('int gettid()');
  const sigmask: (how: number, set: Uint8Array, old: Uint8Array) => number = library.func(
    'int pthread_sigmask(int how, void *set, _Out_ void *old)',
  );
  const sigtimedwait: (set: Uint8Array, info: null, timeout: Uint8Array) => number = library.func(
    'int sigtimedwait(void *set, void *info, void *timeout)',
  );
  const timerCreate: (clock: number, event: Uint8Array, id: Uint8Array) => number = library.func(
    'int timer_create(int clock, void *event, _Out_ void *id)',
  );
  const timerSettime: (id: number, flags: number, spec: Uint8Array, old: null) => number = library.func(
    'int timer_settime(uintptr_t id, int flags, void *spec, void *old)',
  );
  const timerDelete: (id: number) => number = library.func('int timer_delete(uintptr_t id)');

  const set = new Uint8Array(SIGSET_BYTES);
  set[(signal - 1) >> 3] = 1 << ((signal - 1) & 7);
  const before = new Uint8Array(SIGSET_BYTES);
  check('pthread_sigmask', -sigmask(SIG_BLOCK, set, before));
  // An earlier alarm of this thread has left it blocked.
  const runMask = before.slice(0, KERNEL_SIGSET_BYTES).map((byte, i) => byte & ~(set[i] ?? 0));

  const event = new Uint8Array(64);
  const eventView = new DataView(event.buffer);
  eventView.setInt32(8, signal, true);
  eventView.setInt32(12, SIGEV_THREAD_ID, true);
  eventView.setInt32(16, gettid(), true);
  const idBytes = new Uint8Array(8);
  check('timer_create', timerCreate(CLOCK_MONOTONIC, event, idBytes));
  const id = Number(new DataView(idBytes.buffer).getBigUint64(0, true));

  const spec = new Uint8Array(32);
  const specView = new DataView(spec.buffer);
  const noWait = new Uint8Array(16);
  return {
    runMask,
    armIn(delayNs) {
      const wholeNs = Math.max(1, Math.round(delayNs)); // 0 would disarm
      specView.setBigInt64(16, BigInt(Math.floor(wholeNs / NS_PER_SECOND)), true);
      specView.setBigInt64(24, BigInt(wholeNs % NS_PER_SECOND), true);
      check('timer_settime', timerSettime(id, 0, spec, null));
    },
    drain: () => void sigtimedwait(set, null, noWait),
    close: () => void timerDelete(id),
  };
}

function lastErrno(): Errno {
  const value = koffi.errno();
  const name = Object.entries(koffi.os.errno).find(([, code]) => code === value)?.[0];
  return (name ?? 'EINVAL') as Errno;
}
