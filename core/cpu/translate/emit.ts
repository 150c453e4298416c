/** Emit for the translator: operands are constants and locals; where control goes is the region's business. */
import { type Func, type I32, type I64, i32, i64, type Label, type V128 } from '../../wasm/index.ts';
import { MachineEmit, type Reserved } from '../codegen/machine-emit.ts';
import { BASE_RIP, type MemoryOperand, NO_REGISTER, type Operand } from '../decode/insn.ts';
import { X87_REGISTER_BYTES, X87_REGISTERS } from '../fpu/state.ts';
import { ACCESS_WRITE } from '../interp/emit.ts';
import { READ, WRITE } from '../mmu/walk.ts';
import { type Int, type OpSize, type Width, width } from '../semantics/width.ts';
import * as S from '../state.ts';
import type { DeferredFlags } from './deferred-flags.ts';
import type { RegionInsn } from './region.ts';
import type { RegionCompiler } from './region-compiler.ts';
import { isFlatCode, isFlatSegment, isLong, stackSize } from './translatable.ts';

export class TranslatorEmit extends MachineEmit {
  readonly size: OpSize;
  readonly w: Width;
  readonly addressSize: 2 | 4 | 8;
  readonly repeat = 0;
  readonly vectorLength: 0 | 16 | 32;
  readonly flags: DeferredFlags;
  readonly #long: boolean;
  readonly #displacements: (I64 | undefined)[] = [];
  readonly #advances: (I64 | undefined)[] = [];
  #mayStop = false;
  #ended = false;

  constructor(
    readonly region: RegionCompiler,
    readonly here: RegionInsn,
  ) {
    super(region.f, region.at.state, region.rt);
    const { insn } = here;
    this.size = insn.operandSize;
    this.w = width(insn.operandSize);
    this.addressSize = insn.addressSize;
    this.vectorLength = insn.vectorLength;
    this.flags = region.flags;
    this.#long = isLong(insn.mode);
  }

  /** Whether the instruction behind it follows. */
  finish(): boolean {
    if (this.#ended) return false;
    this.flags.end();
    this.#stopIfAsked();
    return true;
  }

  // -- operands ----------------------------------------------------------------------------------------------------
  #operand(i: number): Operand {
    const operand = this.here.insn.operands[i];
    if (!operand) throw new Error(`${this.here.insn.row.name} has no operand ${i}`);
    return operand;
  }
  operandSize(i: number): OpSize {
    const o = this.#operand(i);
    if (o.kind === 'mmx') return 8;
    if (o.kind === 'vector') return 16 as OpSize; // never an integer; what tells it from MMX
    return ('size' in o ? o.size : this.size) as OpSize;
  }
  isMemory(i: number): boolean {
    return this.#operand(i).kind === 'memory';
  }
  isRegister(i: number): boolean {
    return this.#operand(i).kind === 'register';
  }
  protected isVector(i: number): boolean {
    const { kind } = this.#operand(i);
    return kind === 'vector' || kind === 'mmx';
  }
  protected vectorRegister(i: number): I32 {
    const o = this.#operand(i);
    if (o.kind === 'vector') return this.at(S.VEC + o.register * S.VEC_SIZE);
    if (o.kind === 'mmx') return this.at(S.X87 + X87_REGISTERS + o.register * X87_REGISTER_BYTES);
    throw new Error(`${this.here.insn.row.name}: operand ${i} is a ${o.kind}`);
  }
  read(i: number): Int {
    const o = this.#operand(i);
    switch (o.kind) {
      case 'register':
        return this.region.registers.read(o.register, o.size, o.high);
      case 'immediate':
        return width(o.size).const(o.size === 8 ? (BigInt(o.high) << 32n) | BigInt(o.low >>> 0) : o.low);
      case 'segment':
      case 'control':
        return i32.const(o.register);
      case 'memory':
        return this.load(this.linear(i), o.size as OpSize);
      default:
        throw new Error(`${this.here.insn.row.name}: operand ${i} is a ${o.kind}`);
    }
  }
  protected writeRegister(i: number, value: Int): void {
    const o = this.#operand(i);
    if (o.kind !== 'register') throw new Error(`operand ${i} is a ${o.kind}`);
    this.region.registers.write(o.register, o.size, value, o.high);
  }
  reg(number: number, size: OpSize): Int {
    return this.region.registers.read(number, size);
  }
  setReg(number: number, size: OpSize, value: Int): void {
    this.region.registers.write(number, size, value);
  }

