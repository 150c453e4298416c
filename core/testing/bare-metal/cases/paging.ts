import { type Case, cross } from '../case.ts';
import { PAGES } from '../layout.ts';

const MODES = ['paged cpl0', 'paged cpl3', 'pae cpl0', 'pae cpl3', '64 cpl0', '64 cpl3'];
const NAMES = Object.keys(PAGES);
const each = (text: string): string[] => NAMES.map((name) => text.replace('PAGE', name));
const READ = 'mov ecx, [PAGE+8]; xor ecx, ecx';
const WP = 'mov eax, cr0; or eax, 0x10000; mov cr0, eax';
const SMAP = 'mov eax, 0x200000; mov cr4, eax';
const STAC = 'db 0x0f, 0x01, 0xcb';
const CLAC = 'db 0x0f, 0x01, 0xca';
const USER_LDT =
  'mov dword [DATA+8], 0xffff; mov dword [DATA+12], 0xcff300; mov dword [GDT+LDT_SEL], 0x17; ' +
  'mov dword [GDT+LDT_SEL+4], 0x8203; mov eax, LDT_SEL; lldt ax';
const SMEP = 'mov eax, 0x100000; mov cr4, eax';

export const PAGING: readonly Case[] = [
  ...cross(MODES, each(READ)),
  ...cross(MODES, each('mov [PAGE+8], ecx')),
  ...cross(MODES, each('mov ecx, PAGE; jmp ecx')).map(
    ([mode, code]): Case => [mode, mode.startsWith('64') ? code.replaceAll('ecx', 'rcx') : code],
  ),
  ...cross(['paged cpl0', 'pae cpl0', '64 cpl0'], each('mov [PAGE+8], ecx'), WP),
  ...cross(['paged cpl0', 'pae cpl0', '64 cpl0', 'compat32 cpl0'], ['nop'], SMEP),
  ...cross(['paged cpl3', '64 cpl3'], ['nop'], SMEP),
  // SMAP: data of level 3 from level 0, by EFLAGS.AC; the code of these cases lies in a page of level 3
  ...cross(
    ['paged cpl0', 'pae cpl0', '64 cpl0', 'compat32 cpl0'],
    [
      ...[
        'nop',
        STAC,
        CLAC,
        'mov ecx, [DATA]',
        'mov [DATA], ecx',
        'inc dword [DATA]',
        'mov ecx, [PAGE_S]; xor ecx, ecx',
      ],
      ...[`${STAC}; mov dword [DATA], 5`, `${STAC}; ${CLAC}; mov dword [DATA], 5`, `${STAC}; mov [PAGE_RO], ecx`],
      'lgs eax, [DATA]',
    ],
    SMAP,
  ),
  ...cross(
    ['paged cpl0', 'pae cpl0', '64 cpl0'],
    ['mov [PAGE_RO], ecx', `${STAC}; mov [PAGE_RO], ecx`],
    `${SMAP}; ${WP}`,
  ),
  ...cross(['paged cpl0'], ['push 0x40002; popfd; mov dword [DATA], 5'], SMAP),
  ...cross(['64 cpl0'], ['push 0x40002; popfq; mov dword [DATA], 5'], SMAP),
  ...cross(['paged cpl3', 'pae cpl3', '64 cpl3'], [STAC, CLAC, 'mov dword [DATA], 5', 'int V_INT'], SMAP),
  ...cross(['32 cpl0', '64 cpl0', 'real', 'vm86', '32 cpl3'], [STAC, CLAC]),
  // what the processor itself reads of a page of level 3: the LDT, whatever AC says
  ...cross(
    ['paged cpl0', '64 cpl0', 'paged cpl3', 'pae cpl3', '64 cpl3'],
    ['mov eax, LDT_DATA; mov gs, ax'],
    `${SMAP}; ${USER_LDT}`,
  ),
  ...cross(['paged cpl0', '64 cpl0'], [`${STAC}; mov eax, LDT_DATA; mov gs, ax`], `${SMAP}; ${USER_LDT}`),
  ...cross(MODES, [
    'mov ecx, [0x41ffe]; xor ecx, ecx',
    'mov [0x40ffe], ecx',
    'mov ecx, [0x3fffe]; xor ecx, ecx',
    'mov [0x41ffe], ecx',
    'inc dword [0x3fffe]',
    'mov edi, 0x3fff8; mov ecx, 4; rep stosd',
    'mov esi, 0x3fff8; mov edi, DATA; mov ecx, 4; rep movsd',
  ]),
  ...cross(
    ['paged cpl3', 'pae cpl3', '64 cpl3'],
    [
      'xor eax, eax; cmpxchg [PAGE_RO], ecx',
      'lock inc dword [PAGE_RO]',
      'inc dword [PAGE_S]',
      'bt [PAGE_RO], ecx',
      'test [PAGE_NP], cl',
      'xadd [PAGE_RO], ecx',
      'sgdt [PAGE_RO]',
      'fs nop'.slice(3),
    ],
  ),
  // accessed and dirty bits
  ...cross(
    ['paged cpl0'],
    [
      'mov ecx, [PAGE_RO]; mov ecx, [TABLE32+0x104]',
      'mov [PAGE_S], ecx; mov ecx, [TABLE32+0x108]',
      'mov ecx, [TABLE32+0x108]',
    ],
  ),
  ...cross(
    ['pae cpl0', '64 cpl0'],
    [
      'mov ecx, [PAGE_RO]; mov ecx, [TABLE64+0x208]',
      'mov [PAGE_S], ecx; mov ecx, [TABLE64+0x210]',
      'mov ecx, [TABLE64+0x210]',
    ],
  ),
  // stacks, and system accesses that are the supervisor's at any level
  ...cross(
    ['paged cpl3', 'pae cpl3', '64 cpl3'],
    ['mov esp, PAGE_NP+4; push eax', 'mov esp, PAGE_RO+8; push eax', 'mov esp, PAGE_S; pop eax'].map((text) => text),
  ).filter(([mode]) => mode !== '64 cpl3'),
  ...cross(['64 cpl3'], ['mov esp, PAGE_NP+8; push rax', 'mov esp, PAGE_S; pop rax']),
  ...cross(
    ['paged cpl3', 'pae cpl3'],
    ['mov ax, DATA32_3; mov ds, ax', 'int V_INT', 'mov ax, LDT_DATA; mov ds, ax'],
    'mov dword [TABLE32+0x40], 0x10003; mov dword [TABLE64+0x80], 0x10003',
  ),
  // a large page, and reserved bits of directories
  ...cross(
    ['paged cpl0'],
    ['mov ecx, [0x400008]; mov [0x401008], eax'],
    'mov eax, 0x10; mov cr4, eax; mov dword [DIRECTORY32+4], 0x87',
  ),
  ...cross(['paged cpl0'], ['mov ecx, [0x400008]'], 'mov eax, 0x10; mov cr4, eax; mov dword [DIRECTORY32+4], 0x200087'),
  ...cross(['pae cpl0', '64 cpl0'], ['mov ecx, [0x200008]'], 'mov dword [DIRECTORY64+8], 0x3087'),
  ...cross(['64 cpl0'], ['mov ecx, [0x40000000]'], 'mov dword [PDPT64+8], 0x2087'),
  ...cross(['64 cpl0', '64 cpl3'], ['mov rax, 0x8000000000; mov ecx, [rax+0]'], 'mov dword [PML4+8], 0x87'),
  ...cross(['pae cpl0'], ['mov eax, cr3; mov cr3, eax'], 'mov dword [PDPT_PAE+8], 0x1ff001'),
  // non-canonical
  ...cross(
    ['64 cpl0', '64 cpl3'],
    [
      'mov rax, 0x800000000000; mov ecx, [rax+0]',
      'mov rax, 0x7ffffffffffe; mov ecx, [rax+0]',
      'mov rbp, 0x800000000000; mov ecx, [rbp+0]',
      'mov rsp, 0x800000000000; push rax',
      'mov rsp, 0x800000000000; pop rax',
      'mov rax, 0x800000000000; jmp rax',
      'mov rax, 0x800000000000; push rax; ret',
      'mov rax, 0x800000000000; call rax',
      'mov rax, 0xffff7fffffffffff; mov cl, [rax+0]',
      'mov rax, 0xffff800000000000; mov cl, [rax+0]',
      'mov rsi, 0x800000000000; lodsb',
      'mov rax, 0x800000000000; invlpg [rax+0]',
      'mov rax, 0x800000000000; db 0x0f, 0x18, 0x08',
    ],
  ),
];
