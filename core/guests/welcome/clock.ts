/** Time: counted by timer interrupts since the start, and the wall clock of the RTC. [MC146818A] data sheet. */
import { mem, reg } from '../../cpu/index.ts';
import { TICKS_PER_SECOND } from './interrupts.ts';
import { COLOUR, cell, TIME_COLUMN } from './layout.ts';
import { appendDecimal, appendText, beginLine } from './line.ts';
import type { Program } from './program.ts';
import { showLine } from './screen.ts';

const TICKS_PER_DRAWING = 10;
/** The wall clock is looked at once a second: its ports are slow. */
const TICKS_PER_READING = TICKS_PER_SECOND;
const STATUS_A = 0x0a;
const UPDATE_IN_PROGRESS = 0x80;
const STATUS_B = 0x0b;
const BINARY = 0x04;
/** Registers, and where the guest keeps them. Hours are taken to be of 24. */
const FIELDS = { second: 0x00, minute: 0x02, hour: 0x04, day: 0x07, month: 0x08, year: 0x09, century: 0x32 } as const;
type Field = keyof typeof FIELDS;

const { rax, rbx, rcx, rdx, rsi, rdi, al, bl, eax, ebx, ecx, edx } = reg;

export function clock(p: Program): void {
  const field = (name: Field) => p.variable(`rtc ${name}`, 1);

  // every 100 ms: what has changed, and the power button
  p.routine('clock.tick', [rax, rbx, rcx, rdx, rsi, rdi], () => {
    p.emit('MOV', rax, p.variable('ticks', 8));
    p.emit('CMP', rax, p.variable('nextDrawing', 8));
    p.skip('JB', () => {
      p.emit('ADD', rax, TICKS_PER_DRAWING);
      p.emit('MOV', p.variable('nextDrawing', 8), rax);
      p.call('clock.show');
      p.call('power.poll');
    });
  });

  p.routine('clock.show', [rax, rbx, rcx, rdx, rsi, rdi], () => {
    beginLine(p);
    p.call('clock.append uptime');
    showLine(p, cell(4, TIME_COLUMN), COLOUR.value);
    p.emit('MOV', rax, p.variable('ticks', 8));
    p.emit('CMP', rax, p.variable('nextReading', 8));
    p.skip('JB', () => {
      p.emit('ADD', rax, TICKS_PER_READING);
      p.emit('MOV', p.variable('nextReading', 8), rax);
      p.call('clock.read');
      beginLine(p);
      p.call('clock.append time');
      showLine(p, cell(2, TIME_COLUMN), COLOUR.value);
      beginLine(p);
      p.call('clock.append date');
      showLine(p, cell(3, TIME_COLUMN), COLOUR.value);
    });
  });

  const two = (name: Field): void => {
    p.emit('MOVZX', eax, field(name));
    appendDecimal(p, 2);
  };
  p.routine('clock.append time', [rax], () => {
    two('hour');
    appendText(p, ':');
    two('minute');
    appendText(p, ':');
    two('second');
  });
  p.routine('clock.append date', [rax], () => {
    two('century');
    two('year');
    appendText(p, '-');
    two('month');
    appendText(p, '-');
    two('day');
  });
  appendUptime(p);
  readRtc(p);
}

/** hh:mm:ss.t */
function appendUptime(p: Program): void {
  p.routine('clock.append uptime', [rax, rbx, rcx, rdx], () => {
    p.emit('XOR', edx, edx);
    p.emit('MOV', rax, p.variable('ticks', 8));
    p.emit('MOV', ecx, TICKS_PER_SECOND / 10);
    p.emit('DIV', rcx);
    // tenths, seconds and minutes are what is left over; hours stay
    for (const divisor of [10, 60, 60]) {
      p.emit('XOR', edx, edx);
      p.emit('MOV', ecx, divisor);
      p.emit('DIV', rcx);
      p.emit('PUSH', rdx);
    }
    appendDecimal(p, 2);
    for (const [separator, digits] of [
      [':', 2],
      [':', 2],
      ['.', 1],
    ] as const) {
      appendText(p, separator);
      p.emit('POP', rax);
      appendDecimal(p, digits);
    }
  });
}

/** Reads all fields, once the clock is not about to change them. */
function readRtc(p: Program): void {
  p.routine('clock.read', [rax, rbx, rcx, rdx, rdi], () => {
    p.emit('MOV', ecx, 100_000); // a clock that never gets ready must not stop the guest
    const ready = p.label();
    const wait = p.bind();
    p.emit('MOV', al, STATUS_A);
    p.call('clock.register');
    p.emit('TEST', al, UPDATE_IN_PROGRESS);
    p.emit('JZ', ready);
    p.emit('DEC', ecx);
    p.emit('JNZ', wait);
    p.bind(ready);
    p.emit('MOV', al, STATUS_B);
    p.call('clock.register');
    p.emit('MOV', ebx, eax);
    for (const [name, register] of Object.entries(FIELDS)) {
      p.emit('MOV', al, register);
      p.call('clock.register');
      p.emit('TEST', bl, BINARY);
      p.skip('JNZ', () => {
        // BCD: tens times 10 plus ones
        p.emit('MOVZX', ecx, al);
        p.emit('SHR', ecx, 4);
        p.emit('LEA', ecx, mem(0, { base: rcx, index: rcx, scale: 4 }));
        p.emit('AND', al, 15);
        p.emit('LEA', eax, mem(0, { base: rax, index: rcx, scale: 2 }));
      });
      p.emit('MOV', p.variable(`rtc ${name}`, 1), al);
    }
  });

  // AL = the register of number AL
  p.routine('clock.register', [], () => {
    p.emit('OUT', 0x70, al);
    p.emit('IN', al, 0x71);
    p.emit('MOVZX', eax, al);
  });
}
