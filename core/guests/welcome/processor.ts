/** What CPUID says. [SDM] volume 2, CPUID. */
import { mem, reg } from '../../cpu/index.ts';
import { COLOUR, cell, FAMILY_COLUMN, PROCESSOR_ROW, VALUE_COLUMN } from './layout.ts';
import { appendDecimal, appendText, beginLine } from './line.ts';
import type { Program } from './program.ts';
import { present } from './screen.ts';

const { rax, rbx, rcx, rdx, rsi, rdi, eax, ebx, ecx, edx, esi } = reg;

const EXTENDED = 0x8000_0001;
const EDX = 'edx';
const ECX = 'ecx';
/** Name, leaf, register, bit. Two lines of them. */
type Feature = readonly [name: string, leaf: 1 | typeof EXTENDED, register: typeof EDX | typeof ECX, bit: number];
const FEATURES: readonly (readonly Feature[])[] = [
  [
    ['fpu', 1, EDX, 0],
    ['tsc', 1, EDX, 4],
    ['msr', 1, EDX, 5],
    ['pae', 1, EDX, 6],
    ['cx8', 1, EDX, 8],
    ['apic', 1, EDX, 9],
    ['mmx', 1, EDX, 23],
    ['fxsr', 1, EDX, 24],
    ['sse', 1, EDX, 25],
    ['sse2', 1, EDX, 26],
    ['syscall', EXTENDED, EDX, 11],
    ['nx', EXTENDED, EDX, 20],
    ['rdtscp', EXTENDED, EDX, 27],
    ['lm', EXTENDED, EDX, 29],
  ],
  [
    ['sse3', 1, ECX, 0],
    ['ssse3', 1, ECX, 9],
    ['cx16', 1, ECX, 13],
    ['sse4.1', 1, ECX, 19],
    ['sse4.2', 1, ECX, 20],
    ['movbe', 1, ECX, 22],
    ['popcnt', 1, ECX, 23],
    ['aes', 1, ECX, 25],
    ['rdrand', 1, ECX, 30],
    ['hypervisor', 1, ECX, 31],
  ],
];

/** Emits: CPUID of this leaf. */
function cpuid(p: Program, leaf: number): void {
  p.emit('MOV', eax, leaf);
  p.emit('XOR', ecx, ecx);
  p.emit('CPUID');
}

export function processor(p: Program): void {
  const all = [rax, rbx, rcx, rdx, rsi, rdi] as const;
  p.routine('processor.append vendor', [rax, rbx, rcx, rdx], () => {
    cpuid(p, 0);
    for (const part of [ebx, edx, ecx]) {
      p.emit('MOV', mem(4, { base: rdi }), part);
      p.emit('ADD', rdi, 4);
    }
    p.emit('MOV', mem(1, { base: rdi }), 0);
  });
  appendBrand(p);
  appendFamily(p);
  FEATURES.forEach((features, n) => {
    p.routine(`processor.append features ${n}`, [rax, rbx, rcx, rdx], () => appendFeatures(p, features));
  });

  p.routine('processor.show', all, () => {
    p.emit('MOV', esi, p.string('Processor\r\n'));
    p.call('serial.text');
    const rows: readonly (readonly [routine: string, name: string, cell: number, attribute: number])[] = [
      ['vendor', 'Vendor', cell(PROCESSOR_ROW + 1, VALUE_COLUMN), COLOUR.value],
      ['family', 'Family', cell(PROCESSOR_ROW + 1, FAMILY_COLUMN), COLOUR.value],
      ['brand', 'Model', cell(PROCESSOR_ROW + 2, VALUE_COLUMN), COLOUR.value],
      ['features 0', 'Features', cell(PROCESSOR_ROW + 3, VALUE_COLUMN), COLOUR.label],
      ['features 1', '', cell(PROCESSOR_ROW + 4, VALUE_COLUMN), COLOUR.label],
    ];
    for (const [routine, name, where, attribute] of rows) {
      beginLine(p);
      p.call(`processor.append ${routine}`);
      present(p, name, where, attribute);
    }
  });
}

/** The brand string without the blanks that some processors begin with. */
function appendBrand(p: Program): void {
  p.routine('processor.append brand', [rax, rbx, rcx, rdx, rsi], () => {
    const done = p.label();
    const without = p.label();
    cpuid(p, 0x8000_0000);
    p.emit('CMP', eax, 0x8000_0004);
    p.emit('JB', without);
    for (let part = 0; part < 3; part++) {
      cpuid(p, 0x8000_0002 + part);
      [eax, ebx, ecx, edx].forEach((register, n) => {
        p.emit('MOV', mem(4, { disp: p.label('brand'), plus: part * 16 + n * 4 }), register);
      });
    }
    p.emit('MOV', esi, p.label('brand'));
    p.emit('DEC', rsi);
    p.repeat('JE', () => {
      p.emit('INC', rsi);
      p.emit('CMP', mem(1, { base: rsi }), 0x20);
    });
    p.call('append.text');
    p.emit('JMP', done);
    p.bind(without);
    appendText(p, 'unknown');
    p.bind(done);
  });
  p.align(4);
  p.bind('brand');
  p.zero(49);
}

/** [SDM] CPUID leaf 1, figure 3-6: the extended fields count where the base family is 15, and for the model also 6. */
function appendFamily(p: Program): void {
  p.routine('processor.append family', [rax, rbx, rcx, rdx], () => {
    cpuid(p, 1);
    const signature = ebx;
    p.emit('MOV', signature, eax);
    field(p, signature, 8, 15);
    p.emit('MOV', edx, eax);
    p.emit('CMP', eax, 15);
    p.skip('JNE', () => {
      field(p, signature, 20, 255);
      p.emit('ADD', eax, 15);
    });
    appendDecimal(p);
    appendText(p, ', model ');
    field(p, signature, 4, 15);
    p.emit('MOV', ecx, eax);
    const simple = p.label();
    const extended = p.label();
    p.emit('CMP', edx, 15);
    p.emit('JE', extended);
    p.emit('CMP', edx, 6);
    p.emit('JNE', simple);
    p.bind(extended);
    field(p, signature, 16, 15);
    p.emit('SHL', eax, 4);
    p.emit('ADD', ecx, eax);
    p.bind(simple);
    p.emit('MOV', eax, ecx);
    appendDecimal(p);
    appendText(p, ', stepping ');
    field(p, signature, 0, 15);
    appendDecimal(p);
  });
}

/** Emits: EAX = bits of a register. */
function field(p: Program, from: typeof ebx, shift: number, mask: number): void {
  p.emit('MOV', eax, from);
  if (shift > 0) p.emit('SHR', eax, shift);
  p.emit('AND', eax, mask);
}

function appendFeatures(p: Program, features: readonly Feature[]): void {
  for (const leaf of [1, EXTENDED] as const) {
    const ofLeaf = features.filter((feature) => feature[1] === leaf);
    if (ofLeaf.length === 0) continue;
    cpuid(p, leaf);
    for (const [name, , register, bit] of ofLeaf) {
      p.emit('BT', register === EDX ? edx : ecx, bit);
      p.skip('JNC', () => appendText(p, `${name} `));
    }
  }
  p.emit('CMP', mem(1, { base: rdi, disp: -1 }), 0x20);
  p.skip('JNE', () => p.emit('MOV', mem(1, { base: rdi, disp: -1 }), 0));
}
