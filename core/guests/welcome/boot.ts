/**
 * From the boot loader's 32-bit protected mode to 64-bit mode.
 * [MB] Multiboot 0.6.96, 3.1 and 3.2. [SDM] volume 3, 10.8.5: initializing IA-32e mode.
 */
import { far, mem, reg, sys } from '../../cpu/index.ts';
import { CODE64, COLOUR, DATA, PAGE_DIRECTORIES, PDPT, PML4, STACK_TOP, TEXT_MEMORY } from './layout.ts';
import type { Program } from './program.ts';

const MULTIBOOT_MAGIC = 0x1bad_b002;
const WANTS_MEMORY_MAP = 1 << 1;
const PRESENT_WRITABLE = 3;
const LARGE_PAGE = 0x80;
const LARGE_PAGE_BYTES = 0x20_0000;
const ENTRIES = 512;
const EFER = 0xc000_0080;
const EFER_LME = 1 << 8;
const CR0_PG = 0x8000_0000;
const CR4_PAE = 1 << 5;
const LONG_MODE = 1 << 29; // CPUID 80000001h, EDX

const { eax, ebx, ecx, edx, edi, esi, esp, ax } = reg;

/** Must come first: loaders look for the header at the beginning of the file. */
export function multibootHeader(p: Program): void {
  p.u32(MULTIBOOT_MAGIC, WANTS_MEMORY_MAP, -(MULTIBOOT_MAGIC + WANTS_MEMORY_MAP) >>> 0);
}

/** `entry`: EBX points to the multiboot information. Goes on at `main` in 64-bit mode. */
export function boot(p: Program): void {
  p.bits = 32;
  p.bind('entry');
  p.emit('CLI');
  p.emit('CLD');
  p.emit('MOV', esp, STACK_TOP);
  p.emit('MOV', p.variable('multibootInfo', 4), ebx);
  requireLongMode(p);
  pageTables(p);
  p.emit('MOV', eax, PML4);
  p.emit('MOV', sys.cr3, eax);
  p.emit('MOV', eax, sys.cr4);
  p.emit('OR', eax, CR4_PAE);
  p.emit('MOV', sys.cr4, eax);
  p.emit('MOV', ecx, EFER);
  p.emit('RDMSR');
  p.emit('OR', eax, EFER_LME);
  p.emit('WRMSR');
  p.emit('MOV', eax, sys.cr0);
  p.emit('OR', eax, CR0_PG);
  p.emit('MOV', sys.cr0, eax);
  p.emit('LGDT', mem(0, { disp: p.label('gdtr') }));
  p.emit('JMPF', far(CODE64, p.label('long mode')));
  descriptorTable(p);

  p.bits = 64;
  p.bind('long mode');
  p.emit('MOV', eax, DATA);
  for (const segment of [sys.ds, sys.es, sys.ss, sys.fs, sys.gs]) p.emit('MOV', segment, ax);
  p.emit('MOV', esp, STACK_TOP);
  p.emit('JMP', p.label('main'));
}

function requireLongMode(p: Program): void {
  const without = p.label();
  const fine = p.label();
  p.emit('MOV', eax, 0x8000_0000);
  p.emit('CPUID');
  p.emit('CMP', eax, 0x8000_0001);
  p.emit('JB', without);
  p.emit('MOV', eax, 0x8000_0001);
  p.emit('CPUID');
  p.emit('TEST', edx, LONG_MODE);
  p.emit('JNZ', fine);
  p.bind(without);
  p.emit('MOV', esi, p.string('The Welcome guest needs a 64-bit processor.'));
  p.emit('MOV', edi, TEXT_MEMORY);
  p.emit('MOV', reg.ah, COLOUR.fault);
  p.repeat('JNZ', () => {
    p.emit('LODSB');
    p.emit('STOSW');
    p.emit('TEST', reg.al, reg.al);
  });
  p.repeat('JMP', () => p.emit('HLT'));
  p.bind(fine);
}

/** The first 4 GiB, each address at itself. The loader has cleared the tables. */
function pageTables(p: Program): void {
  p.emit('MOV', mem(4, { disp: PML4 }), PDPT | PRESENT_WRITABLE);
  for (let n = 0; n < 4; n++) {
    p.emit('MOV', mem(4, { disp: PDPT + n * 8 }), (PAGE_DIRECTORIES + n * 0x1000) | PRESENT_WRITABLE);
  }
  p.emit('MOV', edi, PAGE_DIRECTORIES);
  p.emit('MOV', eax, LARGE_PAGE | PRESENT_WRITABLE);
  p.emit('MOV', ecx, 4 * ENTRIES);
  p.repeat('JNZ', () => {
    p.emit('MOV', mem(4, { base: edi }), eax);
    p.emit('ADD', edi, 8);
    p.emit('ADD', eax, LARGE_PAGE_BYTES);
    p.emit('DEC', ecx);
  });
}

function descriptorTable(p: Program): void {
  p.align(8);
  p.bind('gdt');
  p.u64(0, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn); // null, CODE64, DATA
  p.bind('gdtr');
  p.u16(3 * 8 - 1);
  p.u32(p.label('gdt'));
}
