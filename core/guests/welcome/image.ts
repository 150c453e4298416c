/**
 * The Welcome guest as a file: an ELF-32 executable with a multiboot 1 header, made by our own assembler. The same bytes
 * every time. [ELF] System V ABI, file header and program header.
 */
import { reg } from '../../cpu/index.ts';
import { boot, multibootHeader } from './boot.ts';
import { clock } from './clock.ts';
import { commands } from './commands.ts';
import { console } from './console.ts';
import { fault } from './fault.ts';
import { interrupts } from './interrupts.ts';
import { keyboard } from './keyboard.ts';
import { LOAD_ADDRESS, MEMORY_END, PML4 } from './layout.ts';
import { line } from './line.ts';
import { memoryMap } from './memory-map.ts';
import { power } from './power.ts';
import { processor } from './processor.ts';
import { Program } from './program.ts';
import { screen } from './screen.ts';
import { serial } from './serial.ts';

const ELF_HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const IMAGE_OFFSET = 0x1000;

/** The kernel file of the Welcome VM. */
export function buildWelcomeImage(): Uint8Array {
  const p = new Program();
  multibootHeader(p);
  boot(p);
  main(p);
  for (const part of [interrupts, serial, line, screen, processor, memoryMap, clock, power, keyboard]) part(p);
  for (const part of [console, commands, fault]) part(p);
  p.data();
  const entry = p.label('entry').address ?? LOAD_ADDRESS;
  return elf32(p.finish(), entry);
}

/** Starts everything, then sleeps until there is something to do. */
function main(p: Program): void {
  p.bind('main');
  for (const part of ['screen', 'serial', 'interrupts', 'keyboard', 'power']) p.call(`${part}.start`);
  p.emit('MOV', reg.esi, p.string('Welcome to Vivarium\r\n\r\n'));
  p.call('serial.text');
  p.call('processor.show');
  p.call('memory.show');
  p.call('clock.show');
  p.emit('MOV', reg.esi, p.string('\r\n'));
  p.call('serial.text');
  p.call('console.prompt');
  p.repeat('JMP', () => {
    p.call('console.take');
    p.call('clock.tick');
    // nothing may come between the last look and HLT: STI takes effect only behind the instruction after it
    p.emit('CLI');
    p.emit('MOV', reg.al, p.variable('inputHead', 1));
    p.emit('CMP', reg.al, p.variable('inputTail', 1));
    p.skip('JNE', () => {
      p.emit('STI');
      p.emit('HLT');
    });
    p.emit('STI');
  });
}

/** One segment that is read, written and run, with zeroes behind it. */
function elf32(image: Uint8Array, entry: number): Uint8Array {
  if (LOAD_ADDRESS + image.length > PML4)
    throw new Error(`the program of ${image.length} bytes reaches its page tables`);
  const file = new Uint8Array(IMAGE_OFFSET + image.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]); // 32 bits, little-endian, version 1
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 3, true); // EM_386
  const words: readonly (readonly [offset: number, value: number])[] = [
    [20, 1],
    [24, entry],
    [28, ELF_HEADER_BYTES], // e_phoff
  ];
  for (const [offset, value] of words) view.setUint32(offset, value, true);
  view.setUint16(40, ELF_HEADER_BYTES, true);
  view.setUint16(42, PROGRAM_HEADER_BYTES, true);
  view.setUint16(44, 1, true); // e_phnum
  const readWriteExecute = 7;
  const memoryBytes = MEMORY_END - LOAD_ADDRESS;
  const segment = [1, IMAGE_OFFSET, LOAD_ADDRESS, LOAD_ADDRESS, image.length, memoryBytes, readWriteExecute, 0x1000];
  segment.forEach((value, n) => {
    view.setUint32(ELF_HEADER_BYTES + n * 4, value, true);
  });
  file.set(image, IMAGE_OFFSET);
  return file;
}
