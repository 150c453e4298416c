/** KVM_RUN: the exits, how they are completed, and that no instruction is done twice. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, hex, KvmRig, MMIO, STACK } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const HLT = { exit: 'HLT' };
const protectedMode = (code: Uint8Array, rig = new KvmRig()) => rig.start('protected', code);

describe('port I/O', () => {
  it('exits for OUT of each size, behind the instruction', () => {
    const rig = protectedMode(
      hex(
        'mov eax, 0x11223344 ; mov dx, 0x3f8 ; out dx, al ; out dx, ax ; out dx, eax ; out 0x80, al ; hlt',
        'b8 44 33 22 11 66 ba f8 03 ee 66 ef ef e6 80 f4',
      ),
    );
    expect(rig.run()).toEqual({ exit: 'IO', direction: 'out', port: 0x3f8, size: 1, value: 0x44 });
    expect(rig.vcpu.run.getUint32(A.RUN_IO_COUNT, true)).toBe(1);
    expect(rig.run()).toEqual({ exit: 'IO', direction: 'out', port: 0x3f8, size: 2, value: 0x3344 });
    expect(rig.run()).toEqual({ exit: 'IO', direction: 'out', port: 0x3f8, size: 4, value: 0x11223344 });
    expect(rig.run()).toMatchObject({ port: 0x80, size: 1 });
    expect(rig.run()).toEqual(HLT);
  });

  it('takes the value of IN from the run page at the next run, in its size', () => {
    const rig = protectedMode(
      hex(
        'mov eax, 0x11223344 ; in al, 0x60 ; hlt ; in ax, 0x60 ; hlt ; in eax, 0x60 ; hlt',
        'b8 44 33 22 11 e4 60 f4 66 e5 60 f4 e5 60 f4',
      ),
    );
    for (const [size, rax] of [
      [1, 0x112233ddn],
      [2, 0x1122ccddn],
      [4, 0xaabbccddn],
    ] as const) {
      expect(rig.run()).toMatchObject({ direction: 'in', port: 0x60, size });
      expect(rig.answerIn(0xaabbccdd).run()).toEqual(HLT);
      expect(rig.vcpu.getRegs().rax).toBe(rax);
    }
  });

  it('leaves REP INS and REP OUTS without a count alone', () => {
    const rig = protectedMode(
      hex('xor ecx, ecx ; mov edi, 0x3000 ; rep insb ; rep outsd ; hlt', '31 c9 bf 00 30 00 00 f3 6c f3 6f f4'),
    );
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rdi).toBe(0x3000n);
  });

  it('puts INS into memory-mapped I/O', () => {
    const rig = protectedMode(hex('mov edi, 0x100000 ; insd ; hlt', 'bf 00 00 10 00 6d f4'));
    rig.run();
    expect(rig.answerIn(0x01020304).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO, bytes: [4, 3, 2, 1] });
    expect(rig.run()).toEqual(HLT);
  });

  it('raises #PF for INS when its page has gone while userspace looked for the value', () => {
    const rig = new KvmRig().start(
      'paging',
      hex('mov edi, 0x3000 ; mov dx, 0x60 ; insb ; hlt', 'bf 00 30 00 00 66 ba 60 00 6c f4'),
    );
    expect(rig.run()).toMatchObject({ direction: 'in' });
    rig.load32(0x15000 + 3 * 4, 0);
    rig.setControl({});
    expect(rig.answerIn(5).exception()).toMatchObject({ vector: 14, error: 2, cr2: 0x3000n, ip: BigInt(CODE + 9) });
  });
});

describe('memory-mapped I/O', () => {
  it.each<[string, Uint8Array, number, number]>([
    ['a byte', hex('mov al, [0x100010] ; hlt ; mov [0x100010], al ; hlt', 'a0 10 00 10 00 f4 a2 10 00 10 00 f4'), 0, 1],
    [
      '2 bytes',
      hex('mov ax, [0x100010] ; hlt ; mov [0x100010], ax ; hlt', '66 a1 10 00 10 00 f4 66 a3 10 00 10 00 f4'),
      0,
      2,
    ],
    [
      '4 bytes',
      hex('mov eax, [0x100010] ; hlt ; mov [0x100010], eax ; hlt', 'a1 10 00 10 00 f4 a3 10 00 10 00 f4'),
      0,
      4,
    ],
    [
      '8 bytes',
      hex(
        'movq xmm0, [0x100010] ; hlt ; movq [0x100010], xmm0 ; hlt',
        'f3 0f 7e 05 10 00 10 00 f4 66 0f d6 05 10 00 10 00 f4',
      ),
      0,
      8,
    ],
  ])('reads and writes %s in one exit', (_name, code, at, size) => {
    const rig = protectedMode(code);
    const bytes = [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88].slice(0, size);
    expect(rig.run()).toEqual({ exit: 'MMIO', write: false, gpa: MMIO + 0x10 + at, bytes: bytes.map(() => 0) });
    expect(rig.answerMmio(...bytes).run()).toEqual(HLT);
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 0x10 + at, bytes });
    expect(rig.run()).toEqual(HLT);
  });

  it('splits a 16-byte access into two exits', () => {
    const rig = protectedMode(
      hex('movups xmm0, [0x100010] ; movups [0x100020], xmm0 ; hlt', '0f 10 05 10 00 10 00 0f 11 05 20 00 10 00 f4'),
    );
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO + 0x10 });
    expect(rig.answerMmio(1, 2, 3, 4, 5, 6, 7, 8).run()).toMatchObject({ write: false, gpa: MMIO + 0x18 });
    expect(rig.answerMmio(9, 10, 11, 12, 13, 14, 15, 16).run()).toEqual({
      exit: 'MMIO',
      write: true,
      gpa: MMIO + 0x20,
      bytes: [1, 2, 3, 4, 5, 6, 7, 8],
    });
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 0x28, bytes: [9, 10, 11, 12, 13, 14, 15, 16] });
    expect(rig.run()).toEqual(HLT);
  });

  it('gives an unaligned access in naturally aligned parts, each once', () => {
    const rig = protectedMode(
      hex('mov eax, [0x100001] ; mov [0x100fff], eax ; hlt', 'a1 01 00 10 00 a3 ff 0f 10 00 f4'),
    );
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO + 1, bytes: [0] });
    expect(rig.answerMmio(1).run()).toMatchObject({ write: false, gpa: MMIO + 2, bytes: [0, 0] });
    expect(rig.answerMmio(2, 3).run()).toMatchObject({ write: false, gpa: MMIO + 4 });
    expect(rig.answerMmio(4).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 0xfff, bytes: [1] });
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 0x1000, bytes: [2, 3] });
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 0x1002, bytes: [4] });
    expect(rig.run()).toEqual(HLT);
  });

  it('straddles from RAM into MMIO', () => {
    const rig = protectedMode(hex('mov eax, [0xffffe] ; mov [0xffffd], eax ; hlt', 'a1 fe ff 0f 00 a3 fd ff 0f 00 f4'));
    rig.load(0xffffe, [0x11, 0x22]);
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO, bytes: [0, 0] });
    expect(rig.answerMmio(0x33, 0x44).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO, bytes: [0x44] });
    expect(rig.run()).toEqual(HLT);
    expect(rig.bytes(0xffffd, 3)).toEqual([0x11, 0x22, 0x33]);
  });

  it('reads once and writes once for a read-modify-write, with LOCK too', () => {
    const rig = protectedMode(
      hex(
        'add dword [0x100000], 5 ; lock inc byte [0x100004] ; xchg [0x100008], ax ; hlt',
        '83 05 00 00 10 00 05 f0 fe 05 04 00 10 00 66 87 05 08 00 10 00 f4',
      ),
    );
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO });
    expect(rig.answerMmio(10, 0, 0, 0).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO, bytes: [15, 0, 0, 0] });
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO + 4 });
    expect(rig.answerMmio(0xff).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 4, bytes: [0] });
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO + 8 });
    expect(rig.answerMmio(1, 2).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 8, bytes: [0, 0] });
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffffn).toBe(0x0201n);
  });

  it('pushes, pops and calls through MMIO exactly once', () => {
    const rig = protectedMode(
      hex(
        'mov esp, 0x3100 ; push dword [0x100000] ; pop dword [0x100004] ; call [0x100008] ; hlt',
        'bc 00 31 00 00 ff 35 00 00 10 00 8f 05 04 00 10 00 ff 15 08 00 10 00 f4',
      ),
    );
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO });
    expect(rig.answerMmio(1, 2, 3, 4).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 4, bytes: [1, 2, 3, 4] });
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO + 8 });
    expect(rig.vcpu.getRegs().rsp).toBe(0x3100n);
    rig.load(0x5000, [0xf4]);
    expect(rig.answerMmio(0, 0x50, 0, 0).run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rsp: 0x30fcn, rip: 0x5001n });
  });

  it('copies strings from and to it element by element, none twice', () => {
    const rig = protectedMode(
      hex(
        'mov esi, 0x100000 ; mov edi, 0x100100 ; mov ecx, 3 ; rep movsd ; hlt',
        'be 00 00 10 00 bf 00 01 10 00 b9 03 00 00 00 f3 a5 f4',
      ),
    );
    for (let n = 0; n < 3; n++) {
      expect(rig.run()).toMatchObject({ write: false, gpa: MMIO + n * 4 });
      expect(rig.answerMmio(n, 2, 3, 4).run()).toEqual({
        exit: 'MMIO',
        write: true,
        gpa: MMIO + 0x100 + n * 4,
        bytes: [n, 2, 3, 4],
      });
    }
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 0n, rsi: 0x10000cn, rdi: 0x10010cn });
  });

  it('compares strings in it', () => {
    const rig = protectedMode(
      hex(
        'mov esi, 0x100000 ; mov edi, 0x100100 ; mov ecx, 5 ; repe cmpsb ; hlt',
        'be 00 00 10 00 bf 00 01 10 00 b9 05 00 00 00 f3 a6 f4',
      ),
    );
    for (const value of [1, 2]) {
      expect(rig.run()).toMatchObject({ write: false, bytes: [0] });
      expect(rig.answerMmio(value).run()).toMatchObject({ write: false });
      rig.answerMmio(value === 2 ? 9 : value);
    }
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rcx).toBe(3n);
  });

  it('reads anew for an instruction that faulted behind its read', () => {
    // the write of MOVS faults: its read of MMIO, answered before, is asked again after the handler
    const rig = new KvmRig().start(
      'paging',
      hex('mov esi, 0x100000 ; mov edi, 0x3000 ; movsb ; hlt', 'be 00 00 10 00 bf 00 30 00 00 a4 f4'),
    );
    rig.load32(0x15000 + 3 * 4, 0);
    rig.setControl({});
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO });
    expect(rig.answerMmio(7).exception()).toMatchObject({ vector: 14, cr2: 0x3000n });
    rig.load32(0x15000 + 3 * 4, 0x3007).set({ rip: BigInt(CODE + 10), rsp: BigInt(STACK) });
    expect(rig.run()).toMatchObject({ write: false, gpa: MMIO });
    expect(rig.answerMmio(8).run()).toEqual(HLT);
    expect(rig.ram[DATA]).toBe(8);
  });

  it('stops with an internal error where code would be fetched from it', () => {
    const rig = protectedMode(hex('jmp 0x100000', 'e9 fb ef 0f 00'));
    expect(rig.run()).toMatchObject({ exit: 'INTERNAL_ERROR', message: expect.stringContaining('0x100000') });
    rig.load(RAM_END, [0xb8, 1, 2]).set({ rip: BigInt(RAM_END) }); // mov eax, imm32, its end is not there
    expect(rig.run()).toMatchObject({ exit: 'INTERNAL_ERROR' });
    rig.set({ rip: BigInt(CODE) }).load(CODE, [0xf4]);
    expect(rig.run()).toEqual(HLT);
  });
});
const RAM_END = MMIO - 3;

describe('HLT, SHUTDOWN', () => {
  it('HLT exits without an irqchip, and the guest goes on behind it', () => {
    const rig = protectedMode(hex('hlt ; inc eax ; hlt', 'f4 40 f4'));
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rip).toBe(BigInt(CODE + 1));
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax).toBe(1n);
  });

  it('HLT with an irqchip halts inside the kernel until a signal', () => {
    const rig = protectedMode(hex('hlt ; jmp $', 'f4 eb fe'), new KvmRig({ irqchip: true }));
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    expect(rig.vcpu.getMpState()).toBe(A.KVM_MP_STATE_HALTED);
    expect(rig.vcpu.getRegs().rip).toBe(BigInt(CODE + 1));
  });

  it('a triple fault shuts down', () => {
    const rig = protectedMode(hex('ud2', '0f 0b')).setControl({ idt: { base: 0n, limit: 0 } });
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });

  it('what is not emulated is an internal error that says what', () => {
    const rig = protectedMode(hex('mov eax, 0x100000 ; jmp eax', 'b8 00 00 10 00 ff e0'));
    expect(rig.run()).toMatchObject({ exit: 'INTERNAL_ERROR', message: expect.stringContaining('no memory') });
  });
});

describe('EINTR', () => {
  it('comes at once with immediate_exit', () => {
    const rig = protectedMode(hex('inc eax ; hlt', '40 f4'));
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    expect(rig.vcpu.run.getUint32(A.RUN_EXIT_REASON, true)).toBe(A.KVM_EXIT_INTR);
    expect(rig.vcpu.getRegs().rax).toBe(0n);
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 0);
    expect(rig.run()).toEqual(HLT);
  });

  it('comes after the instruction of the last exit is finished, and not before', () => {
    const rig = protectedMode(hex('in al, 0x60 ; mov bl, [0x100000] ; inc eax ; hlt', 'e4 60 8a 1d 00 00 10 00 40 f4'));
    rig.run();
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    expect(rig.answerIn(0x21).run()).toEqual({ exit: 'EINTR' });
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 0x21n, rip: BigInt(CODE + 2) });
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 0);
    expect(rig.run()).toMatchObject({ exit: 'MMIO' });
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    expect(rig.answerMmio(0x43).run()).toEqual({ exit: 'EINTR' });
    expect(rig.vcpu.getRegs()).toMatchObject({ rbx: 0x43n, rip: BigInt(CODE + 8), rax: 0x21n });
  });

  it('lets the other parts of a write out first', () => {
    const rig = protectedMode(hex('mov [0x100003], ax ; hlt', '66 a3 03 00 10 00 f4'));
    expect(rig.run()).toMatchObject({ gpa: MMIO + 3 });
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    expect(rig.run()).toMatchObject({ gpa: MMIO + 4 });
    expect(rig.run()).toEqual({ exit: 'EINTR' });
  });

  it('comes out of a busy guest by a signal', () => {
    const rig = protectedMode(hex('again: inc eax ; jmp again', '40 eb fd'));
    rig.thread.signal = true;
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    rig.thread.signal = false;
    expect(rig.run()).toEqual({ exit: 'EINTR' }); // the rig's patience
    expect(rig.vcpu.getRegs().rax).toBeGreaterThan(100_000n);
  });

  it('comes out of a repeated string instruction, which then goes on', () => {
    const rig = protectedMode(
      hex(
        'mov ecx, 0xffff ; again: a16 rep lodsb ; mov ecx, 0xffff ; dec ebx ; jnz again ; hlt',
        'b9 ff ff 00 00 f3 67 ac b9 ff ff 00 00 4b 75 f5 f4',
      ),
    );
    rig.set({ rbx: 400n });
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    const left = rig.vcpu.getRegs().rbx;
    expect(left).toBeGreaterThan(1n);
    rig.set({ rbx: 1n });
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 0xffffn, rbx: 0n });
  });
});

describe('what every exit tells', () => {
  it('IF, CR8, APIC base and readiness for an interrupt', () => {
    const rig = protectedMode(hex('out 0x80, al ; sti ; nop ; out 0x80, al', 'e6 80 fb 90 e6 80'));
    const { run } = rig.vcpu;
    rig.run();
    expect([run.getUint8(A.RUN_IF_FLAG), run.getUint8(A.RUN_READY_FOR_INTERRUPT_INJECTION)]).toEqual([0, 0]);
    rig.run();
    expect([run.getUint8(A.RUN_IF_FLAG), run.getUint8(A.RUN_READY_FOR_INTERRUPT_INJECTION)]).toEqual([1, 1]);
    expect(run.getBigUint64(A.RUN_APIC_BASE, true)).toBe(rig.vcpu.getSregs().apicBase);
  });

  it('CR8 both ways without an irqchip', () => {
    const rig = new KvmRig().start(
      'long',
      hex('mov eax, 9 ; mov cr8, rax ; hlt ; mov rax, cr8 ; hlt', 'b8 09 00 00 00 44 0f 22 c0 f4 44 0f 20 c0 f4'),
    );
    rig.run();
    expect(rig.vcpu.run.getBigUint64(A.RUN_CR8, true)).toBe(9n);
    rig.vcpu.run.setBigUint64(A.RUN_CR8, 4n, true);
    rig.run();
    expect(rig.vcpu.getRegs().rax).toBe(4n);
  });
});
