/** Transfers through gates and without: far jumps, calls and returns, INT n, IRET, tasks. */
import { type Case, cross } from '../case.ts';
import { SELECTORS, VECTORS } from '../layout.ts';

/** Those would run code that says nothing: a task of 16 bits, data as code. */
const TARGETS = [
  ...Object.keys(SELECTORS).filter((name) => !/KERNEL16|CODE_SMALL|TSS64/.test(name)),
  '3',
  'CODE32+3',
  'CODE_CONF+3',
  'CODE64+3',
  'GATE32+3',
];
const each = (text: string): string[] => TARGETS.map((name) => text.replaceAll('SEL', name));
const POINTER = (selector: string): string => `mov dword [DATA+16], TARGET; mov word [DATA+20], ${selector}`;
const is16 = (name: string): boolean => /16/.test(name);
const INTERRUPTS = [
  ...Object.keys(VECTORS).map((name) => `int ${name}`),
  'int3',
  'db 0xce',
  'int 0x20',
  'int 0xff',
  'int 8',
];
const INT_MODES = [
  '32 cpl0',
  '32 cpl1',
  '32 cpl3',
  '16 cpl0',
  '16 cpl3',
  '64 cpl0',
  '64 cpl3',
  'compat32 cpl0',
  'compat32 cpl3',
  'compat16 cpl3',
  'pae cpl3',
];
const FRAME = (selector: string, flags: number, ip = 'TARGET'): string => `push ${flags}; push ${selector}; push ${ip}`;
const OUTER = (selector: string, stack: string, flags: number): string =>
  `push ${stack}; push STACK3; ${FRAME(selector, flags)}`;

export const GATES: readonly Case[] = [
  ...cross(
    ['32 cpl0', '32 cpl3', '32 cpl1'],
    TARGETS.map((name) => `jmp ${name}:${is16(name) ? '0x800' : 'TARGET'}`),
  ),
  ...cross(
    ['32 cpl0', '32 cpl3'],
    TARGETS.map((name) => `call ${name}:${is16(name) ? '0x800' : 'TARGET'}`),
  ),
  ...TARGETS.flatMap((name) => cross(['64 cpl0', '64 cpl3', 'compat32 cpl3'], ['call far [DATA+16]'], POINTER(name))),
  ...TARGETS.flatMap((name) => cross(['64 cpl0', '64 cpl3'], ['jmp far [DATA+16]'], POINTER(name))),
  ...cross(['32 cpl0', '32 cpl3'], each('push SEL; push TARGET; retf')),
  ...cross(['32 cpl0'], each('push DATA32_3; push STACK3; push SEL; push TARGET; retf')),
  ...cross(['64 cpl0', '64 cpl3'], each('push DATA32_3; push STACK3; push SEL; push TARGET; retfq')),
  ...cross(['32 cpl0'], each('push SEL; push STACK3; push CODE32_3; push TARGET; retf')),
  ...cross(
    ['32 cpl0'],
    [
      'push DATA32_3; push STACK3; push 5; push 6; push CODE32_3; push TARGET; retf 8',
      'push CODE32; push TARGET; retf 4',
      'push CODE16; push 0x800; retf',
    ],
  ),

  ...cross(
    INT_MODES,
    INTERRUPTS.filter((text) => text !== 'int 8'),
  ),
  ...cross(['64 cpl3', '32 cpl3'], ['int 8', 'int 13']),

  ...cross(['32 cpl0', '32 cpl3'], each(`${FRAME('SEL', 2)}; iret`)),
  ...cross(['64 cpl0', '64 cpl3'], each(`push DATA32_3; push STACK3; push 2; push SEL; push TARGET; iretq`)),
  ...cross(['32 cpl0'], each(`${OUTER('CODE32_3', 'SEL', 2)}; iret`)),
  ...cross(['64 cpl0'], each('push SEL; push STACK3; push 2; push CODE64_3; push TARGET; iretq')),
  ...cross(
    ['64 cpl0'],
    [
      'push 0; push STACK0; push 2; push CODE64; push TARGET; iretq',
      'push DATA32; push STACK0; push 2; push CODE64; mov rax, 0x800000000000; push rax; iretq',
      'push DATA32; push STACK0; push 2; push CODE32; push TARGET; iretq',
    ],
  ),
  ...cross(
    ['32 cpl0', '32 cpl1', '32 cpl3', '32 cpl3 iopl3', '32 cpl1 iopl3'],
    ['push 0x247ed7; push cs; push TARGET; iret', 'push 0x3002; push cs; push TARGET; iret'],
  ),
  ...cross(
    ['32 cpl0'],
    [
      `push 0; push 0; push 0x3000; push 0x3000; push 0x5000; push 0x5800; push 0x23002; push 0x2000; push 0x800; iret`,
      `${OUTER('CODE32_3', 'DATA32_3', 0x3202)}; iret`,
      `${OUTER('CODE32_1', 'DATA32_1', 2)}; iret`,
    ],
  ),
  ...cross(
    ['32 cpl3'],
    [`push 0; push 0; push 0; push 0; push 0x5000; push 0x5800; push 0x23002; push CODE32_3; push TARGET; iret`],
  ),
  ...cross(
    ['16 cpl0', '16 cpl3', 'compat16 cpl3'],
    [
      'jmp CODE16:0x800',
      'jmp CODE16_3:0x800',
      'call GATE32:0',
      'call GATE16:0',
      'jmp GATE16:0',
      'push 2; push cs; push 0x800; iret',
      'push cs; push 0x800; retf',
      'push 0x4002; popf; iret',
    ],
  ),
  ...cross(['16 cpl0'], ['push 0x7fd7; push cs; push 0x800; iret']),
];
