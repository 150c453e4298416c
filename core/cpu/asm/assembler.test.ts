import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../decode/decoder.ts';
import { BASE_RIP, type Insn, type MemoryOperand, NO_REGISTER, type Operand, type Size } from '../decode/insn.ts';
import { MODE_16, MODE_32, MODE_64 } from '../decode/mode.ts';
import { ROWS } from '../table/index.ts';
import { Assembler } from './assembler.ts';
import type { Bits } from './encode.ts';
import { type AsmOperand, far, mem, mm, reg, rip, sys, xmm } from './operands.ts';

const { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r12, r13, r15, eax, ecx, edx, ebx, ebp, esi, edi } = reg;
const { ax, cx, dx, bx, si, di, bp, al, cl, bl, ah, bh, sil, dil, r8d, r9b, r10w, r14d } = reg;

/** An instruction as the assembler takes it, and as nasm does. */
type Case = readonly [bits: Bits, nasm: string, name: string, ...operands: AsmOperand[]];

const CASES: readonly Case[] = [
  [64, 'mov rax, rbx', 'MOV', rax, rbx],
  [64, 'mov r8d, r14d', 'MOV', r8d, r14d],
  [64, 'mov ah, bl', 'MOV', ah, bl],
  [64, 'mov sil, r9b', 'MOV', sil, r9b],
  [64, 'mov eax, 0x12345678', 'MOV', eax, 0x12345678],
  [64, 'mov rax, 0x123456789abcdef0', 'MOV', rax, 0x123456789abcdef0n],
  [64, 'mov rdi, -2', 'MOV', rdi, -2],
  [64, 'mov byte [rsp], 7', 'MOV', mem(1, { base: rsp }), 7],
  [64, 'mov word [rbp], 0x1234', 'MOV', mem(2, { base: rbp }), 0x1234],
  [64, 'mov dword [r12+4], -1', 'MOV', mem(4, { base: r12, disp: 4 }), -1],
  [64, 'mov qword [r13+rcx*8+0x200], 5', 'MOV', mem(8, { base: r13, index: rcx, scale: 8, disp: 0x200 }), 5],
  [64, 'mov r15, [rax+r12*2-8]', 'MOV', r15, mem(8, { base: rax, index: r12, scale: 2, disp: -8 })],
  [64, 'mov al, [rbx]', 'MOV', al, mem(1, { base: rbx })],
  [64, 'mov ecx, [abs 0x1000]', 'MOV', ecx, mem(4, { disp: 0x1000 })],
  [64, 'mov edx, [rel $$+0x40]', 'MOV', edx, mem(4, { base: rip, disp: 0x3a })],
  [64, 'mov ecx, [fs:0x28]', 'MOV', ecx, mem(4, { disp: 0x28, segment: sys.fs })],
  [64, 'mov ecx, [ebx+4]', 'MOV', ecx, mem(4, { base: ebx, disp: 4 })],
  [64, 'mov [rcx*8+16], rax', 'MOV', mem(8, { index: rcx, scale: 8, disp: 16 }), rax],
  [64, 'mov ds, eax', 'MOV', sys.ds, ax],
  [64, 'mov eax, ss', 'MOV', eax, sys.ss],
  [64, 'mov cr3, rax', 'MOV', sys.cr3, rax],
  [64, 'mov rax, cr8', 'MOV', rax, sys.cr8],
  [64, 'mov dr7, rcx', 'MOV', sys.dr7, rcx],
  [32, 'mov cr0, eax', 'MOV', sys.cr0, eax],
  [32, 'mov eax, [0x1000]', 'MOV', eax, mem(4, { disp: 0x1000 })],
  [32, 'mov [0x1000], al', 'MOV', mem(1, { disp: 0x1000 }), al],
  [32, 'mov ecx, [0x1000]', 'MOV', ecx, mem(4, { disp: 0x1000 })],
  [32, 'mov ax, [bx+si+5]', 'MOV', ax, mem(2, { base: bx, index: si, disp: 5 })],
  [16, 'mov ax, [bp]', 'MOV', ax, mem(2, { base: bp })],
  [16, 'mov cx, [bx+di+0x300]', 'MOV', cx, mem(2, { base: bx, index: di, disp: 0x300 })],
  [16, 'mov eax, [ebp+ecx*4]', 'MOV', eax, mem(4, { base: ebp, index: ecx, scale: 4 })],
  [16, 'mov bx, [0x500]', 'MOV', bx, mem(2, { disp: 0x500 })],
  [64, 'movzx eax, byte [rsi]', 'MOVZX', eax, mem(1, { base: rsi })],
  [64, 'movzx r8, cx', 'MOVZX', r8, cx],
  [64, 'movsx ax, bl', 'MOVSX', ax, bl],
  [64, 'movsxd rdx, ebx', 'MOVSXD', rdx, ebx],
  [64, 'lea rax, [rbx+rcx*4+1]', 'LEA', rax, mem(0, { base: rbx, index: rcx, scale: 4, disp: 1 })],
  [64, 'lea edi, [rdi+1]', 'LEA', edi, mem(0, { base: rdi, disp: 1 })],
  [64, 'xchg rax, r9', 'XCHG', rax, r9],
  [64, 'xchg [rdi], ecx', 'XCHG', mem(4, { base: rdi }), ecx],
  [64, 'bswap r12', 'BSWAP', r12],
  [64, 'add al, 5', 'ADD', al, 5],
  [64, 'add eax, 0x1000', 'ADD', eax, 0x1000],
  [64, 'add rbx, 8', 'ADD', rbx, 8],
  [64, 'sub rsp, 0x80', 'SUB', rsp, 0x80],
  [64, 'or ecx, -1', 'OR', ecx, 0xffffffff],
  [64, 'lock add qword [rbx], 1', 'LOCK ADD', mem(8, { base: rbx }), 1],
  [64, 'lock cmpxchg [rdi], rcx', 'LOCK CMPXCHG', mem(8, { base: rdi }), rcx],
  [64, 'lock xadd [rdi], eax', 'LOCK XADD', mem(4, { base: rdi }), eax],
  [64, 'cmp byte [rsi+1], 0x80', 'CMP', mem(1, { base: rsi, disp: 1 }), 0x80],
  [64, 'xor r10w, 0x7fff', 'XOR', r10w, 0x7fff],
  [64, 'and rax, [rdx]', 'AND', rax, mem(8, { base: rdx })],
  [64, 'test al, 1', 'TEST', al, 1],
  [64, 'test rdi, rdi', 'TEST', rdi, rdi],
  [64, 'test dword [rax], 0x100', 'TEST', mem(4, { base: rax }), 0x100],
  [64, 'inc qword [rbx]', 'INC', mem(8, { base: rbx })],
  [64, 'dec ecx', 'DEC', ecx],
  [32, 'dec ecx', 'DEC', ecx],
  [16, 'inc eax', 'INC', eax],
  [64, 'not rdx', 'NOT', rdx],
  [64, 'neg byte [rdi]', 'NEG', mem(1, { base: rdi })],
  [64, 'mul rcx', 'MUL', rcx],
  [64, 'div ebx', 'DIV', ebx],
  [64, 'imul rax, rbx', 'IMUL', rax, rbx],
  [64, 'imul eax, [rsi], 100', 'IMUL', eax, mem(4, { base: rsi }), 100],
  [64, 'imul eax, ebx, 1000', 'IMUL', eax, ebx, 1000],
  [64, 'shl rax, 1', 'SHL', rax, 1],
  [64, 'shr dword [rbx], 4', 'SHR', mem(4, { base: rbx }), 4],
  [64, 'sar dil, cl', 'SAR', dil, cl],
  [64, 'shld rax, rdx, 3', 'SHLD', rax, rdx, 3],
  [64, 'bt eax, 5', 'BT', eax, 5],
  [64, 'lock bts qword [rdi], 9', 'LOCK BTS', mem(8, { base: rdi }), 9],
  [64, 'bsf rax, rcx', 'BSF', rax, rcx],
  [64, 'popcnt ax, cx', 'POPCNT', ax, cx],
  [64, 'setnz bh', 'SETNZ', bh],
  [64, 'cmovc rax, [rsp+8]', 'CMOVC', rax, mem(8, { base: rsp, disp: 8 })],
  [64, 'push r12', 'PUSH', r12],
  [64, 'push 5', 'PUSH', 5],
  [64, 'push 0x1000', 'PUSH', 0x1000],
  [64, 'push qword [rax]', 'PUSH', mem(8, { base: rax })],
  [64, 'push fs', 'PUSH', sys.fs],
  [32, 'push ds', 'PUSH', sys.ds],
  [32, 'pop es', 'POP', sys.es],
  [64, 'pop rbp', 'POP', rbp],
  [64, 'pushfq', 'PUSHFQ'],
  [64, 'call rax', 'CALL', rax],
  [64, 'jmp [rbx+8]', 'JMP', mem(8, { base: rbx, disp: 8 })],
  [64, 'ret', 'RET'],
  [64, 'ret 16', 'RET', 16],
  [64, 'retfq', 'RETFQ'],
  [64, 'iretq', 'IRETQ'],
  [32, 'iretd', 'IRETD'],
  [32, 'jmp 8:0x100000', 'JMPF', far(8, 0x100000)],
  [16, 'jmp 0xf000:0xe05b', 'JMPF', far(0xf000, 0xe05b)],
  [16, 'call dword 8:0x10000', 'CALLF', far(8, 0x10000, 4)],
  [64, 'cdqe', 'CDQE'],
  [64, 'cqo', 'CQO'],
  [64, 'cdq', 'CDQ'],
  [64, 'rep stosq', 'REP STOSQ'],
  [64, 'rep movsb', 'REP MOVSB'],
  [64, 'repne scasb', 'REPNE SCASB'],
  [64, 'lodsd', 'LODSD'],
  [64, 'rep insw', 'REP INSW'],
  [64, 'in al, 0x60', 'IN', al, 0x60],
  [64, 'in eax, dx', 'IN', eax, dx],
  [64, 'out 0x80, al', 'OUT', 0x80, al],
  [64, 'out dx, ax', 'OUT', dx, ax],
  [64, 'int 0x80', 'INT', 0x80],
  [64, 'hlt', 'HLT'],
  [64, 'sti', 'STI'],
  [64, 'lgdt [rax]', 'LGDT', mem(0, { base: rax })],
  [32, 'lidt [0x5000]', 'LIDT', mem(0, { disp: 0x5000 })],
  [64, 'ltr ax', 'LTR', ax],
  [64, 'invlpg [rdi]', 'INVLPG', mem(0, { base: rdi })],
  [64, 'swapgs', 'SWAPGS'],
  [64, 'rdmsr', 'RDMSR'],
  [64, 'cpuid', 'CPUID'],
  [64, 'ud2', 'UD2'],
  [64, 'mfence', 'MFENCE'],
  [64, 'nop', 'NOP'],
  [64, 'movdqu xmm1, [rdi+16]', 'MOVDQU', xmm(1), mem(16, { base: rdi, disp: 16 })],
  [64, 'movdqa [r8], xmm9', 'MOVDQA', mem(16, { base: r8 }), xmm(9)],
  [64, 'movsd xmm0, [rsp]', 'MOVSD', xmm(0), mem(8, { base: rsp })],
  [64, 'movd xmm3, eax', 'MOVD', xmm(3), eax],
  [64, 'addps xmm2, xmm15', 'ADDPS', xmm(2), xmm(15)],
  [64, 'pxor xmm4, xmm4', 'PXOR', xmm(4), xmm(4)],
  [64, 'pxor mm1, mm2', 'PXOR', mm(1), mm(2)],
  [64, 'fxsave [rsp]', 'FXSAVE', mem(0, { base: rsp })],
];

