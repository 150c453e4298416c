/**
 * Interrupt gates, the two 8259A and the 8254, and the short handlers: they note what happened, the main loop acts on it.
 * [SDM] volume 3, 6.14: 64-bit gates. [8259A] and [8254] data sheets.
 */
import { mem, reg } from '../../cpu/index.ts';
import { CODE64, IDT, INPUT_RING } from './layout.ts';
import type { Program } from './program.ts';

export const TICKS_PER_SECOND = 100;
/** What an entry of the input ring came from, in its second byte. */
export const FROM_KEYBOARD = 1;
const FROM_SERIAL = 2;

const EXCEPTIONS = 32;
const VECTORS = EXCEPTIONS + 16;
const INTERRUPT_GATE = 0x8e;
const PIC1 = 0x20;
const PIC2 = 0xa0;
const END_OF_INTERRUPT = 0x20;
/** All masked but timer (0), keyboard (1) and COM1 (4). */
const PIC1_MASK = 0xff & ~((1 << 0) | (1 << 1) | (1 << 4));
const PIT_HZ = 1_193_182;
const PIT_DIVISOR = Math.round(PIT_HZ / TICKS_PER_SECOND);
/** Exceptions that push an error code. */
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);

const { rax, rbx, rcx, rdx, rsi, rdi, al, ax, dx, ecx, edx } = reg;

export function interrupts(p: Program): void {
  p.routine('interrupts.start', [rax, rcx, rdx, rsi, rdi], () => {
    fillGates(p);
    p.emit('LIDT', mem(0, { disp: p.label('idtr') }));
    programControllers(p);
  });
  timerInterrupt(p);
  keyboardInterrupt(p);
  serialInterrupt(p);
  pushInput(p);
  exceptionStubs(p);
  tables(p);
}

function fillGates(p: Program): void {
  p.emit('MOV', rsi, p.label('handlers'));
  p.emit('MOV', rdi, IDT);
  p.emit('MOV', ecx, VECTORS);
  p.repeat('JNZ', () => {
    p.emit('LODSQ');
    p.emit('MOV', mem(2, { base: rdi }), ax);
    p.emit('MOV', mem(2, { base: rdi, disp: 2 }), CODE64);
    p.emit('MOV', mem(2, { base: rdi, disp: 4 }), INTERRUPT_GATE << 8);
    p.emit('SHR', rax, 16);
    p.emit('MOV', mem(2, { base: rdi, disp: 6 }), ax);
    p.emit('ADD', rdi, 16);
    p.emit('DEC', ecx);
  });
}

function programControllers(p: Program): void {
  const out = (port: number, value: number): void => {
    p.emit('MOV', al, value);
    p.emit('OUT', port, al);
  };
  // ICW1 to ICW4, then the masks
  out(PIC1, 0x11);
  out(PIC2, 0x11);
  out(PIC1 + 1, EXCEPTIONS);
  out(PIC2 + 1, EXCEPTIONS + 8);
  out(PIC1 + 1, 1 << 2);
  out(PIC2 + 1, 2);
  out(PIC1 + 1, 1);
  out(PIC2 + 1, 1);
  out(PIC1 + 1, PIC1_MASK);
  out(PIC2 + 1, 0xff);
  // counter 0, both bytes, mode 2
  out(0x43, 0x34);
  out(0x40, PIT_DIVISOR & 0xff);
  out(0x40, PIT_DIVISOR >> 8);
}

function endOfInterrupt(p: Program): void {
  p.emit('MOV', al, END_OF_INTERRUPT);
  p.emit('OUT', PIC1, al);
}

function timerInterrupt(p: Program): void {
  p.bind('irq.timer');
  p.emit('PUSH', rax);
  p.emit('INC', p.variable('ticks', 8));
  endOfInterrupt(p);
  p.emit('POP', rax);
  p.bind('irq.ignored');
  p.emit('IRETQ');
}

function keyboardInterrupt(p: Program): void {
  p.bind('irq.keyboard');
  p.emit('PUSH', rax);
  p.emit('IN', al, 0x60);
  p.emit('MOV', reg.ah, FROM_KEYBOARD);
  p.call('input.push');
  endOfInterrupt(p);
  p.emit('POP', rax);
  p.emit('IRETQ');
}

/** Takes all bytes that are there. */
function serialInterrupt(p: Program): void {
  const done = p.label();
  p.bind('irq.serial');
  for (const register of [rax, rdx]) p.emit('PUSH', register);
  const again = p.bind();
  p.emit('MOV', edx, 0x3fd);
  p.emit('IN', al, dx);
  p.emit('TEST', al, 1);
  p.emit('JZ', done);
  p.emit('MOV', edx, 0x3f8);
  p.emit('IN', al, dx);
  p.emit('MOV', reg.ah, FROM_SERIAL);
  p.call('input.push');
  p.emit('JMP', again);
  p.bind(done);
  endOfInterrupt(p);
  for (const register of [rdx, rax]) p.emit('POP', register);
  p.emit('IRETQ');
}

/** AX goes into the ring; dropped when that is full. The indices are bytes, so that they wrap as the ring does. */
function pushInput(p: Program): void {
  p.routine('input.push', [rbx, rcx], () => {
    p.emit('MOVZX', reg.ebx, p.variable('inputHead', 1));
    p.emit('LEA', ecx, mem(0, { base: rbx, disp: 1 }));
    p.emit('CMP', reg.cl, p.variable('inputTail', 1));
    p.skip('JE', () => {
      p.emit('MOV', mem(2, { base: rbx, index: rbx, disp: INPUT_RING }), ax);
      p.emit('MOV', p.variable('inputHead', 1), reg.cl);
    });
  });
}

/** Each leaves the vector above an error code on the stack, and goes to `fault`. */
function exceptionStubs(p: Program): void {
  for (let vector = 0; vector < EXCEPTIONS; vector++) {
    p.bind(`exception ${vector}`);
    if (!WITH_ERROR_CODE.has(vector)) p.emit('PUSH', 0);
    p.emit('PUSH', vector);
    p.emit('JMP', p.label('fault'));
  }
}

function tables(p: Program): void {
  const irqs = new Map([
    [0, 'irq.timer'],
    [1, 'irq.keyboard'],
    [4, 'irq.serial'],
  ]);
  p.align(8);
  p.bind('handlers');
  for (let vector = 0; vector < EXCEPTIONS; vector++) p.u64(p.label(`exception ${vector}`));
  for (let irq = 0; irq < 16; irq++) p.u64(p.label(irqs.get(irq) ?? 'irq.ignored'));
  p.bind('idtr');
  p.u16(VECTORS * 16 - 1);
  p.u64(IDT);
}
