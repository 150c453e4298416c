/** A WebAssembly module under construction ([WASM] binary format, 5.5). Knows nothing of x86. */
import { ByteSink } from './encode.ts';
import type { ValType } from './expr.ts';
import { type Callable, Func, type FuncType, VALTYPE_CODE } from './func.ts';

const SECTION = { custom: 0, type: 1, import: 2, function: 3, table: 4, export: 7, element: 9, code: 10 } as const;

/** Of 64 KiB: 4 GiB. */
const MAX_PAGES = 65536;

interface FunctionImport extends Callable {
  readonly module: string;
  readonly name: string;
}

export class ModuleBuilder {
  readonly #types: FuncType[] = [];
  readonly #typeIndex = new Map<string, number>();
  /** The same by the object. */
  readonly #knownTypes = new Map<FuncType, number>();
  readonly #imports: FunctionImport[] = [];
  readonly #functions: Func[] = [];
  readonly #exports: { name: string; func: Callable }[] = [];
  readonly #table: Callable[] = [];
  #memory: { module: string; name: string } | undefined;
  #importedTable: { module: string; name: string } | undefined;
  #exportedTable: string | undefined;
  /** A function of this module has been called by its index: no import can come before it any more. */
  #isNumbered = false;

  /** The one memory: imported and shared, of any size up to 4 GiB. */
  importMemory(module: string, name: string): void {
    this.#memory = { module, name };
  }

  /** The one table, of functions that somebody else puts there; otherwise it is this module's own. */
  importTable(module: string, name: string): void {
    this.#importedTable = { module, name };
  }
  /** It has a table of its own. */
  get #hasTable(): boolean {
    return this.#table.length > 0 && !this.#importedTable;
  }
  exportTable(name: string): void {
    this.#exportedTable = name;
  }

  importFunction(module: string, name: string, type: FuncType): Callable {
    if (this.#isNumbered) throw new Error('imports must be declared before functions are called');
    const func: FunctionImport = { module, name, index: this.#imports.length, type };
    this.#imports.push(func);
    return func;
  }
  /** One that is imported when something calls it. */
  importWhenCalled(module: string, name: string, type: FuncType): Callable {
    const declare = (): Callable => this.importFunction(module, name, type);
    let declared: Callable | undefined;
    return {
      type,
      get index() {
        declared ??= declare();
        return declared.index;
      },
    };
  }

  func(params: readonly ValType[], results: readonly ValType[]): Func {
    const place = this.#functions.length;
    const index = (): number => {
      this.#isNumbered = true;
      return this.#imports.length + place;
    };
    const func = new Func(index, { params, results }, (t) => this.#typeOf(t));
    this.#functions.push(func);
    return func;
  }

  export(name: string, func: Callable): void {
    this.#exports.push({ name, func });
  }

  /** Puts a function into the one table; gives its slot. Slot 0 is never used, so that 0 means none. */
  tableSlot(func: Callable): number {
    this.#table.push(func);
    return this.#table.length;
  }

  encode(): Uint8Array<ArrayBuffer> {
    const functionTypes = this.#functions.map((f) => this.#typeOf(f.type));
    const importTypes = this.#imports.map((f) => this.#typeOf(f.type));
    const out = new ByteSink();
    for (const b of [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]) out.byte(b);
    section(out, SECTION.type, (s) => {
      s.u32(this.#types.length);
      for (const t of this.#types) {
        s.byte(0x60);
        for (const list of [t.params, t.results]) {
          s.u32(list.length);
          for (const v of list) s.byte(VALTYPE_CODE[v]);
        }
      }
    });
    section(out, SECTION.import, (s) => this.#encodeImports(s, importTypes));
    section(out, SECTION.function, (s) => {
      s.u32(functionTypes.length);
      for (const t of functionTypes) s.u32(t);
    });
    if (this.#hasTable)
      section(out, SECTION.table, (s) => {
        s.u32(1);
        tableType(s, this.#table.length + 1);
      });
    section(out, SECTION.export, (s) => {
      s.u32(this.#exports.length + (this.#exportedTable === undefined ? 0 : 1));
      if (this.#exportedTable !== undefined) {
        s.name(this.#exportedTable);
        s.byte(0x01);
        s.u32(0);
      }
      for (const e of this.#exports) {
        s.name(e.name);
        s.byte(0x00);
        s.u32(e.func.index);
      }
    });
    if (this.#hasTable)
      section(out, SECTION.element, (s) => {
        s.u32(1);
        s.u32(0);
        s.byte(0x41);
        s.s32(1);
        s.byte(0x0b);
        s.u32(this.#table.length);
        for (const f of this.#table) s.u32(f.index);
      });
    section(out, SECTION.custom, (s) => this.#encodeHints(s));
    section(out, SECTION.code, (s) => {
      s.u32(this.#functions.length);
      for (const f of this.#functions) f.encode(s);
    });
    return out.view().slice() as Uint8Array<ArrayBuffer>;
  }

  #encodeHints(s: ByteSink): void {
    s.name('metadata.code.branch_hint');
    const hinted = this.#functions.map((f) => ({ f, hints: f.hints() })).filter(({ hints }) => hints.length > 0);
    s.u32(hinted.length);
    for (const { f, hints } of hinted) {
      s.u32(f.index);
      s.u32(hints.length);
      for (const { offset, likely } of hints) {
        s.u32(offset);
        s.u32(1);
        s.byte(likely ? 1 : 0);
      }
    }
  }

  #encodeImports(s: ByteSink, importTypes: number[]): void {
    s.u32(this.#imports.length + (this.#memory ? 1 : 0) + (this.#importedTable ? 1 : 0));
    this.#imports.forEach((f, i) => {
      s.name(f.module);
      s.name(f.name);
      s.byte(0x00);
      s.u32(importTypes[i] ?? 0);
    });
    if (this.#importedTable) {
      s.name(this.#importedTable.module);
      s.name(this.#importedTable.name);
      s.byte(0x01);
      tableType(s, 0);
    }
    if (this.#memory) {
      s.name(this.#memory.module);
      s.name(this.#memory.name);
      s.byte(0x02);
      s.byte(0x03); // shared, with a maximum
      s.u32(0);
      s.u32(MAX_PAGES);
    }
  }

  #typeOf(type: FuncType): number {
    const known = this.#knownTypes.get(type);
    if (known !== undefined) return known;
    const key = `${type.params.join()}>${type.results.join()}`;
    const index = this.#typeIndex.get(key) ?? this.#types.push(type) - 1;
    this.#typeIndex.set(key, index);
    this.#knownTypes.set(type, index);
    return index;
  }
}

/** Of functions, with at least so many entries. */
function tableType(s: ByteSink, entries: number): void {
  s.byte(0x70);
  s.byte(0x00);
  s.u32(entries);
}

function section(out: ByteSink, id: number, fill: (s: ByteSink) => void): void {
  const body = new ByteSink();
  fill(body);
  out.byte(id);
  out.u32(body.length);
  out.bytes(body.view());
}
