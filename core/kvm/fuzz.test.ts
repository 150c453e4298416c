/**
 * A hostile guest: random bytes as code in every mode, random registers and segments, random answers to its exits. KVM_RUN
 * gives an exit or EINTR and throws nothing else, comes back within its slices, and writes nowhere but into RAM.
 * Longer: VIVARIUM_FUZZ_PROGRAMS=10000; another sequence: VIVARIUM_SEED=2.
 */
import { describe, expect, it } from 'vitest';
import { CODE, hex, KvmRig, MMIO, MODES, type Mode, RAM_SIZE } from '../testing/kvm-rig.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import * as A from './api.ts';

const PROGRAMS = Number(process.env['VIVARIUM_FUZZ_PROGRAMS'] ?? 60);
const SEED = Number(process.env['VIVARIUM_SEED'] ?? 1);
const CODE_BYTES = 256;
const MOST_EXITS = 40;
const SLICES = 3;
const PATTERN = 0xa5;
const GUARD = 0x4000;

/** Bytes that lead somewhere more often than random ones do. */
const LIKELY = [
  0x0f, 0x66, 0xf3, 0xf2, 0xf0, 0x48, 0x41, 0x67, 0x2e, 0x64, 0xff, 0x8e, 0xcd, 0xcf, 0x9d, 0xa4, 0xab, 0x6c, 0x6e,
  0x01, 0x22, 0x20, 0x30, 0xae, 0xc7, 0xd9, 0xdd,
];

class Fuzz {
  readonly rig = new KvmRig({ irqchip: true, pit: true, logDirty: true });
  readonly random: SeededRandom;
  /** Not in any slot, on both sides of a read-only slot. */
  readonly guards: Uint8Array;
  constructor(
    readonly mode: Mode,
    seed: number,
  ) {
    this.random = new SeededRandom(seed);
    const { vm } = this.rig;
    const at = vm.mmap(GUARD * 3);
    this.guards = new Uint8Array(vm.memory, at, GUARD * 3).fill(PATTERN);
    vm.setUserMemoryRegion({
      slot: 1,
      flags: A.KVM_MEM_READONLY,
      guestPhysAddr: MMIO,
      memorySize: GUARD,
      userspaceAddr: at + GUARD,
    });
    vm.registerCoalescedMmio({ addr: MMIO, size: GUARD * 2, pio: 0 });
    vm.registerCoalescedMmio({ addr: 0, size: 0x8000, pio: 1 });
  }

