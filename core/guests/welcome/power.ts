/**
 * Power: off by ACPI, restart by the keyboard controller, and the power button.
 * [ACPI] ACPI Specification 6.5: 5.2.5 (RSDP), 5.2.7 (RSDT), 5.2.9 (FADT), 4.8.3 (PM1), 7.4.2 (\_S5), 20.2 (AML).
 */
import { mem, reg } from '../../cpu/index.ts';
import type { Program } from './program.ts';

const BIOS_AREA = 0xe_0000;
const BIOS_AREA_END = 0x10_0000;
const RSDP_SIGNATURE = 0x2052_5450_2044_5352n; // "RSD PTR "
const RSDP_RSDT = 16;
const TABLE_HEADER_BYTES = 36;
const TABLE_LENGTH = 4;
const FACP = 0x5043_4146;
const FADT_DSDT = 40;
const FADT_PM1A_EVT = 56;
const FADT_PM1A_CNT = 64;
const S5_NAME = 0x5f35_535f; // "_S5_"
const BYTE_PREFIX = 0x0a;
const PWRBTN = 1 << 8;
const SLP_TYP_SHIFT = 10;
const SLP_EN = 1 << 13;
const SCI_EN = 1 << 0;

const { rax, rbx, rcx, rdx, rsi, al, ax, dx, eax, ebx, ecx, edx, esi } = reg;

export function power(p: Program): void {
  const pm1aEvent = p.variable('pm1aEvent', 4);
  const pm1aControl = p.variable('pm1aControl', 4);

  // finds the ports of the power management; without ACPI they stay 0
  p.routine('power.start', [rax, rbx, rcx, rdx, rsi], () => {
    const none = p.label();
    findFadt(p, none);
    p.emit('MOV', eax, mem(4, { base: rsi, disp: FADT_PM1A_EVT }));
    p.emit('MOV', pm1aEvent, eax);
    p.emit('MOV', eax, mem(4, { base: rsi, disp: FADT_PM1A_CNT }));
    p.emit('MOV', pm1aControl, eax);
    p.emit('MOV', esi, mem(4, { base: rsi, disp: FADT_DSDT }));
    readSleepType(p, none);
    // PM1_EN: the power button sets its status; the interrupt stays masked, the clock looks
    p.emit('MOV', edx, pm1aEvent);
    p.emit('MOV', eax, PWRBTN);
    p.emit('OUT', dx, ax);
    p.emit('ADD', edx, 2);
    p.emit('OUT', dx, ax);
    p.bind(none);
  });

  p.routine('power.poll', [rax, rdx], () => {
    const not = p.label();
    p.emit('MOV', edx, pm1aEvent);
    p.emit('TEST', edx, edx);
    p.emit('JZ', not);
    p.emit('IN', ax, dx);
    p.emit('TEST', eax, PWRBTN);
    p.emit('JZ', not);
    p.emit('MOV', eax, PWRBTN);
    p.emit('OUT', dx, ax);
    p.call('power.off');
    p.bind(not);
  });

  // comes back only where there is no ACPI
  p.routine('power.off', [rax, rdx], () => {
    p.emit('MOV', edx, pm1aControl);
    p.emit('TEST', edx, edx);
    p.skip('JZ', () => {
      p.emit('MOVZX', eax, p.variable('sleepType', 1));
      p.emit('SHL', eax, SLP_TYP_SHIFT);
      p.emit('OR', eax, SLP_EN | SCI_EN);
      p.emit('OUT', dx, ax);
    });
  });

  p.routine('power.restart', [], () => {
    p.repeat('JNZ', () => {
      p.emit('IN', al, 0x64);
      p.emit('TEST', al, 2);
    });
    p.emit('MOV', al, 0xfe); // pulse the processor's reset line
    p.emit('OUT', 0x64, al);
    p.emit('HLT');
  });
}

/** Emits: RSI = the FADT. */
function findFadt(p: Program, none: ReturnType<Program['label']>): void {
  const found = p.label();
  const fadt = p.label();
  p.emit('MOV', esi, BIOS_AREA);
  p.emit('MOV', rax, RSDP_SIGNATURE);
  p.repeat('JB', () => {
    p.emit('CMP', rax, mem(8, { base: rsi }));
    p.emit('JE', found);
    p.emit('ADD', rsi, 16);
    p.emit('CMP', esi, BIOS_AREA_END);
  });
  p.emit('JMP', none);
  p.bind(found);
  p.emit('MOV', ebx, mem(4, { base: rsi, disp: RSDP_RSDT }));
  p.emit('MOV', ecx, mem(4, { base: rbx, disp: TABLE_LENGTH }));
  p.emit('ADD', rcx, rbx);
  p.emit('ADD', rbx, TABLE_HEADER_BYTES);
  const next = p.bind();
  p.emit('CMP', rbx, rcx);
  p.emit('JAE', none);
  p.emit('MOV', esi, mem(4, { base: rbx }));
  p.emit('CMP', mem(4, { base: rsi }), FACP);
  p.emit('JE', fadt);
  p.emit('ADD', rbx, 4);
  p.emit('JMP', next);
  p.bind(fadt);
}

/** Emits: the first element of the package named \_S5 in the DSDT at RSI; 0 when there is none. */
function readSleepType(p: Program, none: ReturnType<Program['label']>): void {
  const found = p.label();
  p.emit('MOV', ecx, mem(4, { base: rsi, disp: TABLE_LENGTH }));
  p.emit('ADD', rcx, rsi);
  p.repeat('JB', () => {
    p.emit('CMP', mem(4, { base: rsi }), S5_NAME);
    p.emit('JE', found);
    p.emit('INC', rsi);
    p.emit('CMP', rsi, rcx);
  });
  p.emit('JMP', none);
  p.bind(found);
  // behind the name: PackageOp, PkgLength (its first byte's top bits say how many follow), count, element
  p.emit('MOVZX', eax, mem(1, { base: rsi, disp: 5 }));
  p.emit('SHR', eax, 6);
  p.emit('LEA', rsi, mem(0, { base: rsi, index: rax, disp: 7 }));
  p.emit('MOV', al, mem(1, { base: rsi }));
  p.emit('CMP', al, BYTE_PREFIX);
  p.skip('JNE', () => p.emit('MOV', al, mem(1, { base: rsi, disp: 1 })));
  p.emit('MOV', p.variable('sleepType', 1), al);
}
