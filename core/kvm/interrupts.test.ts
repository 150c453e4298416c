/** Interrupts into the guest: KVM_INTERRUPT, the in-kernel irqchip, NMI, and what holds them back. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, hex, KvmRig, type Mode, STUBS } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const STI = 0x200;
const BUSY = hex('nop ; again: jmp again', '90 eb fe');

describe('KVM_INTERRUPT', () => {
  it.each<[Mode]>([['real'], ['protected'], ['paging'], ['pae'], ['long'], ['compatibility']])(
    "goes through the guest's table in %s mode",
    (mode) => {
      const rig = new KvmRig().start(mode, BUSY).set({ rflags: 0x202n });
      rig.vcpu.interrupt(0x31);
      const exception = rig.exception();
      expect(exception).toMatchObject({ vector: 0x31, ip: BigInt(CODE), error: undefined });
      expect(exception.flags & STI).toBe(STI);
      expect(rig.vcpu.getRegs().rflags & 0x200n).toBe(0n);
    },
  );

  it('is refused with an irqchip, for no vector, and while one is queued', () => {
    expect(() => new KvmRig({ irqchip: true }).vcpu.interrupt(0x20)).toThrow(errno('ENXIO'));
    const { vcpu } = new KvmRig();
    for (const vector of [-1, 256, 0.5]) expect(() => vcpu.interrupt(vector)).toThrow(errno('EINVAL'));
    vcpu.interrupt(0x20);
    expect(() => vcpu.interrupt(0x21)).toThrow(errno('EEXIST'));
  });

  it('waits for IF, and comes behind the instruction after STI', () => {
    const rig = new KvmRig().start('protected', hex('out 0x80, al ; sti ; nop ; nop ; hlt', 'e6 80 fb 90 90 f4'));
    rig.vcpu.interrupt(0x31);
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.exception()).toMatchObject({ vector: 0x31, ip: BigInt(CODE + 4) });
  });

  it('comes into the smallest window that the guest opens', () => {
    for (const [name, code, ip] of [
      ['sti nop cli', hex('sti ; nop ; cli ; hlt', 'fb 90 fa f4'), 2],
      ['popf', hex('push dword 0x202 ; popf ; cli ; hlt', '68 02 02 00 00 9d fa f4'), 6],
      ['sti, a shadow, cli', hex('sti ; cli ; hlt', 'fb fa f4'), -1],
    ] as const) {
      const rig = new KvmRig().start('protected', code);
      rig.vcpu.interrupt(0x31);
      if (ip < 0) expect(rig.run(), name).toEqual({ exit: 'HLT' });
      else expect(rig.exception(), name).toMatchObject({ vector: 0x31, ip: BigInt(CODE + ip) });
    }
  });

  it('does not come between MOV SS and the instruction behind it', () => {
    const rig = new KvmRig().start(
      'protected',
      hex('mov ax, 0x10 ; mov ss, ax ; mov esp, 0x6000 ; nop', '66 b8 10 00 8e d0 bc 00 60 00 00 90'),
    );
    rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_SINGLESTEP, debugreg: [] });
    rig.run();
    rig.run();
    rig.vcpu.setGuestDebug({ control: 0, debugreg: [] });
    expect(rig.vcpu.getVcpuEvents().interrupt.shadow).toBe(1);
    const events = rig.vcpu.getVcpuEvents();
    rig.set({ rflags: 0x202n }); // KVM_SET_REGS ends the shadow
    rig.vcpu.setVcpuEvents(events);
    rig.vcpu.interrupt(0x31);
    expect(rig.exception()).toMatchObject({ vector: 0x31, ip: BigInt(CODE + 11) });
  });

  it('is delivered before the guest runs, so that EINTR leaves it queued', () => {
    const rig = new KvmRig().start('protected', BUSY).set({ rflags: 0x202n });
    rig.vcpu.interrupt(0x31);
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    expect(rig.vcpu.getVcpuEvents().interrupt).toMatchObject({ injected: 1, nr: 0x31 });
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 0);
    expect(rig.exception().vector).toBe(0x31);
  });

  it('never comes into the middle of an instruction that waits for MMIO', () => {
    const rig = new KvmRig()
      .start('protected', hex('mov al, [0x100000] ; nop ; hlt', 'a0 00 00 10 00 90 f4'))
      .set({ rflags: 0x202n });
    expect(rig.run()).toMatchObject({ exit: 'MMIO' });
    rig.vcpu.interrupt(0x31);
    rig.answerMmio(0x5a);
    expect(rig.exception()).toMatchObject({ vector: 0x31, ip: BigInt(CODE + 5) });
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(0x5an);
  });

  it('comes between the exits of a repeated string instruction', () => {
    const rig = new KvmRig()
      .start(
        'protected',
        hex(
          'mov ecx, 3 ; mov dx, 0x60 ; mov edi, 0x2ffe ; rep insb ; hlt', // two elements on the first page
          'b9 03 00 00 00 66 ba 60 00 bf fe 2f 00 00 f3 6c f4',
        ),
      )
      .set({ rflags: 0x202n });
    rig.run();
    rig.vcpu.interrupt(0x31);
    rig.answerIn(1, 2);
    expect(rig.exception()).toMatchObject({ vector: 0x31, ip: BigInt(CODE + 14) });
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 1n, rdi: 0x3000n });
    expect(rig.bytes(0x2ffe, 2)).toEqual([1, 2]);
  });
});

describe('request_interrupt_window', () => {
  const ask = (rig: KvmRig) => rig.vcpu.run.setUint8(A.RUN_REQUEST_INTERRUPT_WINDOW, 1);
  it('exits at once when the window is open', () => {
    const rig = new KvmRig().start('protected', BUSY).set({ rflags: 0x202n });
    ask(rig);
    expect(rig.run()).toEqual({ exit: 'IRQ_WINDOW_OPEN' });
    expect(rig.vcpu.run.getUint8(A.RUN_READY_FOR_INTERRUPT_INJECTION)).toBe(1);
  });
  it('exits when the guest opens it, however shortly', () => {
    const rig = new KvmRig().start('protected', hex('nop ; sti ; nop ; cli ; hlt', '90 fb 90 fa f4'));
    ask(rig);
    expect(rig.run()).toEqual({ exit: 'IRQ_WINDOW_OPEN' });
    expect(rig.vcpu.getRegs().rip).toBe(BigInt(CODE + 3));
    rig.vcpu.run.setUint8(A.RUN_REQUEST_INTERRUPT_WINDOW, 0);
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });
  it('does not exit while interrupts stay disabled', () => {
    const rig = new KvmRig().start('protected', hex('nop ; hlt', '90 f4'));
    ask(rig);
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });
});

describe('the in-kernel irqchip', () => {
  /** PIC: vectors 0x30 and 0x38, all unmasked but what `mask` says. */
  const picInit = hex(
    'mov al, 0x11 ; out 0x20, al ; out 0xa0, al ; mov al, 0x30 ; out 0x21, al ; mov al, 0x38 ; out 0xa1, al ; mov al, 4 ; out 0x21, al ; mov al, 2 ; out 0xa1, al ; mov al, 1 ; out 0x21, al ; out 0xa1, al ; mov al, 0 ; out 0x21, al ; out 0xa1, al ; sti ; again: hlt ; jmp again',
    'b0 11 e6 20 e6 a0 b0 30 e6 21 b0 38 e6 a1 b0 04 e6 21 b0 02 e6 a1 b0 01 e6 21 e6 a1 b0 00 e6 21 e6 a1 fb f4 eb fd',
  );

  it('delivers a PIC line through the LAPIC to a halted vCPU', () => {
    const rig = new KvmRig({ irqchip: true }).start('protected', picInit);
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    rig.thread.signal = false;
    rig.vm.irqLine({ irq: 3, level: 1 });
    expect(rig.exception()).toMatchObject({ vector: 0x33 });
    expect(rig.vcpu.getMpState()).toBe(A.KVM_MP_STATE_RUNNABLE);
  });

  it('keeps a line that is not acknowledged from coming twice, and lets a higher one in', () => {
    const rig = new KvmRig({ irqchip: true }).start('protected', picInit);
    rig.run();
    rig.thread.signal = false;
    rig.vm.irqLine({ irq: 4, level: 1 });
    expect(rig.exception().vector).toBe(0x34);
    rig.vm.irqLine({ irq: 5, level: 1 });
    rig.vm.irqLine({ irq: 1, level: 1 });
    rig.load(STUBS + 0x34 * 16 + 2, hex('sti ; jmp $', 'fb eb fe'));
    expect(rig.exception().vector).toBe(0x31);
  });

  it('delivers the LAPIC timer when its time comes, and not before', () => {
    // enable by SVR; one shot at vector 0x40; divide by 1; count 1000
    const code = hex(
      'mov dword [0xfee000f0], 0x1ff ; mov dword [0xfee003e0], 0xb ; mov dword [0xfee00320], 0x40 ; mov dword [0xfee00380], 100000 ; sti ; again: hlt ; jmp again',
      'c7 05 f0 00 e0 fe ff 01 00 00 c7 05 e0 03 e0 fe 0b 00 00 00 c7 05 20 03 e0 fe 40 00 00 00 c7 05 80 03 e0 fe a0 86 01 00 fb f4 eb fd',
    );
    const rig = new KvmRig({ irqchip: true }).start('protected', code);
    expect(rig.exception().vector).toBe(0x40);
    expect(rig.thread.timeNs).toBeGreaterThanOrEqual(100_000);
    expect(rig.thread.timeNs).toBeLessThan(2_000_000);
  });

  it('delivers an interrupt that the guest sends itself by the ICR, in priority order', () => {
    const code = hex(
      'mov dword [0xfee000f0], 0x1ff ; mov dword [0xfee00300], 0x40050 ; mov dword [0xfee00300], 0x40060 ; sti ; nop ; hlt',
      'c7 05 f0 00 e0 fe ff 01 00 00 c7 05 00 03 e0 fe 50 00 04 00 c7 05 00 03 e0 fe 60 00 04 00 fb 90 f4',
    );
    const rig = new KvmRig({ irqchip: true }).start('protected', code);
    expect(rig.exception().vector).toBe(0x60);
    rig.load(
      STUBS + 0x60 * 16 + 2,
      hex('mov dword [0xfee000b0], 0 ; sti ; jmp $', 'c7 05 b0 00 e0 fe 00 00 00 00 fb eb fe'),
    );
    expect(rig.exception().vector).toBe(0x50);
  });

  it('holds back by CR8 what is not above it', () => {
    const code = hex(
      'mov edx, 0xfee00000 ; mov dword [rdx+0xf0], 0x1ff ; mov eax, 6 ; mov cr8, rax ; mov dword [rdx+0x300], 0x40060 ; sti ; nop ; out 0x80, al ; xor eax, eax ; mov cr8, rax ; nop ; hlt',
      'ba 00 00 e0 fe c7 82 f0 00 00 00 ff 01 00 00 b8 06 00 00 00 44 0f 22 c0 c7 82 00 03 00 00 60 00 04 00 fb 90 e6 80 31 c0 44 0f 22 c0 90 f4',
    );
    const rig = new KvmRig({ irqchip: true }).start('long', code);
    // the LAPIC's page
    rig.load32(0x11000 + 3 * 8, 0x19007, 0).load32(0x19000 + 0x1f7 * 8, 0xfee00087, 0);
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.exception().vector).toBe(0x60);
    expect(rig.vcpu.getSregs().cr8).toBe(0n);
  });
});

