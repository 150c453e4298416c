import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeStream } from '../testing/fake-machine.ts';
import { openPty, type SerialPty } from './pty.ts';

/** Every byte there is: nothing may be translated, echoed or taken for a signal. */
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

describe.skipIf(process.platform === 'win32')('the pty of a serial port', () => {
  let stream: FakeStream;
  let pty: SerialPty;
  let terminal: number;

  beforeEach(async () => {
    stream = new FakeStream('serial');
    pty = await openPty(() => stream);
    terminal = openSync(pty.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  });

  afterEach(() => {
    closeSync(terminal);
    pty.close();
  });

  const emit = (bytes: Uint8Array): void => stream.emit(new Uint8Array(bytes).buffer);

  it('carries what the guest sends to who opens the path, byte for byte', async () => {
    emit(ALL_BYTES);
    expect(await readBytes(terminal, 256)).toEqual(ALL_BYTES);
    expect(stream.sent).toEqual([]); // no echo
  });

  it('carries what is written at the path to the guest, byte for byte', async () => {
    writeSync(terminal, ALL_BYTES);
    await settled(() => stream.sent.length > 0 && sentBytes(stream).length === 256);
    expect(sentBytes(stream)).toEqual(ALL_BYTES);
  });

  it('lets programs come and go', async () => {
    closeSync(terminal);
    emit(new Uint8Array([1]));
    terminal = openSync(pty.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    emit(new Uint8Array([2]));
    expect(await readBytes(terminal, 2)).toEqual(new Uint8Array([1, 2]));
  });

  it('keeps the newest of what nobody reads, and no more than a limit', async () => {
    const total = 2000;
    for (let index = 0; index < total; index += 1)
      emit(Buffer.from(`line ${String(index).padStart(6, '0')}\n`.repeat(10)));
    let text = '';
    await settled(() => {
      text += Buffer.from(readNow(terminal)).toString('latin1');
      return text.includes(`line ${String(total - 1).padStart(6, '0')}`);
    });
    expect(text.length).toBeLessThan(120_000); // 64 KiB and what the host's tty holds, of 240 000 bytes
  });

  it('closes with the stream, and the stream with it', async () => {
    stream.emit('close');
    expect(stream.closed).toBe(true);
    const other = new FakeStream('serial');
    (await openPty(() => other)).close();
    expect(other.closed).toBe(true);
  });
});

function sentBytes(stream: FakeStream): Uint8Array {
  return new Uint8Array(Buffer.concat(stream.sent.map((message) => Buffer.from(message as ArrayBuffer))));
}

async function readBytes(fd: number, count: number): Promise<Uint8Array> {
  const bytes: number[] = [];
  await settled(() => {
    bytes.push(...readNow(fd));
    return bytes.length >= count;
  });
  return Uint8Array.from(bytes);
}

function readNow(fd: number): Uint8Array {
  const buffer = Buffer.alloc(65_536);
  try {
    return buffer.subarray(0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return buffer.subarray(0, 0);
    throw error;
  }
}

async function settled(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { timeout: 4000, interval: 5 });
}