const MODE = { 16: MODE_16, 32: MODE_32, 64: MODE_64 } as const;
const decoder = new Decoder(new Set(ROWS.flatMap((row) => row.cpuid ?? [])));

function assemble([bits, , name, ...operands]: Case): Uint8Array {
  const a = new Assembler({ bits, origin: 0 });
  a.emit(name, ...operands);
  return a.finish();
}

function decode(bytes: Uint8Array, bits: Bits): Insn {
  const insn = decoder.decode({ byte: (index) => bytes[index] ?? 0xcc }, MODE[bits]);
  if ('failure' in insn) throw new Error(`${Buffer.from(bytes).toString('hex')} does not decode: ${insn.failure}`);
  return insn;
}

/** What a decoded operand and a given one have in common, as text. */
function gist(operand: Operand | AsmOperand): string {
  if (typeof operand !== 'object') return `${BigInt.asUintN(64, BigInt(operand))}`;
  if (!('kind' in operand)) return operand.name;
  switch (operand.kind) {
    case 'register':
      return `${operand.size} ${operand.register}${operand.high}`;
    case 'memory': {
      const { base, index, scale, displacement } = operand;
      return `${operand.size} [${base} ${index === NO_REGISTER ? '' : `${index} ${scale}`} ${displacement}]`;
    }
    case 'far':
      return `${operand.selector}:${'offset' in operand ? operand.offset : operand.target}`;
    case 'immediate':
      return `${(BigInt.asUintN(32, BigInt(operand.high)) << 32n) | BigInt.asUintN(32, BigInt(operand.low))}`;
    case 'relative':
      return `${operand.displacement}`;
    default:
      return `${operand.kind} ${operand.register}`;
  }
}