describe('NMI', () => {
  it('comes with interrupts disabled, once', () => {
    const rig = new KvmRig().start('protected', BUSY);
    rig.vcpu.nmi();
    rig.vcpu.nmi();
    expect(rig.exception()).toMatchObject({ vector: 2, ip: BigInt(CODE) });
    expect(rig.vcpu.getVcpuEvents().nmi).toMatchObject({ pending: 0, masked: 1 });
  });

  it('holds the next one back until IRET', () => {
    const rig = new KvmRig()
      .start('protected', BUSY)
      .load(STUBS + 0x20, hex('out 2, al ; nop ; out 0x80, al ; iret', 'e6 02 90 e6 80 cf'));
    rig.vcpu.nmi();
    expect(rig.exception().vector).toBe(2);
    rig.vcpu.nmi();
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.vcpu.getVcpuEvents().nmi).toMatchObject({ pending: 1, masked: 1 });
    expect(rig.exception()).toMatchObject({ vector: 2, ip: BigInt(CODE) });
    expect(rig.vcpu.getVcpuEvents().nmi).toMatchObject({ pending: 0, masked: 1 });
  });

  it('stays masked when its state is restored, and IRET unmasks it', () => {
    const rig = new KvmRig()
      .start(
        'protected',
        hex('pushf ; push dword 8 ; push dword 0x1100 ; out 0x80, al ; iret', '9c 6a 08 68 00 11 00 00 e6 80 cf'),
      )
      .load(0x1100, BUSY);
    const { vcpu } = rig;
    const events = vcpu.getVcpuEvents();
    vcpu.setVcpuEvents({ ...events, nmi: { injected: 0, pending: 1, masked: 1 } });
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.exception()).toMatchObject({ vector: 2, ip: 0x1100n });
  });

  it('wakes a halted vCPU that has interrupts disabled', () => {
    const rig = new KvmRig({ irqchip: true }).start('protected', hex('hlt', 'f4'));
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    rig.thread.signal = false;
    rig.vcpu.nmi();
    expect(rig.exception()).toMatchObject({ vector: 2, ip: BigInt(CODE + 1) });
  });
});

