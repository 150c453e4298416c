/** Real, virtual-8086 and other 16-bit code: wraps, limits, address sizes. */
import { type Case, cross } from '../case.ts';

const REAL = ['real', 'vm86 iopl3', '16 cpl3'];

export const REAL_MODE: readonly Case[] = [
  ...cross(REAL, [
    'mov ax, [0xffff]',
    'mov [0xffff], ax',
    'mov eax, [0xfffe]',
    'mov al, [0xffff]',
    'inc word [0xffff]',
  ]),
  ...cross(REAL, [
    'mov bx, 0xffff; mov al, [bx+1]',
    'mov bx, 0xffff; mov si, 2; mov al, [bx+si+0xfff0]',
    'mov si, 0xffff; lodsb',
  ]),
  ...cross(REAL, [
    'mov ebx, 0x10000; mov al, [ebx]',
    'mov ebx, 0xffff; mov ax, [ebx]',
    'mov ebx, 0xfffe; mov ax, [ebx]',
    'mov ebx, -1; mov al, [ebx]',
  ]),
  ...cross(REAL, ['mov bp, 0xffff; mov ax, [bp]', 'mov bp, 0xffff; mov [bp], ax', 'mov ebp, 0x10000; mov al, [ebp+0]']),
  ...cross(REAL, [
    'mov sp, 0xffff; pop ax',
    'mov sp, 0; push ax',
    'mov sp, 2; push eax',
    'mov sp, 0; pusha',
    'mov sp, 0xfff1; popa',
  ]),
  // where real mode would shut down: there is no room for the exception
  ...cross(
    ['vm86 iopl3', '16 cpl3'],
    ['mov sp, 1; push ax', 'mov sp, 1; pop ax', 'mov sp, 3; push eax', 'mov sp, 7; pusha', 'mov sp, 1; call x; x: nop'],
  ),
  ...cross(REAL, [
    'mov si, 0xfffe; mov cx, 3; rep lodsw',
    'mov si, 0xffff; lodsw',
    'mov di, 0xfffd; mov cx, 4; rep stosw',
    'mov esi, 0xfffe; mov ecx, 3; a32 rep lodsw',
  ]),
  ...cross(REAL, [
    'mov ecx, 0x10000; jcxz x; mov al, 1; x: nop',
    'mov ecx, 0x10000; jecxz x; mov al, 1; x: nop',
    'mov ecx, 0x10001; x: inc ax; loop x',
    'mov ecx, 3; x: inc ax; a32 loop x',
  ]),
  ...cross(['32 cpl3', '64 cpl3'], ['mov ecx, 0x10000; jecxz x; mov al, 1; x: nop', 'mov ecx, 2; x: inc eax; loop x']),
  ...cross(REAL, [
    'jmp x; x: nop',
    'mov eax, 0x10000; jmp eax',
    'mov ax, 0x1000; jmp ax',
    'push 0x900; ret',
    'db 0x66, 0x68; dd 0x10000; o32 ret',
  ]),
  ...cross(
    ['real', 'vm86 iopl3'],
    [
      'jmp 0x2010:0x10',
      'call 0x2010:0x10',
      'push 0x2010; push 0x20; retf',
      'pushf; push 0x2010; push 0x20; iret',
      'mov ax, 0x1234; mov ds, ax',
      'mov ax, 0x1235; mov ss, ax',
    ],
  ),
  ...cross(
    ['real', 'vm86', 'vm86 iopl3'],
    ['int 0x21', 'int3', 'into', 'mov al, 0x7f; inc al; into', 'icebp', 'ud2', 'xor cx, cx; div cx', 'bound ax, [0]'],
  ),
  ...cross(
    ['vm86', 'vm86 iopl3'],
    ['int 0x30', 'int 0x34', 'int 0x3b', 'int 0x3c', 'int 0x20', 'hlt', 'pushf', 'lock inc word [0]'],
  ),
  ...cross(['vm86', 'vm86 iopl3'], ['int3', 'pushf; push 0x2010; push 0x20; iret'], 'mov eax, 1; mov cr4, eax'), // VME: by the redirection map
  ...cross(['vm86', 'vm86 iopl3'], ['int 0x21'], 'mov eax, 1; mov cr4, eax; mov dword [0x84], 0x20000800'),
  ...cross(['vm86', 'vm86 iopl3'], ['int 0x21'], 'mov eax, 1; mov cr4, eax; mov dword [TSS+108], 2'),
  ...cross(
    ['real'],
    [
      'mov eax, 0x20; mov cr4, eax; mov eax, cr4',
      'mov eax, cr0; or al, 1; mov cr0, eax; mov ebx, cs; and al, 0xfe; mov cr0, eax',
      'smsw ax',
      'mov ax, 1; lmsw ax; mov ax, 0; lmsw ax; smsw ax; mov ecx, cr0; and cl, 0xfe; mov cr0, ecx',
    ],
  ),
  // unreal mode: the limit of protected mode stays
  [
    'real',
    'mov eax, cr0; or al, 1; mov cr0, eax; mov bx, 0x10; mov ds, bx; and al, 0xfe; mov cr0, eax; mov ebx, DATA; mov dword [ebx], 0x1234; mov bx, 0x3000; mov ds, bx; mov ebx, 0x10004; mov dword [ebx-0x10000], 5; mov eax, [ebx]',
  ],
  // A20 is open: the byte at 1 MiB is not that at 0
  [
    'real',
    'mov ax, 0xffff; mov ds, ax; mov byte [0x10], 0x55; xor ax, ax; mov ds, ax; mov byte [0], 0xaa; mov ax, 0xffff; mov ds, ax; mov cl, [0x10]',
  ],
  ...cross(REAL, [
    'lgdt [0xfffb]',
    'sgdt [0xfffb]',
    'les ax, [0xfffd]',
    'les ax, [0xfffe]',
    'bound ax, [0xfffd]',
    'enter 4, 2',
    'mov bp, 1; enter 0, 2',
    'mov bp, 0xffff; leave',
  ]),
  ...cross(REAL, [
    'lock inc word [0]',
    'lock nop',
    'lock mov [0], ax',
    'db 0xf0, 0xb8, 0, 0',
    'db 0x0f, 0xff, 0xc0',
    'mov bx, 0xffff; mov al, 5; db 0xd7',
  ]),
];
