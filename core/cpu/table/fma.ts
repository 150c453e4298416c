/** FMA and F16C. */

import type { FourForms } from '../semantics/sse/float.ts';
import * as fma from '../semantics/sse/fma.ts';
import * as half from '../semantics/sse/half.ts';
import type { RowSpec } from './row.ts';

type Fused = (order: fma.OperandOrder) => FourForms;

const ORDERS: readonly { readonly op: number; readonly name: string; readonly order: fma.OperandOrder }[] = [
  { op: 0x0f3890, name: '132', order: [1, 3, 2] },
  { op: 0x0f38a0, name: '213', order: [2, 1, 3] },
  { op: 0x0f38b0, name: '231', order: [2, 3, 1] },
];
const common = { pp: 0x66, cpuid: 'fma' } as const;

/** The low digit of the opcode is the operation: packed, and with 1 more scalar where there is one. */
function packedRows(digit: number, name: string, fused: Fused): RowSpec[] {
  return ORDERS.flatMap(({ op, name: digits, order }): RowSpec[] => {
    const { ps, pd } = fused(order);
    const row = { ...common, op: op + digit, vex: 'L', form: 'Vx,Hx,Wx' } as const;
    return [
      { ...row, w: 0, name: `${name}${digits}PS`, emit: ps },
      { ...row, w: 1, name: `${name}${digits}PD`, emit: pd },
    ];
  });
}
function scalarRows(digit: number, name: string, fused: Fused): RowSpec[] {
  return ORDERS.flatMap(({ op, name: digits, order }): RowSpec[] => {
    const { ss, sd } = fused(order);
    const row = { ...common, op: op + digit, vex: 'LIG' } as const;
    return [
      { ...row, w: 0, name: `${name}${digits}SS`, form: 'Vx,Hx,Wd', emit: ss },
      { ...row, w: 1, name: `${name}${digits}SD`, form: 'Vx,Hx,Wq', emit: sd },
    ];
  });
}
const rows = (digit: number, name: string, fused: Fused): RowSpec[] => [
  ...packedRows(digit, name, fused),
  ...scalarRows(digit + 1, name, fused),
];

const halves: RowSpec[] = (
  [
    { vex: 'L0', narrow: 'q' },
    { vex: 'L1', narrow: 'o' },
  ] as const
).flatMap(({ vex, narrow }): RowSpec[] => {
  const row = { pp: 0x66, w: 0, vex, cpuid: 'f16c' } as const;
  return [
    { ...row, op: 0x0f3813, name: 'VCVTPH2PS', form: `Vx,W${narrow}`, emit: half.emitVcvtph2ps },
    { ...row, op: 0x0f3a1d, name: 'VCVTPS2PH', form: `W${narrow},Vx,Ib`, emit: half.emitVcvtps2ph },
  ];
});

export const FMA_ROWS: readonly RowSpec[] = [
  ...packedRows(6, 'VFMADDSUB', fma.emitFmaddsub),
  ...packedRows(7, 'VFMSUBADD', fma.emitFmsubadd),
  ...rows(8, 'VFMADD', fma.emitFmadd),
  ...rows(0xa, 'VFMSUB', fma.emitFmsub),
  ...rows(0xc, 'VFNMADD', fma.emitFnmadd),
  ...rows(0xe, 'VFNMSUB', fma.emitFnmsub),
  ...halves,
];
