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
    p.repeat('JG', () => {
      p.repeat('JNZ', () => {
        p.emit('XOR', edx, edx);
        p.emit('DIV', rbx);
        p.emit('PUSH', rdx);
        p.emit('DEC', ecx);
        p.emit('TEST', rax, rax);
      });
      p.emit('TEST', ecx, ecx); // more digits are wanted
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

/** Sizes in the largest unit that gives at least 1, with tenths where there are any: "63.6 MiB", "639 KiB". */
function appendSize(p: Program): void {
  // RAX bytes
  p.routine('append.size', [rax, rcx, rdx], () => {
    p.call('size.scale');
    p.call('size.append');
  });

  // the same, right-aligned in 10 columns
  p.routine('append.size aligned', [rax, rcx, rdx], () => {
    p.call('size.scale');
    p.emit('TEST', edx, edx);
    p.skip('JNZ', () => appendText(p, '  '));
    for (const limit of [1000, 100, 10]) {
      p.emit('CMP', rax, limit);
      p.skip('JAE', () => appendText(p, ' '));
    }
    p.call('size.append');
  });

  // RAX bytes: RAX in its unit, RDX tenths, RCX the number of the unit
  p.routine('size.scale', [], () => {
    const scaled = p.label();
    p.emit('XOR', ecx, ecx);
    p.emit('XOR', edx, edx);
    const up = p.bind();
    p.emit('CMP', rax, 1024);
    p.emit('JB', scaled);
    p.emit('MOV', edx, eax);
    p.emit('AND', edx, 1023);
    p.emit('SHR', rax, 10);
    p.emit('INC', ecx);
    p.emit('JMP', up);
    p.bind(scaled);
    p.emit('IMUL', edx, edx, 10);
    p.emit('SHR', edx, 10);
  });

  p.routine('size.append', [rax, rsi], () => {
    appendDecimal(p);
    p.emit('MOV', eax, edx);
    p.emit('TEST', eax, eax);
    p.skip('JZ', () => {
      appendText(p, '.');
      appendDecimal(p);
    });
    p.emit('LEA', rsi, mem(0, { index: rcx, scale: 8, disp: p.label('units') }));
    p.call('append.text');
  });
  p.bind('units');
  for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']) p.text(` ${unit}`.padEnd(8, '\0'));
}
