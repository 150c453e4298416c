/**
 * What QEMU's standard VGA shows when it is programmed the same way: accesses are recorded as code of a multiboot
 * kernel, QEMU runs it, and its monitor takes the picture.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Assembler, reg } from '../cpu/index.ts';
import type { AccessSize } from '../devices/device.ts';
import { elf, multibootHeader } from './boot-images.ts';
import { VgaProgrammer } from './vga-programmer.ts';

const LOAD = 0x10_0000;
const QEMU = 'qemu-system-x86_64';
const TIMEOUT_MS = 60_000;
const POLL_MS = 50;
/** QEMU's debug console. */
const DONE_PORT = 0xe9;
/** Where QEMU's firmware puts the frame buffer. */
const FRAME_BUFFER = 0xfd00_0000;
const { eax, edx, ecx, esi, edi } = reg;

interface Picture {
  readonly width: number;
  readonly height: number;
  /** 0xRRGGBB */
  readonly pixels: Uint32Array;
}

/** Configuration mechanism 1: where both machines have the adapter. */
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const ADAPTER = 0x8000_1000;
const COMMAND = 0x04;
const COMMAND_MEMORY_AND_IO = 0x03;
const BAR0 = 0x10;

class Recorder extends VgaProgrammer {
  readonly #header = multibootHeader(0);
  readonly #code = new Assembler({ bits: 32, origin: LOAD + this.#header.length });
  readonly #data: { label: string; bytes: Uint8Array }[] = [];

  constructor() {
    super();
    this.#writeConfig(BAR0, FRAME_BUFFER);
    this.#writeConfig(COMMAND, COMMAND_MEMORY_AND_IO);
  }

  override outSized(port: number, size: AccessSize, value: number): void {
    this.#code.emit('MOV', edx, port);
    this.#code.emit('MOV', eax, value);
    this.#code.bytes(...{ 1: [0xee], 2: [0x66, 0xef], 4: [0xef] }[size]); // OUT DX, AL, AX or EAX
  }

  #writeConfig(register: number, value: number): void {
    this.outSized(CONFIG_ADDRESS, 4, ADAPTER | register);
    this.outSized(CONFIG_DATA, 4, value);
  }

  override in(port: number): number {
    this.#code.emit('MOV', edx, port);
    this.#code.bytes(0xec); // IN AL, DX
    return 0;
  }

  override poke(gpa: number, value: number, size: AccessSize = 1): void {
    this.#code.emit('MOV', edi, gpa);
    this.#code.emit('MOV', eax, value);
    this.#code.bytes(...{ 1: [0xaa], 2: [0x66, 0xab], 4: [0xab] }[size]); // STOSB, STOSW, STOSD
  }

  override peek(gpa: number): number {
    this.#code.emit('MOV', esi, gpa);
    this.#code.bytes(0xac); // LODSB
    return 0;
  }

  override clear(gpa: number, length: number): void {
    this.#code.emit('MOV', edi, gpa);
    this.#code.emit('MOV', eax, 0);
    this.#code.emit('MOV', ecx, length);
    this.#code.emit('REP STOSB');
  }

  override pokeLinear(offset: number, bytes: Uint8Array): void {
    const label = `data ${this.#data.length}`;
    this.#data.push({ label, bytes });
    this.#code.emit('MOV', esi, this.#code.label(label));
    this.#code.emit('MOV', edi, FRAME_BUFFER + offset);
    this.#code.emit('MOV', ecx, bytes.length);
    this.#code.emit('REP MOVSB');
  }

  finish(): Uint8Array {
    const code = this.#code;
    this.outSized(DONE_PORT, 1, 0x21);
    code.bytes(0xf4, 0xeb, 0xfd); // HLT, over and over
    for (const { label, bytes } of this.#data) {
      code.bind(label);
      for (let at = 0; at < bytes.length; at += 4096) code.bytes(...bytes.subarray(at, at + 4096));
    }
    return elf(new Uint8Array([...this.#header, ...code.finish()]), { entry: LOAD + this.#header.length });
  }
}

/** A multiboot kernel that makes these accesses, and halts. */
export function vgaKernel(program: (vga: VgaProgrammer) => void): Uint8Array {
  const recorder = new Recorder();
  program(recorder);
  return recorder.finish();
}

/** What QEMU shows after these accesses. */
export async function qemuPicture(program: (vga: VgaProgrammer) => void): Promise<Picture> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-vga-'));
  const [kernel, done, dump] = ['kernel.elf', 'done', 'screen.ppm'].map((name) => join(folder, name));
  if (!kernel || !done || !dump) throw new Error('no folder');
  writeFileSync(kernel, vgaKernel(program));
  const machine = ['-accel', 'tcg', '-m', '32', '-nodefaults', '-vga', 'std', '-display', 'none', '-kernel', kernel];
  const qemu = spawn(QEMU, [...machine, '-debugcon', `file:${done}`, '-monitor', 'stdio'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    await until(() => existsSync(done) && readFileSync(done).length > 0);
    qemu.stdin.write(`screendump ${dump}\n`);
    await until(() => existsSync(dump) && parsePpm(readFileSync(dump)) !== undefined);
    const picture = parsePpm(readFileSync(dump));
    if (!picture) throw new Error('the picture is gone');
    return picture;
  } finally {
    qemu.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let left = TIMEOUT_MS; !holds(); left -= POLL_MS) {
    if (left <= 0) throw new Error('QEMU does not come to its end');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** [PPM] P6; undefined for a file that is not whole. */
function parsePpm(file: Buffer): Picture | undefined {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(file.toString('latin1', 0, 64));
  if (!header) return undefined;
  const [width, height] = [Number(header[1]), Number(header[2])];
  const start = header[0].length;
  if (file.length < start + width * height * 3) return undefined;
  const pixels = Uint32Array.from({ length: width * height }, (_, i) => file.readUIntBE(start + i * 3, 3));
  return { width, height, pixels };
}
