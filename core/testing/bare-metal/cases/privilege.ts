/** What needs a level, and what IOPL and the I/O permission map allow. */
import { type Case, cross } from '../case.ts';

const MEMORY = ['lgdt [0]', 'lidt [0]', 'invlpg [0]', 'lldt word [0]', 'ltr word [0]', 'lmsw word [0]'];
const REGISTERS = ['hlt', 'clts', 'invd', 'wbinvd', 'rdmsr', 'wrmsr', 'lldt ax', 'ltr ax', 'lmsw ax', 'rdpmc'];
const CONTROL32 = ['mov eax, cr0', 'mov cr0, eax', 'mov eax, cr2', 'mov cr3, eax', 'mov eax, cr4', 'mov cr4, eax'];
const DEBUG32 = ['mov eax, dr0', 'mov dr0, eax', 'mov eax, dr7', 'mov dr7, eax', 'mov eax, dr4'];
const UNDEFINED_CONTROL = ['db 0x0f, 0x20, 0xc8', 'db 0x0f, 0x20, 0xe8', 'db 0x0f, 0x20, 0xf8', 'db 0x0f, 0x22, 0xf8']; // CR1, CR5, CR7
const MORE = ['sysexit', 'db 0x0f, 0x01, 0xd1', 'db 0x0f, 0xaa', 'db 0x0f, 0x01, 0xf8', 'db 0x0f, 0x07']; // XSETBV RSM SWAPGS SYSRET
const TABLES = ['sgdt [8]', 'sidt [8]', 'sldt ax', 'str ax', 'smsw ax'];

const USER = ['vm86', '16 cpl3', '32 cpl1', '32 cpl2', '32 cpl3'];
const USER64 = ['64 cpl3', 'compat32 cpl3'];
const ALL_FLAGS_BUT_TF = 0x24_7ed7;
const IO_MODES = ['real', 'vm86', 'vm86 iopl3', '16 cpl3', '32 cpl0', '32 cpl1', '32 cpl3', '32 cpl3 iopl3'];
const IO_MODES64 = ['64 cpl0', '64 cpl3', '64 cpl3 iopl3', 'compat32 cpl3'];

export const PRIVILEGE: readonly Case[] = [
  ...cross([...USER, ...USER64], [...MEMORY, ...REGISTERS, ...MORE]),
  ...cross([...USER, 'compat32 cpl3'], [...CONTROL32, ...DEBUG32, ...UNDEFINED_CONTROL]),
  ...cross(
    ['64 cpl3'],
    [...CONTROL32, ...DEBUG32].map((text) => text.replace('eax', 'rax')),
  ),
  ...cross(['32 cpl0', '64 cpl0'], UNDEFINED_CONTROL),
  ...cross(
    ['32 cpl3', '64 cpl3'],
    TABLES.map((text) => text.replace('[8]', '[DATA]')),
  ),

  // CLI, STI and ports by IOPL; of the ports only 0x80 is in the map
  ...cross(
    [...IO_MODES, ...IO_MODES64],
    ['cli', 'sti', 'out 0x80, al', 'out 0x81, al', 'out 0x80, ax', 'out 0x7f, ax'],
  ),
  ...cross([...IO_MODES, ...IO_MODES64], ['mov dx, 0x80; out dx, al', 'mov edx, 0x1080; out dx, al']),
  ...cross(['32 cpl3', '64 cpl3'], ['out 0x80, al', 'in al, 0x81'], 'mov dword [GDT+TSS_SEL], 0x20000067'),

  // which flags POPF and IRET change
  ...cross([...IO_MODES, ...IO_MODES64], [`push ${ALL_FLAGS_BUT_TF & 0x7fff}; popf`]),
  ...cross(['32 cpl0', '32 cpl1', '32 cpl3', '32 cpl3 iopl3'], [`push ${ALL_FLAGS_BUT_TF}; popfd`]),
  ...cross(['64 cpl0', '64 cpl3', '64 cpl3 iopl3'], [`push ${ALL_FLAGS_BUT_TF}; popfq`, 'push 0x3a0002; popfq']),
  ...cross(['32 cpl0', '32 cpl3'], [`push 0x1b0002; popfd`, 'push 0x3802; popfd']),
  ...cross(['real', 'vm86 iopl3'], [`db 0x66, 0x68; dd ${ALL_FLAGS_BUT_TF}; popfd`]),
  ...cross(['vm86', 'vm86 iopl3'], ['pushf; pop ax', 'pushfd; pop eax', 'push 0; popfd', 'sti; pushf; pop ax; cli']),
  ...cross(
    ['vm86', 'vm86 iopl3'],
    ['sti', 'cli', 'pushf; pop ax', 'push 0x200; popf', 'pushfd', 'push 0; popfd'],
    'mov eax, 1; mov cr4, eax',
  ),
  ...cross(['32 cpl3', '64 cpl3'], ['sti', 'cli'], 'mov eax, 2; mov cr4, eax'), // CR4.PVI

  // CR4: RDTSC, RDPMC, UMIP, FSGSBASE
  ...cross(
    ['32 cpl0', '32 cpl3', 'vm86', '64 cpl3'],
    ['rdtsc; xor eax, eax; xor edx, edx'],
    'mov eax, 4; mov cr4, eax',
  ),
  ...cross(
    ['32 cpl0', '32 cpl3', '64 cpl3'],
    TABLES.map((text) => text.replace('[8]', '[DATA]')),
    'mov eax, 0x800; mov cr4, eax',
  ),
  ...cross(['vm86', 'real'], TABLES, 'mov eax, 0x800; mov cr4, eax'),
  ...cross(['32 cpl3', '64 cpl3', '64 cpl0'], ['db 0xf3, 0x48, 0x0f, 0xae, 0xc0'], 'mov eax, 0x10000; mov cr4, eax'),
  ...cross(['64 cpl3'], ['db 0xf3, 0x48, 0x0f, 0xae, 0xc0']),
];
