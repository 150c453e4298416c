/** What can be typed. One more command is a row of COMMANDS. */
import { type Label, mem, reg } from '../../cpu/index.ts';
import { INPUT } from './layout.ts';
import { appendText, beginLine } from './line.ts';
import type { Program } from './program.ts';

const { rax, rcx, rsi, rdi, al, ah, edi, esi } = reg;

/** Emits: a line on screen and serial port that `append` puts together. */
function print(p: Program, append: () => void): void {
  beginLine(p);
  append();
  p.call('console.print');
}

const COMMANDS: readonly (readonly [name: string, explanation: string, run: (p: Program) => void])[] = [
  [
    'cpu',
    'the processor',
    (p) => {
      print(p, () => p.call('processor.append brand'));
      print(p, () => {
        p.call('processor.append vendor');
        appendText(p, ', family ');
        p.call('processor.append family');
      });
    },
  ],
  ['mem', 'how much memory there is', (p) => print(p, () => p.call('memory.append total'))],
  [
    'time',
    'date, time and uptime',
    (p) => {
      p.call('clock.read');
      print(p, () => {
        p.call('clock.append date');
        appendText(p, ' ');
        p.call('clock.append time');
        appendText(p, ', up ');
        p.call('clock.append uptime');
      });
    },
  ],
  ['fault', 'raises an exception', (p) => p.emit('UD2')],
  ['reboot', 'restarts the machine', (p) => p.call('power.restart')],
  [
    'off',
    'powers the machine off',
    (p) => {
      p.call('power.off');
      print(p, () => appendText(p, 'This machine cannot be powered off: it has no ACPI.'));
    },
  ],
];

/** As the status bar names them. */
export const COMMAND_NAMES: readonly string[] = COMMANDS.map(([name]) => name);

export function commands(p: Program): void {
  p.routine('command.run', [rax, rcx, rsi, rdi], () => {
    const done = p.label();
    p.emit('CMP', mem(1, { disp: INPUT }), 0);
    p.emit('JE', done);
    const match = (name: string, run: () => void): void => {
      p.emit('MOV', edi, p.string(name));
      p.call('command.is');
      p.skip('JNE', () => {
        run();
        p.emit('JMP', done);
      });
    };
    for (const [name, , run] of COMMANDS) match(name, () => run(p));
    match('help', () => help(p));
    print(p, () => appendText(p, 'There is no such command. Type help for those there are.'));
    p.bind(done);
  });

  // whether INPUT is the name at RDI, whatever its case: ZF
  p.routine('command.is', [rax, rsi, rdi], () => {
    const differs: Label = p.label();
    p.emit('MOV', esi, INPUT);
    p.repeat('JNZ', () => {
      p.emit('LODSB');
      p.emit('MOV', ah, mem(1, { base: rdi }));
      p.emit('INC', rdi);
      p.emit('CMP', al, 0x41);
      p.skip('JB', () => p.emit('OR', al, 0x20));
      p.emit('CMP', al, ah);
      p.emit('JNE', differs);
      p.emit('TEST', al, al);
    });
    p.bind(differs);
  });
}

/** Two commands to a line. */
function help(p: Program): void {
  for (let n = 0; n < COMMANDS.length; n += 2) {
    const texts = COMMANDS.slice(n, n + 2).map(([name, explanation]) => `${name.padEnd(7)} ${explanation}`);
    print(p, () =>
      appendText(
        p,
        texts
          .map((text) => text.padEnd(38))
          .join('')
          .trimEnd(),
      ),
    );
  }
}
