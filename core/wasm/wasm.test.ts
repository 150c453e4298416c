import { describe, expect, it } from 'vitest';
import { i32, i64, ModuleBuilder, select } from './index.ts';

function instantiate(
  m: ModuleBuilder,
  imports: Record<string, unknown> = {},
): Record<string, (...a: never[]) => unknown> {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), { env: imports as never });
  return instance.exports as never;
}

describe('wasm assembler', () => {
  it('encodes loops, locals and 64-bit constants that V8 runs', () => {
    const m = new ModuleBuilder();
    const f = m.func(['i64'], ['i64']);
    const n = f.param(0, 'i64');
    const acc = f.local('i64');
    f.set(acc, i64.const(0x1_0000_0000n));
    f.loop((again) => {
      f.if(i64.ne(n, i64.const(0n)), () => {
        f.set(acc, i64.add(acc, n));
        f.set(n, i64.sub(n, i64.const(1n)));
        f.br(again);
      });
    });
    f.return(acc);
    m.export('sum', f);
    const { sum } = instantiate(m);
    expect((sum as unknown as (n: bigint) => bigint)(10n)).toBe(0x1_0000_0000n + 55n);
  });

  it('chains functions by tail calls through the table without growing the stack', () => {
    const m = new ModuleBuilder();
    const f = m.func(['i32', 'i32'], ['i32']);
    const slot = m.tableSlot(f);
    const [n, acc] = [f.param(0, 'i32'), f.param(1, 'i32')];
    f.if(i32.eqz(n), () => f.return(acc));
    f.returnCallIndirect(f.type, i32.const(slot), i32.sub(n, i32.const(1)), i32.add(acc, n));
    m.export('sum', f);
    const { sum } = instantiate(m);
    expect((sum as unknown as (n: number, a: number) => number)(1_000_000, 0)).toBe(((1_000_000 * 1_000_001) / 2) | 0);
  });

  it('shares a table between modules', () => {
    const main = new ModuleBuilder();
    const call = main.func(['i32', 'i32'], ['i32']);
    main.tableSlot(call);
    const [slot, value] = [call.param(0, 'i32'), call.param(1, 'i32')];
    call.returnCallIndirect({ params: ['i32'], results: ['i32'] }, slot, value);
    call.unreachable();
    main.export('call', call);
    main.exportTable('table');
    const exports = instantiate(main);

    const other = new ModuleBuilder();
    other.importTable('env', 'table');
    const double = other.func(['i32'], ['i32']);
    double.return(i32.shl(double.param(0, 'i32'), i32.const(1)));
    other.export('double', double);
    const table = exports['table'] as unknown as WebAssembly.Table;
    const added = table.grow(1);
    table.set(added, instantiate(other, { table })['double']);
    expect((exports['call'] as unknown as (slot: number, value: number) => number)(added, 21)).toBe(42);
  });

  it('imports what is called, and nothing once its own functions have their numbers', () => {
    const m = new ModuleBuilder();
    const type = { params: ['i32'], results: ['i32'] } as const;
    m.importWhenCalled('env', 'unused', type);
    const double = m.importWhenCalled('env', 'double', type);
    const late = m.importWhenCalled('env', 'late', type);
    const f = m.func(['i32'], ['i32']);
    f.return(f.call(double, f.param(0, 'i32')));
    m.export('f', f);
    const { f: run } = instantiate(m, { double: (n: number) => 2 * n });
    expect((run as unknown as (n: number) => number)(21)).toBe(42);
    expect(() => f.call(late, i32.const(0))).toThrow('before functions are called');
  });

  it('folds operators on constants', () => {
    expect(i32.add(i32.const(0x7fffffff), i32.const(1)).value).toBe(-0x80000000);
    expect(i64.shrU(i64.const(-1n), i64.const(60n)).value).toBe(15n);
    expect(i32.wrap(i64.const(0x1_ffff_fffen)).value).toBe(-2);
    expect(select(i32.const(0), i32.const(1), i32.const(2)).value).toBe(2);
  });
});
