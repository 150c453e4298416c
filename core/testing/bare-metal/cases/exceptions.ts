/** The exceptions that programs raise themselves, traps of the debug registers, FPU and SSE, instruction lengths. */
import { type Case, cross } from '../case.ts';

const MODES = ['32 cpl0', '32 cpl3', '64 cpl0', '64 cpl3'];
const MODES32 = ['32 cpl0', '32 cpl3'];
const WITH_SSE = 'mov eax, 0x600; mov cr4, eax';
const X87_DIVIDE = 'db 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b'; // FLD1 FLDZ FDIVP FWAIT
const UNMASK_X87 = 'mov word [DATA+32], 0x37b; db 0xd9, 0x2d; dd DATA+32'; // FLDCW: divide by zero
const SSE_DIVIDE = 'mov dword [DATA], 0x1f80; mov dword [DATA+4], 0x3f800000';
const BREAK = (dr7: string, address: string): string =>
  `mov eax, ${address}; mov dr0, eax; mov eax, ${dr7}; mov dr7, eax`;
const BREAK64 = (dr7: string, address: string): string => BREAK(dr7, address);

export const EXCEPTIONS: readonly Case[] = [
  ...cross(MODES, [
    'xor ecx, ecx; div ecx',
    'mov edx, 1; mov ecx, 1; div ecx',
    'mov eax, 0x80000000; cdq; mov ecx, -1; idiv ecx',
    'mov ax, 0x8000; mov cl, 1; idiv cl',
  ]),
  ...cross(MODES32, [
    'mov al, 0x7f; add al, 1; into',
    'into',
    'mov dword [DATA+8], 1; mov dword [DATA+12], 5; mov eax, 6; bound eax, [DATA+8]',
    'mov dword [DATA+8], 1; mov dword [DATA+12], 5; mov eax, 5; bound eax, [DATA+8]',
    'mov dword [DATA+8], -5; mov dword [DATA+12], 5; mov eax, -5; bound eax, [DATA+8]',
    'db 0xd4, 0',
  ]),
  ...cross(
    ['64 cpl3'],
    [
      'db 0xd4, 0',
      'db 0x06',
      'db 0x60',
      'db 0x9a',
      'db 0xea',
      'db 0xc4, 0xc0',
      'db 0x62, 0',
      'db 0x27',
      'db 0xce',
      'db 0x82, 0xc0, 1',
      'db 0xd6',
    ],
  ),
  ...cross(
    ['32 cpl3', '64 cpl3'],
    [
      'ud2',
      'db 0x0f, 0xb9, 0xc0',
      'db 0x0f, 0xff, 0xc0',
      'db 0x0f, 0x0a',
      'db 0x8e, 0xc8',
      'db 0x8c, 0xf0',
      'db 0x8d, 0xc0',
      'db 0x0f, 0x20, 0xc8',
      'db 0xfe, 0xd0',
      'db 0xff, 0xf8',
      'db 0xc6, 0xc8, 0',
      'db 0x0f, 0x01, 0xc8',
      'db 0x0f, 0x00, 0xf0',
      'db 0x0f, 0xae, 0xc0',
      'db 0x8f, 0xc8',
      'db 0x0f, 0xc7, 0xc8',
      'db 0x0f, 0xba, 0xc0, 0',
    ],
  ),

  // LOCK, lengths, prefixes
  ...cross(
    ['32 cpl3', '64 cpl3'],
    [
      'lock inc dword [DATA]',
      'lock inc ecx',
      'lock add ecx, [DATA]',
      'lock cmp [DATA], ecx',
      'lock xchg [DATA], ecx',
      'lock nop',
      'lock bt [DATA], ecx',
      'lock bts [DATA], ecx',
      'lock mov ecx, [DATA]',
      'lock ud2',
    ],
  ),
  ...cross(
    ['32 cpl3', '64 cpl3', 'real'],
    [13, 14, 15].map((n) => `db ${Array(n).fill('0x66').join(', ')}; nop`),
  ),
  ...cross(
    ['32 cpl3', '64 cpl3'],
    [
      `db ${Array(15).fill('0x66').join(', ')}, 0x0f, 0x0b`,
      `db ${Array(12).fill('0x2e').join(', ')}, 0x81, 0xc1; dd 5`,
    ],
  ),
  ...cross(
    ['64 cpl3'],
    ['db 0x48, 0x66, 0x90', 'db 0x48, 0x48, 0xff, 0xc0', 'db 0x66, 0x48, 0xff, 0xc0', 'db 0x48, 0x0f, 0x0b'],
  ),

  // debug: TF, ICEBP, breakpoints
  ...cross(
    [...MODES, 'real', 'vm86 iopl3', '16 cpl3'],
    ['pushf; pop ax; or ax, 0x100; push ax; popf; nop; nop'].map((text) => text),
  ).filter(([mode]) => !/^(32|64)/.test(mode)),
  ...cross(MODES32, [
    'push 0x102; popfd; nop; nop',
    'push 0x102; popfd; int3',
    'push 0x102; popfd; mov ecx, 2; rep lodsb',
    'push 0x102; popfd; ud2',
    'push 0x102; popfd; pushfd; pop ecx',
    'push 0x102; popfd; int V_INT',
    'mov esi, DATA; push 0x102; popfd; rep lodsb',
  ]),
  ...cross(['32 cpl0'], ['mov eax, ss; push 0x102; popfd; mov ss, ax; nop; nop']),
  ...cross(
    ['64 cpl0', '64 cpl3'],
    ['push 0x102; popfq; nop; nop', 'push 0x102; popfq; syscall', 'push 0x102; popfq; int V_INT'],
  ),
  ...cross(MODES, ['db 0xf1', 'int3']),
  ...cross(MODES32, ['nop; nop; nop'], BREAK('1', 'TEST+1')),
  ...cross(MODES32, ['nop; nop; nop'], BREAK('2', 'TEST+1')),
  ...cross(
    MODES32,
    [
      'mov ecx, [DATA]; nop',
      'mov cl, [DATA+3]; nop',
      'mov [DATA+3], cl; nop',
      'mov cl, [DATA+4]; nop',
      'mov ecx, [DATA-2]; nop',
      'push dword [DATA]; nop',
      'mov edi, DATA-8; mov ecx, 8; rep stosd',
    ],
    BREAK('0xf0001', 'DATA'),
  ),
  ...cross(
    MODES32,
    ['mov ecx, [DATA]; nop', 'mov [DATA], cl; nop', 'mov [DATA+2], cx; nop', 'inc dword [DATA]', 'cmp [DATA], ecx'],
    BREAK('0x50001', 'DATA'),
  ),
  ...cross(['64 cpl0', '64 cpl3'], ['nop; nop; nop'], BREAK64('1', 'TEST+1')),
  ...cross(['64 cpl0', '64 cpl3'], ['mov [DATA+3], cl; nop', 'mov [DATA+8], cl; nop'], BREAK64('0x90001', 'DATA')),
  ...cross(['32 cpl0'], ['mov eax, dr0', 'mov eax, dr7', 'mov ecx, dr6'], BREAK('0x2000', 'DATA')),
  ...cross(['32 cpl3'], ['out 0x80, al; nop', 'out 0x81, al'], `mov eax, 8; mov cr4, eax; ${BREAK('0x20001', '0x80')}`),
  ...cross(['32 cpl0'], ['out 0x80, al; nop'], `mov eax, 8; mov cr4, eax; ${BREAK('0x20001', '0x80')}`),
  ...cross(['32 cpl0'], ['mov eax, dr4', 'mov eax, dr5'], 'mov eax, 8; mov cr4, eax'),
  ...cross(
    ['32 cpl0'],
    [
      'mov eax, dr4',
      'mov eax, dr5',
      'mov eax, dr6',
      'mov eax, -1; mov dr6, eax; mov eax, dr6',
      'mov eax, 0xffffdf00; mov dr7, eax; mov ecx, dr7',
    ],
  ),
  ...cross(
    ['64 cpl0'],
    [
      'mov rax, 0x100000000; mov dr6, rax',
      'mov rax, 0x100000000; mov dr7, rax',
      'mov rax, 0x1234567890ab; mov dr0, rax; mov rcx, dr0',
      'mov rax, 0x800000000000; mov dr0, rax; mov rcx, dr0',
    ],
  ),

  // #NM, #MF, #XM, #AC
  ...cross(
    MODES32,
    ['db 0xd9, 0xe8', 'db 0x9b', 'db 0x0f, 0x28, 0xc1', 'db 0x0f, 0x77'],
    'mov eax, cr0; or al, 4; mov cr0, eax',
  ), // EM
  ...cross(
    MODES32,
    [
      'db 0xd9, 0xe8',
      'db 0x9b',
      'db 0x0f, 0x28, 0xc1',
      'db 0x0f, 0x77',
      'db 0x0f, 0xae, 0x05; dd DATA+64',
      'db 0x0f, 0xae, 0x1d; dd DATA',
    ],
    'mov eax, 0x600; mov cr4, eax; mov eax, cr0; or al, 8; mov cr0, eax',
  ), // TS
  ...cross(MODES32, ['db 0x9b', 'db 0xd9, 0xe8'], 'mov eax, cr0; or al, 10; mov cr0, eax'), // MP, TS
  ...cross(MODES32, ['db 0x0f, 0x28, 0xc1', 'db 0x0f, 0xae, 0xf8']),
  ...cross(
    MODES32,
    [
      X87_DIVIDE,
      'db 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9; nop; db 0xd9, 0xe8',
      'db 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0xdb, 0xe2',
    ],
    UNMASK_X87,
  ),
  ...cross(
    MODES32,
    [
      'mov dword [DATA], 0x1d80; db 0x0f, 0xae, 0x15; dd DATA; db 0xf3, 0x0f, 0x10, 0x05; dd DATA+4; db 0x0f, 0x57, 0xc9, 0xf3, 0x0f, 0x5e, 0xc1',
      'mov dword [DATA], 0x10000; db 0x0f, 0xae, 0x15; dd DATA',
      'db 0x0f, 0x28, 0x05; dd DATA+4',
    ],
    `${WITH_SSE}; ${SSE_DIVIDE}`,
  ),
  ...cross(
    MODES32,
    [
      'mov dword [DATA], 0x1d80; db 0x0f, 0xae, 0x15; dd DATA; db 0xf3, 0x0f, 0x10, 0x05; dd DATA+4; db 0x0f, 0x57, 0xc9, 0xf3, 0x0f, 0x5e, 0xc1',
    ],
    `mov eax, 0x200; mov cr4, eax; ${SSE_DIVIDE}`,
  ),
  ...cross(
    ['32 cpl0', '32 cpl3', '64 cpl3', '16 cpl3'],
    [
      'push 0x40002; popfd; mov ecx, [0x31]',
      'push 0x40002; popfd; mov cx, [0x31]',
      'push 0x40002; popfd; mov cl, [0x31]',
      'push 0x40002; popfd; mov [0x32], ecx',
      'push 0x40002; popfd; mov cx, [0x32]',
    ].map((text) => text.replace('[0x', '[DATA+0x')),
    'mov eax, cr0; or eax, 0x40000; mov cr0, eax',
  ).flatMap(([mode, code, setup]): Case[] =>
    mode === '64 cpl3'
      ? [[mode, code.replace('popfd', 'popfq'), setup ?? '']]
      : mode === '16 cpl3'
        ? [[mode, code.replace('push 0x40002', 'db 0x66, 0x68; dd 0x40002').replace('DATA+', ''), setup ?? '']]
        : [[mode, code, setup ?? '']],
  ),
  ...cross(
    ['32 cpl3'],
    ['push 0x40002; popfd; mov esp, STACK3-6; push eax', 'push 0x40002; popfd; mov esi, DATA+1; mov ecx, 2; rep lodsd'],
  ),

  // #DF: an exception whose handler cannot be called
  ...cross(
    MODES32,
    ['ud2', 'int3', 'mov ax, BEYOND; mov ds, ax'],
    'mov word [IDT32+0x34], 0; mov word [IDT32+0x6c], 0',
  ),
  ...cross(['64 cpl0', '64 cpl3'], ['mov ax, BEYOND; mov ds, ax', 'int3'], 'mov word [IDT64+0xd4], 0'),
  ...cross(['64 cpl3'], ['int V_IST', 'int V_INT'], 'mov dword [TSS64+4], 0; mov dword [TSS64+8], 0x12345678'),
];