  // -- addresses ---------------------------------------------------------------------------------------------------
  displace(i: number, displacement: I64): void {
    this.#displacements[i] = this.f.let(displacement);
    this.reserved[i] = undefined;
  }
  advance(i: number, bytes: I64): void {
    this.#advances[i] = this.f.let(bytes);
    this.reserved[i] = undefined;
  }
  offset(i: number): I64 {
    const o = this.#operand(i);
    if (o.kind !== 'memory') throw new Error(`operand ${i} is a ${o.kind}`);
    return this.f.let(this.#offset(o, this.#displacements[i]));
  }
  #offset(o: MemoryOperand, extra: I64 | undefined): I64 {
    let sum: I64 = i64.const(this.#displacement(o));
    if (o.base === BASE_RIP) sum = i64.add(this.region.rip, sum);
    else if (o.base !== NO_REGISTER) sum = i64.add(this.region.registers.whole(o.base), sum);
    if (o.index !== NO_REGISTER)
      sum = i64.add(sum, i64.shl(this.region.registers.whole(o.index), i64.const(BigInt(o.scale))));
    if (extra) sum = i64.add(sum, extra);
    if (this.addressSize === 8) return sum;
    return i64.and(sum, i64.const(this.addressSize === 2 ? 0xffffn : 0xffff_ffffn));
  }
  #displacement(o: MemoryOperand): bigint {
    const own = BigInt.asIntN(64, (BigInt(o.displacementHigh) << 32n) | BigInt(o.displacement >>> 0));
    return o.base === BASE_RIP ? own + BigInt(this.#end) : own;
  }
  protected linear(i: number, writes = false): I64 {
    const o = this.#operand(i);
    if (o.kind !== 'memory') throw new Error(`operand ${i} is a ${o.kind}`);
    const advance = this.#advances[i] ?? i64.const(0n);
    const displacement = this.#displacements[i] ?? i64.const(0n);
    if (!this.#long)
      return this.#segmented(o.segment, this.#offset(o, i64.add(displacement, advance)), this.operandSize(i), writes);
    const offset = i64.add(this.#offset(o, displacement), advance);
    if (o.segment < S.FS) return this.f.let(offset);
    return this.f.let(i64.add(offset, i64.load(this.at(S.SEG + o.segment * S.SEG_SIZE + S.SEG_BASE))));
  }
  /** Where nothing is flat, limit and rights are checked: what fails has an address that is nowhere. */
  #segmented(segment: number, offset: I64, bytes: number, writes: boolean): I64 {
    if (isFlatSegment(this.here.insn.mode, segment)) return this.f.let(offset);
    const access = i32.const(bytes | (writes ? ACCESS_WRITE : 0));
    return this.f.call<'i64'>(this.region.rt.checked, this.at(S.SEG + segment * S.SEG_SIZE), offset, access);
  }
  protected override tlbBase(): I32 {
    return this.region.tlbBase;
  }
  override moveTlb(parts: I32): I32 {
    this.f.set(this.region.tlbBase, super.moveTlb(parts));
    return this.region.tlbBase;
  }

  // -- memory ------------------------------------------------------------------------------------------------------
  /** What is more than a TLB fill is left to the interpreter, from the beginning of the instruction. */
  #reach(linear: I64, bytes: number, access: typeof READ | typeof WRITE): I32 {
    const f = this.f;
    const address = f.local('i32');
    const { hit, host } = this.probe(linear, bytes, access === READ ? S.TLB_READ : S.TLB_WRITE);
    f.ifLikely(
      hit,
      () => f.set(address, host),
      () => {
        f.set(address, f.call(this.region.rt.touch, linear, i32.const(access), i32.const(bytes)));
        f.ifUnlikely(i32.eqz(address), () => this.region.leave('record', this.here));
      },
    );
    return address;
  }
  protected source(linear: I64, bytes: number): I32 {
    return this.#reach(linear, bytes, READ);
  }
  protected store(linear: I64, bytes: number, put: (address: I32) => void): void {
    put(this.#reach(linear, bytes, WRITE));
  }
  protected reserve(linear: I64, bytes: number): Reserved {
    const address = this.#reach(linear, bytes, WRITE);
    return { source: address, store: (put) => put(address) };
  }

  // -- stack -------------------------------------------------------------------------------------------------------
  protected get stackWidth(): Width {
    return width(stackSize(this.here.insn.mode));
  }
  protected stackLinear(pointer: Int, bytes: OpSize, writes: boolean): I64 {
    return this.#segmented(S.SS, this.stackWidth.unsigned64(pointer), bytes, writes);
  }

  // -- ways out ----------------------------------------------------------------------------------------------------
  /** Of this instruction, from the region's entry. */
  get #end(): number {
    return this.here.at + this.here.insn.length;
  }
  protected faultIf(cond: I32): void {
    this.f.ifUnlikely(cond, () => this.region.leave('fault', this.here));
  }
  raise(vector: number): void {
    this.f.call(this.routines.raise, i32.const(vector));
    this.region.leave('fault', this.here);
  }
  fallBackIf(cond: I32): void {
    this.f.ifUnlikely(cond, () => this.region.leave('fallBack', this.here));
  }
  modrm(): I32 {
    return i32.const(this.here.insn.modrm);
  }
  segmentOf(i: number): I32 {
    const o = this.#operand(i);
    if (o.kind !== 'memory') throw new Error(`operand ${i} is a ${o.kind}`);
    return i32.const(o.segment);
  }
  #stopIfAsked(): void {
    if (this.#mayStop) this.f.ifUnlikely(this.region.stop, () => this.region.leave('stop', this.here));
  }
  /** The same behind a jump. */
  #stopAt(ip: I64): void {
    if (this.#mayStop) this.f.ifUnlikely(this.region.stop, () => this.region.leaveTo('stopped', ip));
  }
  interruptShadow(): void {
    this.f.store64(this.at(S.SHADOW_RIP), this.nextIp());
    this.f.store32(this.at(S.SHADOW), i32.const(1));
    this.#mayStop = true;
    this.f.set(this.region.stop, i32.ne(i32.load(this.at(S.WINDOW)), i32.const(0)));
  }

  ip(): I64 {
    return this.f.let(this.#ipAt(this.here.at));
  }
  nextIp(): I64 {
    return this.f.let(this.#ipAt(this.#end));
  }
  #ipAt(at: number): I64 {
    return this.region.ipAt(at);
  }
  endBlock(): void {
    const next = this.nextIp();
    this.#stopAt(next);
    this.region.leaveTo('next', next);
    this.#ended = true;
  }
  jump(target: I64, commit?: () => void): void {
    const to = this.f.let(this.#truncated(target));
    this.#requireTarget(to);
    commit?.();
    this.#stopAt(to);
    this.region.gotoIndirect(to);
    this.#ended = true;
  }
  #truncated(ip: I64): I64 {
    return this.size === 8 ? ip : i64.and(ip, i64.const(this.size === 2 ? 0xffffn : 0xffff_ffffn));
  }
  /** #GP of the jump for what is not canonical; beyond a limit it is left to the interpreter. */
  #requireTarget(to: I64, taken: I32 = i32.const(1)): void {
    if (this.size !== 8) {
      if (isFlatCode(this.here.insn.mode)) return;
      const beyond = i64.gtU(to, i64.load(this.at(S.CODE_LIMIT)));
      this.f.ifUnlikely(i32.and(beyond, taken), () => this.region.leave('record', this.here));
      return;
    }
    // what is so in a smaller space is so in any
    const within = i64.add(i64.shrS(to, i64.const(46n)), i64.const(1n));
    this.f.ifUnlikely(i32.and(i64.gtU(within, i64.const(1n)), taken), () => {
      const unused = this.f.let(i64.extendU(i32.load(this.at(S.CANONICAL_SHIFT))));
      this.f.if(i64.ne(i64.shrS(i64.shl(to, unused), unused), to), () => this.raise(S.GP));
    });
  }
  #target(i: number): number {
    const o = this.#operand(i);
    if (o.kind !== 'relative') throw new Error(`operand ${i} is a ${o.kind}`);
    return this.#end + o.displacement;
  }
  jumpRelative(i: number, commit?: () => void): void {
    const at = this.#target(i);
    const out = (): void => {
      const to = this.f.let(this.#truncated(this.#ipAt(at)));
      this.#requireTarget(to);
      commit?.();
      this.#leaveFor(at);
    };
    this.#ended = true;
    if (this.region.contains(at)) {
      this.region.require(at, out);
      commit?.();
      this.#goto(at);
    } else out();
  }
  branch(cond: I32, i: number, commit?: () => void): void {
    const at = this.#target(i);
    const taken = this.f.let(cond);
    if (!this.region.staysInPage(at)) this.#requireTarget(this.f.let(this.#truncated(this.#ipAt(at))), taken);
    commit?.();
    this.region.fork(
      taken,
      () => (this.region.contains(at) ? this.#goto(at) : this.#leaveFor(at)),
      () => this.#goto(this.#end),
    );
    this.#ended = true;
  }
  /** To a place that the region does not have; 16 bits remain of it, but not of what follows a branch. */
  #leaveFor(at: number): void {
    const to = this.f.let(this.#truncated(this.#ipAt(at)));
    this.#stopAt(to);
    this.region.leaveTo('next', to);
  }
  #goto(at: number): void {
    this.#stopAt(this.#ipAt(at));
    this.region.goto(at);
  }

  // -- what only the interpreter does, or does otherwise -----------------------------------------------------------
  shared(_name: string, args: readonly V128[], body: (f: Func, args: readonly V128[]) => V128): V128 {
    return body(
      this.f,
      args.map((a) => this.f.let(a)),
    );
  }
  repeatFrom(_start: Label): void {
    throw new Error('string instructions are not translated');
  }
  bulkString(): void {
    throw new Error('string instructions are not translated');
  }
}
