/** What the image hands to the kernel, and what the parts of the kernel have in common. */
import { Assembler, mem, type reg, sys } from '../../cpu/index.ts';
import * as at from './layout.ts';

/** Words of a case in the image, code by address. The list ends where there is no mode. */
export const CASE = { number: 0, code: 4, codeBytes: 8, setup: 12, mode: 16, bytes: 20 } as const;
/** Words of a mode. */
export const MODE = { paging: 0, entry: 4, cs: 8, ip: 12, flags: 16, sp: 20, ss: 24, ds: 28, bytes: 32 } as const;
export const PAGING = { none: 0, '32': 1, pae: 2, long: 3 } as const;
export const ENTRY = { inner: 0, outer: 1, vm86: 2, real: 3 } as const;
/** Where the image has the tables, from LOAD on. */
export const TABLES_OFFSET = 0x8000;

/** CR0 of the home mode: PE, ET, NE. */
export const CR0_HOME = 0x31;
export const CR4_PAE = 1 << 5;
export const DR7_INIT = 0x400;
export const EFER = 0xc000_0080;
export const DATA_SEGMENTS = [sys.ds, sys.es, sys.fs, sys.gs];
type Base = (typeof reg)['ebp'];

export class Kernel extends Assembler {
  constructor() {
    super({ bits: 32, origin: at.KERNEL });
  }
  /** A double word of the kernel's own. */
  variable = (name: string): ReturnType<typeof mem> => mem(4, { disp: this.label(name) });
  /** `bytes` of the record that `base` points to. */
  field = (base: Base, offset: number): ReturnType<typeof mem> => mem(4, { base, disp: offset });
  skip(jump: string, body: () => void): void {
    const behind = this.label();
    this.emit(jump, behind);
    body();
    this.bind(behind);
  }
}