describe('what is assembled decodes to what was meant', () => {
  it.each(CASES.map((c) => [`${c[0]}: ${c[1]}`, c] as const))('%s', (_, given) => {
    const [bits, , name, ...operands] = given;
    const bytes = assemble(given);
    const insn = decode(bytes, bits);
    expect(insn.length).toBe(bytes.length);
    expect(insn.row.name[0]).toBe(name.replace(/^(LOCK|REP|REPNE) /, '')[0]); // CDQE is a size of CBW
    expect(insn.lock).toBe(name.startsWith('LOCK'));
    expect(insn.repeat !== 0).toBe(name.startsWith('REP'));
    const decoded = insn.operands.filter(
      (o, n) => !'XYB'.includes(insn.row.operands[n]?.place ?? '-') || o.kind !== 'memory',
    );
    if (insn.row.system === 'pushSegment' || insn.row.system === 'popSegment') return;
    expect(decoded).toHaveLength(operands.length);
    decoded.forEach((operand, n) => {
      const wanted = operands[n] as AsmOperand;
      if (operand.kind === 'immediate' && typeof wanted === 'number') {
        const width =
          insn.row.operands[n]?.place === 'sI' || insn.row.operands[n]?.size === 'z'
            ? insn.operandSize * 8
            : operand.size * 8;
        expect(BigInt.asUintN(width, BigInt(gist(operand)))).toBe(BigInt.asUintN(width, BigInt(wanted)));
      } else if (typeof wanted === 'object' && 'kind' in wanted && wanted.kind === 'memory' && wanted.size === 0) {
        expect(gist({ ...wanted, size: (operand as MemoryOperand).size as Size })).toBe(gist(operand));
      } else expect(gist(operand)).toBe(gist(wanted));
    });
  });
});