  #value(): bigint {
    const r = this.random;
    const wide = (BigInt(r.uint32()) << 32n) | BigInt(r.uint32());
    return r.pick([
      BigInt(r.below(RAM_SIZE + 0x2000)),
      BigInt(r.below(64)),
      wide,
      0xffff_ffff_ffff_fff0n + BigInt(r.below(16)),
      BigInt(MMIO - r.below(16)),
      wide >> 17n,
    ]);
  }

  #registers(): void {
    const { rig, random } = this;
    const regs = rig.vcpu.getRegs();
    for (const name of Object.keys(regs) as (keyof A.KvmRegs)[]) if (name !== 'rip') regs[name] = this.#value();
    regs.rflags = random.below(4) === 0 ? BigInt(random.uint32()) & 0x3f_ffffn : BigInt(random.uint32()) & 0xcd5n;
    if (random.below(3) > 0) regs.rsp = BigInt(0x7000 - random.below(64));
    rig.vcpu.setRegs(regs);
  }

  /** Attributes that no descriptor gave, sometimes. */
  #segments(): void {
    const { rig, random } = this;
    if (random.below(4) !== 0) return;
    const sregs = rig.vcpu.getSregs();
    const segment = sregs[random.pick(['ds', 'es', 'fs', 'gs', 'ss', 'cs', 'tr', 'ldt'] as const)];
    segment.base = this.#value();
    segment.limit = random.pick([random.uint32(), random.below(0x10000), 0]);
    segment.type = random.below(16);
    segment.unusable = random.below(8) === 0 ? 1 : 0;
    segment.db = random.below(2);
    sregs[random.pick(['gdt', 'idt'] as const)].limit = random.below(0x10000);
    if (random.below(2) === 0) sregs[random.pick(['gdt', 'idt'] as const)].base = this.#value();
    if (random.below(4) === 0) sregs.cr3 = this.#value() & 0xff_ffff_ffffn;
    try {
      rig.vcpu.setSregs(sregs);
    } catch (e) {
      if (!(e instanceof A.KvmError)) throw e;
    }
  }

  /** Breakpoints at whatever, alignment checks, a debugger. */
  #debugging(): void {
    const { random } = this;
    const { vcpu } = this.rig;
    if (random.below(4) !== 0) return;
    const db = Array.from({ length: 4 }, () => (random.below(2) === 0 ? this.#value() : BigInt(random.below(0x8000))));
    const dr7 = BigInt(random.uint32());
    vcpu.setDebugRegs({ db, dr6: 0xffff0ff0n, dr7, flags: 0 });
    const sregs = vcpu.getSregs();
    if (random.below(2) === 0) vcpu.setSregs({ ...sregs, cr0: sregs.cr0 | 0x40000n, cr4: sregs.cr4 | 8n });
    if (random.below(3) === 0) {
      const control = A.KVM_GUESTDBG_ENABLE | random.pick([A.KVM_GUESTDBG_SINGLESTEP, A.KVM_GUESTDBG_USE_HW_BP]);
      vcpu.setGuestDebug({ control, debugreg: [...db, 0n, 0n, 0n, dr7] });
    }
  }

  #code(): Uint8Array {
    const { random } = this;
    return Uint8Array.from({ length: CODE_BYTES }, () =>
      random.below(3) === 0 ? random.pick(LIKELY) : random.uint32() & 0xff,
    );
  }

  #drain(): void {
    const { run } = this.rig.vcpu;
    const last = run.getUint32(A.RUN_COALESCED_RING + A.COALESCED_LAST, true);
    run.setUint32(A.RUN_COALESCED_RING + A.COALESCED_FIRST, last, true);
  }

  /** Puts the vCPU where a new program can start. */
  #reset(): void {
    const { vcpu, thread } = this.rig;
    thread.signal = false;
    vcpu.setMpState(A.KVM_MP_STATE_RUNNABLE);
    vcpu.setGuestDebug({ control: 0, debugreg: [] });
    vcpu.setDebugRegs({ db: [0n, 0n, 0n, 0n], dr6: 0xffff0ff0n, dr7: 0x400n, flags: 0 });
    vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    for (let parts = 0; parts < 100; parts++) if (this.#run().exit === 'EINTR') break;
    vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 0);
    thread.signal = false;
    vcpu.setMpState(A.KVM_MP_STATE_RUNNABLE);
    const events = vcpu.getVcpuEvents();
    vcpu.setVcpuEvents({
      ...events,
      exception: { ...events.exception, injected: 0 },
      interrupt: { ...events.interrupt, injected: 0, shadow: 0 },
      nmi: { injected: 0, pending: 0, masked: 0 },
      smi: { smm: 0, pending: 0, smmInsideNmi: 0, latchedInit: 0 },
    });
    vcpu.setMsrs([{ index: 0x1b, data: 0xfee0_0900n }]);
    vcpu.setLapic(this.freshLapic);
  }
  readonly freshLapic = this.rig.vcpu.getLapic();

  #run() {
    const { rig } = this;
    rig.thread.patience = SLICES;
    try {
      rig.vcpu.kvmRun();
    } catch (e) {
      if (e instanceof A.KvmError && e.errno === 'EINTR') return { exit: 'EINTR' };
      throw e;
    }
    return { exit: String(rig.vcpu.run.getUint32(A.RUN_EXIT_REASON, true)) };
  }

  /** One program; the exits it made. */
  program(): string[] {
    const { rig, random } = this;
    this.#reset();
    const at = random.pick([CODE, CODE, 0x1f80, 0x2ff0]);
    if (this.mode === 'real' || random.below(2) === 0) rig.start(this.mode, this.#code(), at);
    else rig.startUser(this.mode, this.#code());
    this.#segments();
    this.#debugging();
    this.#registers();
    if (random.below(8) === 0) rig.vcpu.nmi();
    if (random.below(8) === 0) {
      rig.load(0x38000, [...this.#code().subarray(0, random.below(8)), 0x0f, 0xaa]);
      rig.vcpu.smi();
    }
    if (random.below(4) === 0) rig.vm.irqLine({ irq: random.below(24), level: random.below(2) });
    const exits: string[] = [];
    for (let n = 0; n < MOST_EXITS; n++) {
      const { exit } = this.#run();
      exits.push(exit);
      if (random.below(2) === 0) this.#drain();
      if (exit === 'EINTR' || exit === String(A.KVM_EXIT_SHUTDOWN)) break;
      if (exit === String(A.KVM_EXIT_IO)) rig.answerIn(random.uint32());
      if (exit === String(A.KVM_EXIT_MMIO)) rig.answerMmio(...Array.from({ length: 8 }, () => random.below(256)));
    }
    return exits;
  }

  /** The next guest runs as if nothing had been. */
  checkNext(): void {
    this.#reset();
    this.rig.start(
      'protected',
      hex(
        'mov eax, 5 ; mov [0x3000], eax ; mov edx, 0x8000 ; out dx, al',
        'b8 05 00 00 00 a3 00 30 00 00 ba 00 80 00 00 ee',
      ),
    );
    expect(this.rig.run()).toEqual({ exit: 'IO', direction: 'out', port: 0x8000, size: 1, value: 5 });
  }
}

describe('a guest of random bytes', () => {
  it.each(MODES)('in %s mode reaches nothing but its VM', { timeout: 3_600_000 }, (mode) => {
    const fuzz = new Fuzz(mode, SEED * 1000 + MODES.indexOf(mode));
    const seen = new Set<string>();
    for (let n = 0; n < PROGRAMS; n++) {
      try {
        for (const exit of fuzz.program()) seen.add(exit);
        if (n % 10 === 0) fuzz.checkNext();
      } catch (e) {
        throw new Error(`program ${n} of seed ${SEED}`, { cause: e });
      }
      if (fuzz.guards.some((b) => b !== PATTERN)) throw new Error(`program ${n} of seed ${SEED} wrote outside RAM`);
    }
    expect(seen.size).toBeGreaterThan(1);
  });
});
