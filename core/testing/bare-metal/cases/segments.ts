/** Selectors and descriptors of every kind: loads, LAR LSL VERR VERW, LLDT and LTR, limits. */
import { type Case, cross } from '../case.ts';
import { SELECTORS } from '../layout.ts';

const ALL = [
  ...Object.keys(SELECTORS),
  '3',
  'CODE32+3',
  'DATA32+3',
  'DATA32+1',
  'DATA32_3-3',
  'DATA32_3-2',
  'CODE_CONF+3',
];
const each = (text: string): string[] => ALL.map((name) => text.replace('SEL', name));
/** AL, DX: rights and limit; BL, BH, CL, CH: whether LAR, LSL, VERR, VERW said yes. LAR leaves bits 19:16 undefined. */
const DESCRIBE =
  'mov esi, SEL; lar eax, si; sete bl; lsl edx, si; sete bh; verr si; sete cl; verw si; sete ch; and eax, 0xf0ff00; cmp eax, eax';

const LIMIT = (selector: string, access: string): string => `mov ax, ${selector}; mov ds, ax; ${access}`;
const ACCESSES = [
  ...[12, 13, 16, 0x10000].flatMap((at) => [`mov ecx, [${at}]`, `mov [${at}], ecx`]),
  ...['mov cl, [15]', 'mov cl, [16]', 'mov cx, [14]', 'mov cx, [15]', 'mov dword [13], 1', 'inc dword [13]'],
  ...['mov ecx, 4; xor edi, edi; mov esi, 13; rep lodsb', 'push dword [13]', 'bound ecx, [9]'],
  ...['db 0x0f, 0x10, 0x05; dd 0', 'db 0xdd, 0x05; dd 9', 'lea ecx, [-4]', 'invlpg [100]'],
];

