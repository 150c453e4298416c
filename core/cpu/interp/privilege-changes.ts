/**
 * Changes of privilege in generated code, for what systems do all the time between levels 0 and 3 with flat segments of the
 * GDT: in 64-bit code (privilege-64.ts), in 32-bit code outside long mode (privilege-32.ts), and the entry of exceptions and
 * interrupts (event-entry.ts). Everything else, whatever faults, and what somebody looks at (single steps, breakpoints,
 * waiting interrupts) is left to system/, before anything has changed.
 */
import type { Func, ModuleBuilder } from '../../wasm/index.ts';
import type { Insn } from '../decode/insn.ts';
import { MODE_64, MODE_SIZE_MASK } from '../decode/mode.ts';
import type { VcpuLayout } from '../layout.ts';
import type { SystemName } from '../table/system-names.ts';
import { emitLocate, Handler, type PrivilegeRoutines } from './change.ts';
import { emitDeliver } from './event-entry.ts';
import { iret32, isFlat32, sysenter, sysexit } from './privilege-32.ts';
import { iret, syscall, sysret } from './privilege-64.ts';

type Body = (e: Handler) => void;
const OF_64_BIT_CODE: Readonly<Record<string, Body>> = { syscall, sysret, iret };
const OF_32_BIT_CODE: Readonly<Record<string, Body>> = { sysenter32: sysenter, sysexit32: sysexit, iret32 };

/** The name of the handler that an instruction may have here. */
export function privilegeHandler({ row, mode, operandSize }: Insn): SystemName | `${SystemName}32` | undefined {
  const sized = row.system === 'iret' || row.system === 'sysret' || row.system === 'sysexit';
  if ((mode & MODE_SIZE_MASK) === MODE_64) return !sized || operandSize === 8 ? row.system : undefined;
  return row.system && isFlat32(mode) && (!sized || operandSize === 4) ? `${row.system}32` : undefined;
}

export function emitPrivilegeChanges(m: ModuleBuilder, at: VcpuLayout, rt: PrivilegeRoutines) {
  const locate = emitLocate(m, at, rt.refill);
  const handler = (body: Body): Func => {
    const f = m.func(['i32'], ['i32']);
    body(new Handler(f, at, rt, locate));
    f.unreachable();
    return f;
  };
  const bodies = Object.entries({ ...OF_64_BIT_CODE, ...OF_32_BIT_CODE });
  const handlers = new Map(bodies.map(([name, body]) => [name, handler(body)]));
  return { handlers, deliver: emitDeliver(m, at, locate) };
}
