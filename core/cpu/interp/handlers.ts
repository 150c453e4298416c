/**
 * Modules of handlers. The main one (module.ts) has the routines that handlers use; the extensions made here, which
 * import those and share memory and table, have handlers that are rarely needed.
 */
import { type Callable, type Func, ModuleBuilder, type V128, type ValType } from '../../wasm/index.ts';
import { SETTLE_FLAGS } from '../codegen/settle-flags.ts';
import type { VcpuLayout } from '../layout.ts';
import { X87_ROUTINES } from '../semantics/x87/routines.ts';
import { SYSTEM_ROUTINES } from '../semantics/xsave.ts';
import { InterpreterEmit, type InterpreterRuntime } from './emit.ts';
import type { Variant } from './variant.ts';

/** What handlers call but `shared`, which is made in each module: parameters and result. */
type Callables = Omit<InterpreterRuntime, 'shared'>;
type Signature = readonly [params: readonly ValType[], results: readonly ValType[]];
/** Those that are TypeScript. */
export const OUTER_ROUTINES = {
  slowRead: [['i32', 'i32', 'i32'], ['i32']],
  slowWrite: [['i32', 'i32', 'i32'], ['i32']],
  slowReadForWrite: [['i32', 'i32', 'i32'], ['i32']],
  writeCode: [['i32', 'i32'], ['i32']],
  raise: [['i32'], []],
  bulk: [['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], ['i32']],
  float: [['i32', 'i32', 'i32'], ['i32']],
  nowNs: [[], ['f64']],
} as const satisfies Partial<Record<keyof Callables, Signature>>;
/** Those of the main module, which exports them. */
export const INNER_ROUTINES = {
  linear: [['i32', 'i64', 'i32'], ['i64']],
  offset: [['i32', 'i64'], ['i64']],
  stackLinear: [['i64', 'i32'], ['i64']],
  touch: [['i64', 'i32', 'i32'], ['i32']],
  reach: [['i64'], ['i32']],
  checked: [['i32', 'i64', 'i32'], ['i64']],
  enter: [['i32'], ['i32']],
  enterBy: [['i32', 'i32'], ['i32']],
  next: [['i32'], ['i32']],
  jump: [['i64', 'i32'], ['i32']],
  fault: [['i32'], ['i32']],
  stop: [['i32'], ['i32']],
  restart: [['i32'], ['i32']],
  fallBack: [['i32'], ['i32']],
  settleFlags: SETTLE_FLAGS,
  ...X87_ROUTINES,
  ...SYSTEM_ROUTINES,
} as const satisfies Record<Exclude<keyof Callables, keyof typeof OUTER_ROUTINES>, Signature>;

export abstract class HandlerBuilder {
  readonly m = new ModuleBuilder();
  abstract readonly rt: InterpreterRuntime;
  readonly #shared = new Map<string, Func>();

  constructor(readonly at: VcpuLayout) {
    this.m.importMemory('env', 'memory');
  }

  protected importRoutines<T extends Record<string, Signature>>(
    routines: T,
    when: 'now' | 'when called' = 'now',
  ): Record<keyof T, Callable> {
    const imported = Object.entries(routines).map(([name, [params, results]]) => {
      const type = { params, results };
      const isLazy = when === 'when called';
      return [name, isLazy ? this.m.importWhenCalled('env', name, type) : this.m.importFunction('env', name, type)];
    });
    return Object.fromEntries(imported) as Record<keyof T, Callable>;
  }

  protected sharedFunction(name: string, params: number, body: (f: Func, args: readonly V128[]) => V128): Func {
    const known = this.#shared.get(name);
    if (known) return known;
    const f = this.m.func(Array<'v128'>(params).fill('v128'), ['v128']);
    this.#shared.set(name, f);
    f.return(
      body(
        f,
        Array.from({ length: params }, (_, n) => f.param(n, 'v128')),
      ),
    );
    f.unreachable();
    return f;
  }

  handler(variant: Variant): Func {
    const f = this.m.func(['i32'], ['i32']);
    const e = new InterpreterEmit(f, variant, this.at.state, this.rt);
    variant.emit(e);
    e.finish();
    f.unreachable();
    return f;
  }
}

/** A module beside the main one. It has no table: who imports one gets a copy of it, and is kept as long as the table is. */
export class ExtensionBuilder extends HandlerBuilder {
  readonly rt: InterpreterRuntime;

  /** Each kind of import costs a module time: one for which that counts has those that it calls, and none of `shared`. */
  constructor(at: VcpuLayout, imports: 'now' | 'when called' = 'now') {
    super(at);
    this.rt = {
      ...this.importRoutines(OUTER_ROUTINES, imports),
      ...this.importRoutines(INNER_ROUTINES, imports),
      shared: (name, params, body) => this.sharedFunction(name, params, body),
    };
  }
}

/** Handlers in a module of their own: handler n is its export `n`. */
export interface Extension {
  readonly module: WebAssembly.Module;
  /** Keys of their variants. */
  readonly keys: readonly string[];
}

export function buildExtension(at: VcpuLayout, variants: readonly Variant[]): Extension {
  const b = new ExtensionBuilder(at);
  b.m.importTable('env', 'table'); // handlers chain by it
  variants.forEach((variant, n) => {
    b.m.export(String(n), b.handler(variant));
  });
  return { module: new WebAssembly.Module(b.m.encode()), keys: variants.map((variant) => variant.key) };
}
