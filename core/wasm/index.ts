export {
  type Expr,
  f32,
  f64,
  hasBits,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  select,
  type V128,
  type ValType,
  v128,
} from './expr.ts';
export type { Callable, Func, FuncType, Label } from './func.ts';
export { ModuleBuilder } from './module.ts';
export { anyTrue, f32x4, f64x2, i8x16, i16x8, i32x4, i64x2 } from './simd.ts';