export const SEGMENTS: readonly Case[] = [
  ...cross(['32 cpl0', '32 cpl3', '64 cpl0', '64 cpl3'], each('mov eax, SEL; mov ds, ax')),
  ...cross(['32 cpl1', '32 cpl3', '64 cpl0', '64 cpl3'], each('mov eax, SEL; mov ss, ax')),
  ...cross(['32 cpl0'], each('mov ecx, ss; mov eax, SEL; mov ss, ax; mov ss, cx')), // the end needs its stack
  ...cross(['32 cpl0', '32 cpl3', '64 cpl0', '64 cpl3'], each(DESCRIBE)),
  ...cross(['32 cpl0', '64 cpl0'], each('mov eax, SEL; lldt ax')),
  ...cross(['32 cpl0', '64 cpl0'], each('mov eax, SEL; ltr ax')).filter(
    ([mode, code]) => mode === '32 cpl0' || !/TSS16/.test(code),
  ), // those are no descriptors of 16 bytes
  ...cross(
    ['vm86', 'real'],
    ['lar eax, cx', 'lsl eax, cx', 'verr cx', 'verw cx', 'sldt ax', 'str ax', 'lldt ax', 'ltr ax', 'arpl ax, cx'],
  ),
  ...cross(
    ['32 cpl0', '32 cpl3'],
    ['push DATA_NP; pop ds', 'push BEYOND; pop es', 'push DATA32; pop fs', 'push CODE_XO; pop gs', 'push 0; pop ss'],
  ),
  ...cross(
    ['32 cpl3'],
    ['mov dword [DATA], 5; mov word [DATA+4], DATA32; lds ecx, [DATA]', 'mov word [DATA+4], 3; les ecx, [DATA]'],
  ),
  ...cross(
    ['32 cpl3', '64 cpl3'],
    [
      'mov dword [DATA], 5; mov word [DATA+4], BEYOND; lss ecx, [DATA]',
      'mov dword [DATA], 5; mov word [DATA+4], DATA32_3; lgs ecx, [DATA]',
    ],
  ),
  ...cross(['32 cpl3', '16 cpl3'], ['mov ax, 0x10; mov cx, 3; arpl ax, cx', 'mov ax, 0x13; mov cx, 2; arpl ax, cx']),
  ...cross(
    ['32 cpl0', '64 cpl0', '16 cpl0'],
    ['mov eax, -1; sldt eax', 'mov eax, -1; str eax', 'mov eax, -1; sldt ax', 'mov eax, -1; str ax'],
  ),
  ...cross(
    ['32 cpl0'],
    ['sgdt [DATA]', 'o16 sgdt [DATA]', 'sidt [DATA]', 'mov eax, -1; smsw ax', 'smsw eax', 'sldt word [DATA]'],
  ),
  ...cross(['64 cpl0'], ['sgdt [DATA]', 'o16 sgdt [DATA]', 'sidt [DATA]', 'smsw rax', 'mov rax, -1; sldt rax']),
  ...cross(
    ['32 cpl3'],
    ['mov eax, 0; mov ds, ax; mov ecx, [DATA]', 'mov ds, ax; mov [DATA], ecx', 'mov fs, ax; inc dword [fs:DATA]'],
  ),
  ...cross(['64 cpl3'], ['mov ds, ax; mov ecx, [DATA]', 'mov fs, ax; inc dword [fs:DATA]']),

  // limits
  ...cross(
    ['32 cpl0'],
    ACCESSES.map((access) => LIMIT('DATA_SMALL', access)),
    'mov eax, 0x600; mov cr4, eax',
  ),
  ...cross(
    ['32 cpl0'],
    ['mov ecx, [DATA]', 'mov ecx, [DATA-1]', 'mov ecx, [DATA-4]', 'mov ecx, [-3]'].map((a) => LIMIT('DATA_DOWN', a)),
  ),
  ...cross(
    ['32 cpl0'],
    ['mov ecx, [0x1000]', 'mov ecx, [0xfff]', 'mov cl, [0xffff]', 'mov cx, [0xffff]', 'mov cl, [0x10000]'].map((a) =>
      LIMIT('DATA_DOWN16', a),
    ),
  ),
  ...cross(
    ['32 cpl0'],
    ['mov ecx, [DATA]', 'mov [DATA], ecx', 'inc dword [DATA]', 'xchg [DATA], ecx', 'cmp ecx, [DATA]'].map((a) =>
      LIMIT('DATA_RO', a),
    ),
  ),
  ...cross(['32 cpl0'], ['mov [cs:DATA], eax', 'mov ecx, [cs:DATA]']),
  ...cross(
    ['32 cpl0'],
    [
      'mov ax, DATA_SMALL; mov ss, ax; mov esp, 18; push eax',
      'mov ax, DATA_SMALL; mov ss, ax; mov esp, 2; pop ecx',
      'mov ax, DATA_SMALL; mov ss, ax; mov ebp, 13; mov ecx, [ebp+0]',
    ],
  ),
  ...cross(
    ['32 cpl3'],
    [
      'mov ax, DATA_SMALL_3; mov ss, ax; mov esp, 18; push eax',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov esp, 14; pop ecx',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov ebp, 13; mov ecx, [ebp+0]',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov esp, 16; call x; x: nop',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov esp, 0; push eax',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov esp, 16; pusha',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov esp, 16; enter 4, 3',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov ebp, 16; leave',
      // what was stored before the fault stays: silicon does the same
      'mov eax, 0x11111111; mov ecx, 0x22222222; mov dx, DATA_SMALL_3; mov ss, dx; mov esp, 6; pusha',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov ebp, 24; mov esp, 16; enter 8, 3',
      'mov ax, DATA_SMALL_3; mov ss, ax; mov esp, 6; call CODE32_3:TARGET',
    ],
  ),
  ...cross(['32 cpl0'], ['jmp CODE_SMALL:0x20', 'jmp CODE_SMALL:0x100', 'jmp CODE_SMALL:0xff']),
];
