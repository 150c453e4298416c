/** Task switches, by every way, and what is wrong with the new task. [SDM] volume 3, 8.3. */
import { type Case, cross } from '../case.ts';

/** #TS, #NP and #SS by task gates: the new task may have no stack for them. */
const BY_TASKS = [10, 11, 12]
  .map((n) => `mov word [IDT32+${n * 8 + 2}], TSS_DF_SEL; mov word [IDT32+${n * 8 + 4}], 0xe500`)
  .join('; ');
const badTask = (offset: number, selectors: readonly string[]): Case[] =>
  selectors.map((name) => ['32 cpl0', 'jmp TSS_OTHER_SEL:0', `mov dword [TSS_OTHER+${offset}], ${name}; ${BY_TASKS}`]);

export const TASKS: readonly Case[] = [
  ...cross(['32 cpl0', '32 cpl3', 'paged cpl0', 'pae cpl3'], ['call TASK_GATE:0', 'jmp TASK_GATE:0', 'int V_TASK']),
  ...cross(
    ['32 cpl0'],
    [
      'call TSS_OTHER_SEL:0',
      'jmp TSS_OTHER_SEL:0',
      'jmp TSS_NP:0',
      'jmp TSS_SHORT:0',
      'jmp TSS_BUSY:0',
      'jmp TSS_SEL:0',
    ],
  ),
  ...cross(['compat32 cpl0', 'compat32 cpl3'], ['push 0x4002; popf; push 2; push cs; push TARGET; iret']),
  ['64 cpl0', 'push 0x4002; popfq; push DATA32; push STACK0; push 2; push CODE64; push TARGET; iretq'],
  ...cross(['32 cpl0'], ['push 0x4002; popfd; iret'], 'mov word [TSS], TSS_OTHER_SEL'),
  ...cross(['32 cpl0'], ['push 0x4002; popfd; iret'], 'mov word [TSS], TSS_BUSY'),
  ...badTask(76, ['CODE32_3', 'DATA32', 'CODE_NP', 'BEYOND', '0', 'CODE_CONF']), // CS
  ...badTask(80, ['CODE32', 'DATA_NP', 'BEYOND', '0', 'DATA32_3']), // SS
  ...badTask(84, ['CODE32', 'DATA_NP', 'BEYOND', '0', 'CODE_XO', 'DATA32_3']), // DS
  ...badTask(96, ['DATA32', '0', 'BEYOND', 'LDT_SEL', 'LDT_DATA']), // LDT
  ...cross(['32 cpl0'], ['jmp TSS_OTHER_SEL:0'], 'mov dword [TSS_OTHER+100], 0x680001'), // T: a trap in the new task
  ...cross(['32 cpl0'], ['jmp TSS_OTHER_SEL:0'], 'mov dword [TSS_OTHER+36], 0x4edd5'),
  ...cross(['32 cpl0'], ['call TSS_OTHER_SEL:0; mov eax, 5'], 'mov byte [TARGET], 0xcf'), // IRET in the other task

  // stacks of the TSS that are wrong
  ...['0', 'BEYOND', 'DATA32_3', 'DATA_NP', 'CODE32', 'DATA_RO', 'STACK16'].flatMap((name) =>
    cross(['32 cpl3'], ['call GATE32:0'], `mov word [GDT+GATE32+2], CODE32_1; mov dword [TSS+16], ${name}`),
  ),
];
