/**
 * The program as its parts write it: the assembler, and what all of them use.
 *
 * Convention: a routine keeps every register but those that its comment names as results. RDI is where the next character
 * of the line under construction goes, RSI a text that ends with 0, EDX a cell of the screen, BL an attribute.
 */
import { Assembler, type Label, mem, type reg } from '../../cpu/index.ts';
import { LOAD_ADDRESS } from './layout.ts';

type Register = (typeof reg)[keyof typeof reg];
type Memory = ReturnType<typeof mem>;

export class Program extends Assembler {
  readonly #texts = new Map<string, Label>();
  readonly #variables = new Map<string, number>();

  constructor() {
    super({ bits: 32, origin: LOAD_ADDRESS });
  }

  /** A routine: saves `kept`, runs what `body` emits, restores, returns. */
  routine(name: string, kept: readonly Register[], body: () => void): void {
    this.bind(name);
    for (const register of kept) this.emit('PUSH', register);
    body();
    for (const register of [...kept].reverse()) this.emit('POP', register);
    this.emit('RET');
  }

  call(name: string): void {
    this.emit('CALL', this.label(name));
  }

  /** Emits `body` so that it runs while the condition of the jump back holds: "JNZ" for until zero. */
  repeat(jump: string, body: () => void): void {
    const again = this.bind();
    body();
    this.emit(jump, again);
  }

  /** Emits `body` so that it is left out when the jump is taken. */
  skip(jump: string, body: () => void): void {
    const behind = this.label();
    this.emit(jump, behind);
    body();
    this.bind(behind);
  }

  /** A text that ends with 0. The same text is stored once. */
  string(text: string): Label {
    const label = this.#texts.get(text) ?? this.label(`text "${text}"`);
    this.#texts.set(text, label);
    return label;
  }

  /** A variable of 1, 2, 4 or 8 bytes, zero at the start. */
  variable(name: string, size: 1 | 2 | 4 | 8): Memory {
    const known = this.#variables.get(name) ?? size;
    if (known !== size) throw new Error(`variable ${name} has ${known} bytes, not ${size}`);
    this.#variables.set(name, size);
    return mem(size, { disp: this.label(`variable ${name}`) });
  }

  /** Puts texts and variables behind the code. */
  data(): void {
    for (const [text, label] of this.#texts) {
      this.bind(label);
      this.text(`${text}\0`);
    }
    for (const [name, size] of [...this.#variables].sort(([, a], [, b]) => b - a)) {
      this.align(size);
      this.bind(`variable ${name}`);
      this.zero(size);
    }
  }
}
