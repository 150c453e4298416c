/** Control registers and MSRs with wrong values, fast system calls, XSAVE, what only 64-bit mode has. */
import { type Case, cross } from '../case.ts';

const CR = (register: string, value: string): string => `mov rax, ${value}; mov ${register}, rax`;
const WRMSR = (msr: string, low: string, high = '0'): string =>
  `mov ecx, ${msr}; mov eax, ${low}; mov edx, ${high}; wrmsr`;
const SCE = 'mov ecx, 0xc0000080; mov eax, 1; xor edx, edx; wrmsr';
const NO_SYSENTER = 'mov ecx, 0x174; xor eax, eax; xor edx, edx; wrmsr';
const XSAVE = 'mov eax, 0x40600; mov cr4, eax';

export const LONG: readonly Case[] = [
  ...cross(
    ['32 cpl0'],
    [
      'mov eax, 0x80000000; mov cr0, eax',
      'mov eax, 0x20000011; mov cr0, eax',
      'mov eax, 0x80000030; mov cr0, eax',
      'mov eax, cr0',
      'mov eax, 0x10000000; mov cr4, eax',
      'mov eax, 0x20000; mov cr4, eax',
      'mov eax, 0x8000; mov cr4, eax',
      'mov eax, 0x31; lmsw ax; smsw eax',
      'clts; mov eax, cr0',
      'mov eax, 0x123456; mov cr2, eax; mov ecx, cr2',
      'mov eax, -1; mov cr3, eax; mov ecx, cr3',
      'db 0xf0, 0x0f, 0x20, 0xc0',
    ],
  ),
  ...cross(
    ['64 cpl0'],
    [
      CR('cr0', '0x100000031'),
      CR('cr0', '0x31'),
      CR('cr0', '0xa0000031'),
      CR('cr0', '0x80000030'),
      CR('cr4', '0'),
      CR('cr4', '0x100000020'),
      CR('cr4', '0x1020'),
      CR('cr4', '0x20020'),
      CR('cr3', '0x8000000000000000'),
      CR('cr3', '0x15000'),
      'mov eax, 5; mov cr8, rax; mov rcx, cr8; xor eax, eax; mov cr8, rax',
      CR('cr8', '16'),
      'mov rax, cr8',
      CR('cr2', '0x800000000000'),
    ],
  ),
  ...cross(
    ['64 cpl0'],
    [
      WRMSR('0xc0000080', '0'),
      WRMSR('0xc0000080', '0x500'),
      WRMSR('0xc0000080', '0x20000500'),
      WRMSR('0xc0000082', '0', '0x1000000'),
      WRMSR('0xc0000100', '0', '0x1000000'),
      WRMSR('0xc0000102', '0', '0xfeffffff'),
      WRMSR('0x175', '0', '0x1000000'),
      WRMSR('0x176', '0', '0x1000000'),
      WRMSR('0x277', '0x02', '0'),
      WRMSR('0x12345', '0'),
      'mov ecx, 0x12345; rdmsr',
      WRMSR('0x1b', '0xfee00900', '0x10000'),
      'mov ecx, 0xc0000080; rdmsr',
      WRMSR('0xc0000084', '-1', '-1'),
      WRMSR('0x200', '0x02', '0'),
    ],
  ),
  ...cross(['32 cpl0'], [WRMSR('0xc0000080', '0x200'), WRMSR('0x10', '0')]),

  // fast system calls
  ...cross(
    ['64 cpl0', '64 cpl3', '32 cpl0', '32 cpl3', 'compat32 cpl3', 'vm86', 'real', '16 cpl3'],
    ['sysenter', 'syscall', 'db 0x0f, 0x07'],
  ),
  ...cross(['64 cpl3', '32 cpl3', 'compat32 cpl3', 'vm86', 'real', '16 cpl3'], ['sysexit']),
  ...cross(['64 cpl0', '64 cpl3', '32 cpl0', '32 cpl3'], ['sysenter', 'sysexit'], NO_SYSENTER),
  ...cross(
    ['64 cpl0', '64 cpl3'],
    [
      'syscall',
      'mov ecx, TARGET; mov r11d, 0x3202; db 0x48, 0x0f, 0x07',
      'mov ecx, TARGET; mov r11d, 2; db 0x0f, 0x07',
      'mov ecx, TARGET; mov r11d, 0x247fd7; db 0x48, 0x0f, 0x07',
      'mov rcx, 0x800000000000; mov r11d, 2; db 0x48, 0x0f, 0x07',
    ],
    SCE,
  ),
  ...cross(['32 cpl3', '32 cpl0', 'real', 'vm86'], ['syscall'], SCE),
  ...cross(
    ['64 cpl0'],
    [
      'mov edx, TARGET; mov ecx, STACK3; sysexit',
      'mov edx, TARGET; mov ecx, STACK3; db 0x48, 0x0f, 0x35',
      'mov rdx, 0x800000000000; mov ecx, STACK3; db 0x48, 0x0f, 0x35',
      'mov edx, TARGET; mov rcx, 0x800000000000; db 0x48, 0x0f, 0x35',
    ],
  ),
  ...cross(['32 cpl0'], ['mov edx, TARGET; mov ecx, STACK3; sysexit']),

  // FS, GS and SWAPGS
  ...cross(
    ['64 cpl0'],
    [
      'swapgs; mov ecx, 0xc0000101; rdmsr',
      'mov ecx, 0xc0000102; mov eax, DATA; xor edx, edx; wrmsr; swapgs; mov dword [gs:4], 7',
      'mov eax, DATA32; mov fs, ax; mov ecx, 0xc0000100; rdmsr',
      'mov ecx, 0xc0000100; mov eax, DATA; xor edx, edx; wrmsr; inc dword [fs:0]',
      'mov ecx, 0xc0000100; mov eax, DATA; xor edx, edx; wrmsr; xor eax, eax; mov fs, ax; rdmsr',
    ],
  ),
  ...cross(
    ['64 cpl0', '64 cpl3'],
    [
      'mov eax, -1; movsxd rcx, eax',
      'mov eax, -1; mov eax, eax',
      'push -1; pop rcx',
      'db 0x0e',
      'mov rax, cs',
      'mov ax, cs',
      'push fs; pop rcx',
      'enter 16, 0; leave',
      'mov ecx, 1; a32 nop',
    ],
  ),

  // XSAVE
  ...cross(
    ['32 cpl0', '32 cpl3'],
    ['xor ecx, ecx; db 0x0f, 0x01, 0xd0', 'xsave [DATA+64]', 'xrstor [DATA+64]', 'db 0x0f, 0x01, 0xd1'],
  ),
  ...cross(
    ['32 cpl0', '32 cpl3'],
    [
      'xor ecx, ecx; db 0x0f, 0x01, 0xd0',
      'mov ecx, 5; db 0x0f, 0x01, 0xd0',
      'xor ecx, ecx; mov eax, 3; db 0x0f, 0x01, 0xd1',
      'xor ecx, ecx; mov eax, 2; db 0x0f, 0x01, 0xd1',
      'xor ecx, ecx; mov eax, 5; db 0x0f, 0x01, 0xd1',
      'mov ecx, 1; mov eax, 1; db 0x0f, 0x01, 0xd1',
      'xor ecx, ecx; mov eax, 3; mov edx, 0x10; db 0x0f, 0x01, 0xd1',
      'mov eax, 3; xsave [DATA+65]',
      'mov dword [DATA+576], 4; mov eax, 3; xrstor [DATA+64]',
      'mov dword [DATA+584], 1; mov eax, 3; xrstor [DATA+64]',
      'mov eax, 3; xrstor [DATA+64]',
      'mov dword [DATA+88], 0x10000; mov dword [DATA+576], 2; mov eax, 3; xrstor [DATA+64]',
      'db 0xc5, 0xfc, 0x77',
      'db 0x0f, 0xae, 0x05; dd DATA+65',
    ],
    XSAVE,
  ),
  ...cross(['real', 'vm86'], ['db 0xc5, 0xfc, 0x77', 'xor cx, cx; db 0x0f, 0x01, 0xd0'], XSAVE),
  ...cross(
    ['32 cpl0', '32 cpl3', '64 cpl3'],
    [
      'mov eax, 3; xor ecx, ecx; db 0x66, 0x0f, 0x38, 0x82, 0x05; dd DATA',
      'db 0x0f, 0x01, 0xd9',
      'db 0x0f, 0x01, 0xc1; xor eax, eax',
      'db 0x0f, 0xc7, 0x35; dd DATA',
      'db 0x0f, 0x01, 0xdd',
    ],
  ),
];
