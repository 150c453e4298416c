/** Lines of text, put together in one buffer: RDI is where the next character goes. */
import { mem, reg } from '../../cpu/index.ts';
import { LINE } from './layout.ts';
import type { Program } from './program.ts';

const { rax, rbx, rcx, rdx, rsi, rdi, al, eax, ecx, edx, edi, ebx } = reg;

/** Emits: an empty line. */
export const beginLine = (p: Program): void => p.emit('MOV', edi, LINE);

/** Emits: this text. */
export function appendText(p: Program, text: string): void {
  p.emit('PUSH', rsi);
  p.emit('MOV', rsi, p.string(text));
  p.call('append.text');
  p.emit('POP', rsi);
}

/** Emits: the number in RAX, in at least so many digits. */
export function appendDecimal(p: Program, digits = 1): void {
  p.emit('PUSH', rcx);
  p.emit('MOV', ecx, digits);
  p.call('append.decimal');
  p.emit('POP', rcx);
}

/** Emits: the lowest digits of RAX in hexadecimal. */
export function appendHex(p: Program, digits: number): void {
  p.emit('PUSH', rcx);
  p.emit('MOV', ecx, digits);
  p.call('append.hex');
  p.emit('POP', rcx);
}

/** Emits: blanks up to this column. */
export function appendBlanks(p: Program, column: number): void {
  p.emit('PUSH', rcx);
  p.emit('MOV', ecx, LINE + column);
  p.call('append.blanks');
  p.emit('POP', rcx);
}

export function line(p: Program): void {
  // the text at RSI; RDI moves on, and the line ends there
  p.routine('append.text', [rax, rsi], () => {
    p.repeat('JNZ', () => {
      p.emit('LODSB');
      p.emit('STOSB');
      p.emit('TEST', al, al);
    });
    p.emit('DEC', rdi);
  });

  // RAX in decimal, in at least ECX digits
  p.routine('append.decimal', [rax, rbx, rcx, rdx], () => {
    p.emit('MOV', ebx, 10);
    p.emit('PUSH', -1); // behind the last digit
    p.repeat('JNZ', () => {
      p.emit('XOR', edx, edx);
      p.emit('DIV', rbx);
      p.emit('PUSH', rdx);
      p.emit('DEC', ecx);
      const enough = p.label();
      p.skip('JG', () => {
        p.emit('TEST', rax, rax);
        p.emit('JMP', enough);
      });
      p.emit('TEST', ecx, ecx); // more digits are wanted, whatever the number is
      p.bind(enough);
    });
    const done = p.label();
    const next = p.bind();
    p.emit('POP', rax);
    p.emit('TEST', eax, eax);
    p.emit('JS', done);
    p.emit('ADD', al, 0x30);
    p.emit('STOSB');
    p.emit('JMP', next);
    p.bind(done);
    p.emit('MOV', mem(1, { base: rdi }), 0);
  });

  // the low ECX digits of RAX
  p.routine('append.hex', [rax, rcx, rdx], () => {
    p.emit('MOV', rdx, rax);
    p.repeat('JNZ', () => {
      p.emit('DEC', ecx);
      p.emit('PUSH', rcx);
      p.emit('SHL', ecx, 2);
      p.emit('MOV', rax, rdx);
      p.emit('SHR', rax, reg.cl);
      p.emit('AND', eax, 15);
      p.emit('MOV', al, mem(1, { base: rax, disp: p.string('0123456789abcdef') }));
      p.emit('STOSB');
      p.emit('POP', rcx);
      p.emit('TEST', ecx, ecx);
    });
    p.emit('MOV', mem(1, { base: rdi }), 0);
  });

  // blanks until RDI is RCX
  p.routine('append.blanks', [rax], () => {
    const done = p.label();
    const next = p.bind();
    p.emit('CMP', rdi, rcx);
    p.emit('JAE', done);
    p.emit('MOV', al, 0x20);
    p.emit('STOSB');
    p.emit('JMP', next);
    p.bind(done);
    p.emit('MOV', mem(1, { base: rdi }), 0);
  });

  appendSize(p);
}

/** RAX bytes in the largest unit that gives at least 1, right-aligned in 10 columns: "  63.5 MiB", " 639   KiB". */
function appendSize(p: Program): void {
  p.routine('append.size', [rax, rbx, rcx, rdx], () => {
    const scaled = p.label();
    p.emit('XOR', ecx, ecx); // the unit
    p.emit('XOR', edx, edx); // what is below it, in 1/1024
    const up = p.bind();
    p.emit('CMP', rax, 1024);
    p.emit('JB', scaled);
    p.emit('MOV', edx, eax);
    p.emit('AND', edx, 1023);
    p.emit('SHR', rax, 10);
    p.emit('INC', ecx);
    p.emit('JMP', up);
    p.bind(scaled);
    p.emit('PUSH', rcx);
    p.call('append.right4');
    const whole = p.label();
    const unit = p.label();
    p.emit('IMUL', eax, edx, 10);
    p.emit('SHR', eax, 10);
    p.emit('JZ', whole);
    appendText(p, '.');
    appendDecimal(p);
    p.emit('JMP', unit);
    p.bind(whole);
    appendText(p, '  ');
    p.bind(unit);
    p.emit('POP', rcx);
    p.emit('PUSH', rsi);
    p.emit('LEA', rsi, mem(0, { index: rcx, scale: 8, disp: p.label('units') }));
    p.call('append.text');
    p.emit('POP', rsi);
  });
  p.bind('units');
  for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']) p.text(` ${unit}`.padEnd(8, '\0'));

  // RAX, below 10000, with blanks in front
  p.routine('append.right4', [], () => {
    for (const limit of [1000, 100, 10]) {
      p.emit('CMP', rax, limit);
      p.skip('JAE', () => appendText(p, ' '));
    }
    appendDecimal(p);
  });
}
