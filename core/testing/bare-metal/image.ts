/** The bootable image: a multiboot 1 ELF file of the kernel, its tables and the cases. */
import { Assembler, reg } from '../../cpu/index.ts';
import { elf, multibootHeader } from '../boot-images.ts';
import { type Case, caseName } from './case.ts';
import { buildKernel } from './kernel.ts';
import { KERNEL, LOAD, TABLES_BYTES } from './layout.ts';
import { type Mode, modeOf } from './modes.ts';
import { CASE, ENTRY, PAGING, TABLES_OFFSET } from './records.ts';
import { assemble } from './source.ts';
import { tables } from './tables.ts';

const KERNEL_OFFSET = 0x100;
const UD2 = [0x0f, 0x0b];
const MEMORY_BYTES = 0x10_0000;
const { eax, ecx, esi, edi } = reg;

/** Throws where the text of a case cannot be assembled, or two cases have the same name. */
export function buildImage(cases: readonly Case[]): Uint8Array {
  const header = multibootHeader(0);
  const p = new Assembler({ bits: 32, origin: LOAD + header.length });
  const padTo = (offset: number): void => p.zero(LOAD + offset - p.here);
  const kernel = buildKernel();
  p.emit('CLI');
  p.emit('CLD');
  p.emit('MOV', esi, LOAD + KERNEL_OFFSET);
  p.emit('MOV', edi, KERNEL);
  p.emit('MOV', ecx, kernel.length);
  p.emit('REP MOVSB');
  p.emit('MOV', esi, p.label('cases'));
  p.emit('MOV', eax, KERNEL);
  p.emit('JMP', eax);
  padTo(KERNEL_OFFSET);
  p.bytes(...kernel);
  padTo(TABLES_OFFSET);
  p.bytes(...tables());
  if (p.here !== LOAD + TABLES_OFFSET + TABLES_BYTES) throw new Error('the tables have another size');
  caseTable(p, cases);
  const image = new Uint8Array([...header, ...p.finish()]);
  if (image.length > MEMORY_BYTES) throw new Error('the image leaves the 2 MiB that the page tables map');
  return elf(image, { entry: LOAD + header.length });
}

function caseTable(p: Assembler, cases: readonly Case[]): void {
  const names = cases.map(caseName);
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) throw new Error(`two cases are called "${twice}"`);
  const modes = new Set(cases.map(([mode]) => mode));
  for (const name of modes) {
    p.bind(`mode ${name}`);
    p.u32(...modeWords(modeOf(name)));
  }
  const codes = cases.map(([mode, code]) => {
    const { bits, ip } = modeOf(mode);
    return [...assemble(code, bits, ip), ...UD2]; // the filling behind it may be out of step
  });
  p.bind('cases');
  for (const [n, [mode]] of cases.entries()) {
    p.u32(n, p.label(`code ${n}`), codes[n]?.length ?? 0, p.label(`setup ${n}`));
    p.u32(p.label(`mode ${mode}`));
  }
  p.zero(CASE.bytes);
  for (const [n, [, , setup = '']] of cases.entries()) {
    p.bind(`code ${n}`);
    p.bytes(...(codes[n] ?? []));
    p.bind(`setup ${n}`);
    p.bytes(...assemble(`${setup}; ret`, 32, p.here));
  }
}

const modeWords = (mode: Mode): number[] => [
  PAGING[mode.paging],
  ENTRY[mode.entry],
  mode.cs,
  mode.ip,
  mode.flags,
  mode.sp,
  mode.ss,
  mode.ds,
];