/** nasm's listing of all cases: bytes by case. Undefined where nasm is not installed. */
function nasmBytes(): Uint8Array[] | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'vivarium-asm-'));
  try {
    return CASES.map(([bits, text], n) => {
      const [source, binary] = [join(dir, `${n}.asm`), join(dir, `${n}.bin`)];
      writeFileSync(source, `bits ${bits}\norg 0\n${text}\n`);
      execFileSync('nasm', ['-f', 'bin', '-o', binary, source]);
      return new Uint8Array(readFileSync(binary));
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const nasm = nasmBytes();
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

describe.skipIf(nasm === undefined)(
  `nasm makes the same bytes${nasm ? '' : ' (skipped: nasm is not installed)'}`,
  () => {
    it.each(CASES.map((c, n) => [`${c[0]}: ${c[1]}`, c, n] as const))('%s', (_, given, n) => {
      expect(hex(assemble(given))).toBe(hex(nasm?.[n]));
    });
  },
);

describe('a program', () => {
  const program = (bits: Bits, build: (a: Assembler) => void): string => {
    const a = new Assembler({ bits, origin: 0x1000 });
    build(a);
    return hex(a.finish());
  };

  it('jumps back by a byte where that reaches, and ahead by four', () => {
    const bytes = program(64, (a) => {
      const end = a.label();
      const loop = a.bind();
      a.emit('JZ', end);
      a.emit('JMP', loop);
      a.emit('LOOP', loop);
      a.bind(end);
    });
    expect(bytes).toBe('0f8404000000' + 'ebf8' + 'e2f6');
  });

  it('jumps far back by four bytes', () => {
    const bytes = program(64, (a) => {
      const loop = a.bind();
      a.zero(126);
      a.emit('JMP', loop);
      a.emit('JMP', loop);
    });
    expect(bytes.slice(252)).toBe('eb80' + 'e97bffffff');
  });

  it('knows places by name, as addresses and as data', () => {
    const bytes = program(64, (a) => {
      a.emit('MOV', esi, a.label('text'));
      a.emit('MOV', al, mem(1, { base: rip, disp: a.label('text'), plus: 1 }));
      a.emit('MOV', al, mem(1, { base: rsi, disp: a.label('text') }));
      a.u32(a.label('text'));
      a.align(8);
      a.bind('text');
      a.text('hi');
    });
    expect(bytes).toBe('be18100000' + '8a050e000000' + '8a8618100000' + '18100000' + '000000' + '6869');
  });

  it('changes the code size in the middle', () => {
    const bytes = program(16, (a) => {
      a.emit('MOV', eax, 1);
      a.emit('JMPF', far(8, a.label('next'), 4));
      a.bits = 32;
      a.bind('next');
      a.emit('MOV', eax, 1);
      a.bits = 64;
      a.emit('MOV', eax, mem(4, { base: rsp }));
    });
    expect(bytes).toBe('66b801000000' + '66ea0e1000000800' + 'b801000000' + '8b0424');
  });

  it.each<[string, Bits, RegExp, (a: Assembler) => void]>([
    ['an unknown name', 64, /FROB is no instruction/, (a) => a.emit('FROB')],
    [
      'operands of two sizes',
      64,
      /no row of the table is MOV with eax, rbx in 64-bit code/,
      (a) => a.emit('MOV', eax, rbx),
    ],
    ['an immediate that is too large', 64, /ADD with rax, 4294967296/, (a) => a.emit('ADD', rax, 2 ** 32)],
    ['AH with a REX prefix', 64, /MOV with ah, sil/, (a) => a.emit('MOV', ah, sil)],
    ['64-bit registers in 32-bit code', 32, /MOV with rax, rbx in 32-bit/, (a) => a.emit('MOV', rax, rbx)],
    ['LOCK without memory', 64, /LOCK ADD with rax/, (a) => a.emit('LOCK ADD', rax, 1)],
    ['REP of no string instruction', 64, /REP ADD/, (a) => a.emit('REP ADD', rax, 1)],
    ['PUSHA in 64-bit code', 64, /PUSHA with no operands/, (a) => a.emit('PUSHA')],
    ['a label bound twice', 64, /twice is bound twice/, (a) => [a.bind('twice'), a.bind('twice')]],
    ['a label bound nowhere', 64, /nowhere is used, but nowhere bound/, (a) => a.emit('JMP', a.label('nowhere'))],
    [
      'a short jump too far ahead',
      64,
      /there is too far for 1 byte/,
      (a) => {
        a.emit('LOOP', a.label('there'));
        a.zero(200);
        a.bind('there');
      },
    ],
  ])('is refused for %s', (_, bits, message, build) => {
    expect(() => program(bits, build)).toThrow(message);
  });

  it('decodes addresses relative to the next instruction as such', () => {
    const bytes = assemble([64, '', 'MOV', eax, mem(4, { base: rip, disp: 5 })]);
    expect(decode(bytes, 64).operands[1]).toMatchObject({ base: BASE_RIP, displacement: 5 });
  });
});
