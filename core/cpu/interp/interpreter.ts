/** A vCPU's interpreter: an instance of its module, and of extensions as their handlers are needed. */
import type { Insn } from '../decode/insn.ts';
import type { Emitter } from '../semantics/emit.ts';
import type { InterpreterExports, InterpreterImports, InterpreterModule } from './module.ts';
import { shapeOf, variantKey } from './variant.ts';

/** So many slots at a time: growing the table is dear. */
const SLOTS = 512;

export class Interpreter {
  readonly exports: InterpreterExports;
  readonly #env: WebAssembly.ModuleImports;
  readonly #table: WebAssembly.Table;
  /** Table slots of the extensions' handlers. */
  readonly #slots = new Map<string, number>();
  /** Those of instructions met before, by shape. */
  readonly #known = new Map<number, number>();
  readonly #vacant: number[] = [];

  constructor(
    readonly module: InterpreterModule,
    memory: WebAssembly.Memory,
    imports: InterpreterImports,
  ) {
    const env = { memory, ...imports } as unknown as WebAssembly.ModuleImports;
    const { exports } = new WebAssembly.Instance(module.module, { env });
    this.exports = exports as unknown as InterpreterExports;
    this.#env = { ...env, ...exports };
    this.#table = exports['table'] as WebAssembly.Table;
  }

  /** Table slot of an instruction's handler. @hot */
  slot(insn: Insn, emit: Emitter): number {
    const shape = shapeOf(insn);
    const known = this.#known.get(shape);
    if (known !== undefined) return known;
    const slot = this.#find(insn, emit);
    this.#known.set(shape, slot);
    return slot;
  }
  #find(insn: Insn, emit: Emitter): number {
    const key = variantKey(insn, emit);
    const slot = this.module.slots.get(key) ?? this.#slots.get(key) ?? this.#extend(key);
    if (slot === undefined) throw new Error(`no handler for ${insn.row.name} ${key}`);
    return slot;
  }

  /** Puts the functions "0" and so on of a module of an extension's kind into the table; gives their slots. */
  install(module: WebAssembly.Module, count: number): number[] {
    const { exports } = new WebAssembly.Instance(module, { env: this.#env });
    while (this.#vacant.length < count) this.#grow();
    return Array.from({ length: count }, (_, n) => {
      const slot = this.#vacant.pop() as number;
      this.#table.set(slot, exports[String(n)]);
      return slot;
    });
  }
  #grow(): void {
    const first = this.#table.grow(SLOTS);
    for (let n = 0; n < SLOTS; n++) this.#vacant.push(first + n);
  }
  remove(slot: number): void {
    this.#table.set(slot, null);
    this.#vacant.push(slot);
  }

  #extend(key: string): number | undefined {
    const extension = this.module.extension(key);
    if (!extension) return undefined;
    const { exports } = new WebAssembly.Instance(extension.module, { env: this.#env });
    const first = this.#table.grow(extension.keys.length);
    extension.keys.forEach((own, n) => {
      this.#table.set(first + n, exports[String(n)]);
      this.#slots.set(own, first + n);
    });
    return this.#slots.get(key);
  }
}