describe('KVM_SET_VCPU_EVENTS', () => {
  it('injects the exception at the next run, with its error code', () => {
    const rig = new KvmRig().start('protected', BUSY);
    const events = rig.vcpu.getVcpuEvents();
    rig.vcpu.setVcpuEvents({
      ...events,
      exception: { ...events.exception, injected: 1, nr: 13, hasErrorCode: 1, errorCode: 0x58 },
    });
    expect(rig.vcpu.getRegs().rip).toBe(BigInt(CODE));
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0x58, ip: BigInt(CODE) });
    expect(rig.vcpu.getVcpuEvents().exception.injected).toBe(0);
  });

  it('injects an NMI that was on its way', () => {
    const rig = new KvmRig().start('protected', BUSY);
    rig.vcpu.setVcpuEvents({ ...rig.vcpu.getVcpuEvents(), nmi: { injected: 1, pending: 0, masked: 1 } });
    expect(rig.exception().vector).toBe(2);
    expect(rig.vcpu.getVcpuEvents().nmi.masked).toBe(1);
  });
});

it('takes an EOI that the guest gave by memory before it takes the memory away, as a kernel that reboots does', () => {
  const rig = new KvmRig({ irqchip: true });
  const ipi = 'mov dword [0xfee000f0], 0x1ff ; sti ; mov dword [0xfee00300], 0x44040 ; jmp $';
  rig.start('protected', hex(ipi, 'c7 05 f0 00 e0 fe ff 01 00 00 fb c7 05 00 03 e0 fe 40 40 04 00 eb fe'));
  rig.vcpu.setMsrs([{ index: 0x4b564d04, data: BigInt(DATA) | 1n }]); // MSR_KVM_PV_EOI_EN
  expect(rig.run()).toMatchObject({ exit: 'IO', port: 0x40 }); // the stub of the vector
  const inService = (): number => (rig.vcpu.getLapic()[0x120] ?? 0) & 1;
  expect(inService()).toBe(1);
  const end = 'and byte [0x3000], 0xfe ; mov ecx, 0x4b564d04 ; xor eax, eax ; xor edx, edx ; wrmsr ; out 0x81, al';
  rig.load(CODE, hex(end, '80 25 00 30 00 00 fe b9 04 4d 56 4b 31 c0 31 d2 0f 30 e6 81'));
  rig.vcpu.setRegs({ ...rig.vcpu.getRegs(), rip: BigInt(CODE) });
  expect(rig.run()).toMatchObject({ exit: 'IO', port: 0x81 });
  expect(inService()).toBe(0);
});
