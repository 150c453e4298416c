import { describe, expect, it } from 'vitest';
import { Pic } from './pic.ts';
import { Rig } from './rig.ts';

const MASTER = 0x20;
const SLAVE = 0xa0;
const ALL = 0xffff;

function rigWithPics(unmasked = ALL, icw4 = 0x01): Rig {
  const rig = new Rig();
  rig.initPics(unmasked, icw4);
  return rig;
}

function readIrr(rig: Rig, port = MASTER): number {
  rig.out(port, 0x0a);
  return rig.in(port);
}

function readIsr(rig: Rig, port = MASTER): number {
  rig.out(port, 0x0b);
  return rig.in(port);
}

describe('8259A initialization', () => {
  it('takes the vector base from ICW2 and ignores its low three bits', () => {
    const rig = rigWithPics();
    rig.out(MASTER, 0x11);
    rig.out(MASTER + 1, 0x27, 0x04, 0x01);
    rig.chip.setIrq(3, 1);
    expect(rig.take()).toBe(0x23);
  });

  it('ICW1 clears mask, edges, special mask and the priority rotation, reads IRR again, and keeps what is in service', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(3, 1);
    rig.take();
    rig.chip.setIrq(5, 1);
    rig.out(MASTER, 0xc2, 0x68, 0x0b); // lowest priority 2, special mask, read ISR
    rig.out(MASTER + 1, 0xaa);
    rig.out(MASTER, 0x11);
    expect(rig.in(MASTER)).toBe(0); // IRR, empty
    rig.out(MASTER + 1, 0x08, 0x04, 0x01);
    expect(rig.in(MASTER + 1)).toBe(0);
    expect(readIsr(rig)).toBe(0x08);
    rig.chip.setIrq(1, 1);
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBe(0x09);
  });

  it('expects no ICW4 when ICW1 announces none, and leaves automatic EOI then', () => {
    const rig = rigWithPics(ALL, 0x03);
    rig.out(MASTER, 0x10);
    rig.out(MASTER + 1, 0x08, 0x04, 0x55);
    expect(rig.in(MASTER + 1)).toBe(0x55);
    rig.chip.setIrq(1, 1);
    rig.take();
    expect(readIsr(rig)).toBe(0x02);
  });
});

describe('8259A priorities', () => {
  it('serves the lowest line first and holds back lower ones until the non-specific EOI', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(4, 1);
    rig.chip.setIrq(1, 1);
    expect(rig.take()).toBe(0x09);
    expect(rig.take()).toBeUndefined();
    rig.out(MASTER, 0x20);
    expect(rig.take()).toBe(0x0c);
    expect(readIsr(rig)).toBe(0x10);
    rig.out(MASTER, 0x20);
    expect(readIsr(rig)).toBe(0);
  });

  it('lets a higher line interrupt one in service', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(4, 1);
    rig.take();
    rig.chip.setIrq(1, 1);
    expect(rig.take()).toBe(0x09);
    expect(readIsr(rig)).toBe(0x12);
  });

  it('a specific EOI ends just the line it names', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(4, 1);
    rig.take();
    rig.chip.setIrq(1, 1);
    rig.take();
    rig.out(MASTER, 0x64);
    expect(readIsr(rig)).toBe(0x02);
  });

  it('masks by OCW1, and reads the mask back', () => {
    const rig = rigWithPics();
    rig.out(MASTER + 1, 0x10);
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBeUndefined();
    expect(readIrr(rig)).toBe(0x10);
    expect(rig.in(MASTER + 1)).toBe(0x10);
    rig.out(MASTER + 1, 0);
    expect(rig.take()).toBe(0x0c);
  });

  it('rotates on non-specific EOI: the line served gets the lowest priority', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(1, 1);
    rig.take();
    rig.out(MASTER, 0xa0);
    rig.pulse(1);
    rig.chip.setIrq(5, 1);
    expect(rig.take()).toBe(0x0d);
  });

  it('rotates on specific EOI, and sets priority without EOI', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(4, 1);
    rig.take();
    rig.out(MASTER, 0xe4);
    expect(readIsr(rig)).toBe(0);
    rig.chip.setIrq(1, 1);
    rig.chip.setIrq(5, 1);
    expect(rig.take()).toBe(0x0d);
    rig.out(MASTER, 0x65);
    rig.out(MASTER, 0xc0); // lowest priority 0
    rig.chip.setIrq(0, 1);
    expect(rig.take()).toBe(0x09);
  });

  it('special mask mode lets lower lines through while the line in service is masked', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(1, 1);
    rig.take();
    rig.chip.setIrq(4, 1);
    rig.out(MASTER + 1, 0x02);
    expect(rig.take()).toBeUndefined();
    rig.out(MASTER, 0x68);
    expect(rig.take()).toBe(0x0c);
    rig.out(MASTER, 0x20); // skips the masked line 1
    expect(readIsr(rig)).toBe(0x02);
    rig.out(MASTER, 0x48);
    rig.out(MASTER, 0x20);
    expect(readIsr(rig)).toBe(0);
  });

  it('automatic EOI leaves nothing in service, with rotation when asked for', () => {
    const rig = rigWithPics(ALL, 0x03);
    rig.out(MASTER, 0x80);
    rig.pulse(1);
    rig.pulse(3);
    expect(rig.take()).toBe(0x09);
    expect(readIsr(rig)).toBe(0);
    rig.pulse(1);
    expect(rig.take()).toBe(0x0b);
    rig.out(MASTER, 0x00);
    expect(rig.take()).toBe(0x09);
    rig.pulse(1);
    rig.pulse(4);
    expect(rig.take()).toBe(0x0c); // the rotation so far stays: 4 is the highest
  });
});

describe('8259A triggering', () => {
  it('an edge interrupts once for each rise', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(4, 1);
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBe(0x0c);
    rig.out(MASTER, 0x20);
    expect(rig.take()).toBeUndefined();
    rig.chip.setIrq(4, 0);
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBe(0x0c);
  });

  it('a level line by ELCR interrupts again after EOI until it falls', () => {
    const rig = rigWithPics();
    rig.out(0x4d1, 0x08);
    rig.chip.setIrq(11, 1);
    expect(rig.take()).toBe(0x73);
    rig.out(SLAVE, 0x20);
    rig.out(MASTER, 0x20);
    expect(rig.take()).toBe(0x73);
    rig.chip.setIrq(11, 0);
    rig.out(SLAVE, 0x20);
    rig.out(MASTER, 0x20);
    expect(rig.take()).toBeUndefined();
    expect(readIrr(rig, SLAVE)).toBe(0);
  });

  it('ELCR keeps the timer, keyboard, cascade, clock and FPU lines edge-triggered', () => {
    const rig = rigWithPics();
    rig.out(0x4d0, 0xff);
    rig.out(0x4d1, 0xff);
    expect(rig.in(0x4d0)).toBe(0xf8);
    expect(rig.in(0x4d1)).toBe(0xde);
  });
});

describe('8259A cascade', () => {
  it('serves a slave line through the master IR2, and needs an EOI at both', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(12, 1);
    expect(rig.take()).toBe(0x74);
    expect(readIsr(rig)).toBe(0x04);
    expect(readIsr(rig, SLAVE)).toBe(0x10);
    rig.chip.setIrq(14, 1);
    rig.out(SLAVE, 0x20);
    expect(rig.take()).toBeUndefined();
    rig.out(MASTER, 0x20);
    expect(rig.take()).toBe(0x76);
  });

  it('special fully nested mode lets a higher slave line interrupt a lower one', () => {
    const plain = rigWithPics();
    const nested = rigWithPics(ALL, 0x11);
    for (const rig of [plain, nested]) {
      rig.chip.setIrq(12, 1);
      rig.take();
      rig.chip.setIrq(8, 1);
    }
    expect(plain.take()).toBeUndefined();
    expect(nested.take()).toBe(0x70);
  });

  it('GSI 2 is not wired to the cascade input', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(2, 1);
    expect(readIrr(rig)).toBe(0);
  });
});

describe('8259A odd cases', () => {
  it('answers IR7 without a bit in service when a level request is gone', () => {
    const levels: boolean[] = [];
    const pic = new Pic({ intr: (level) => levels.push(level), tickAcknowledged: () => {} });
    pic.write(MASTER, 0x11);
    for (const value of [0x08, 0x04, 0x01]) pic.write(MASTER + 1, value);
    pic.write(0x4d0, 0x20);
    pic.setIrq(5, 1);
    pic.setIrq(5, 0);
    expect(levels).toEqual([true, false]);
    expect(pic.acknowledge()).toBe(0x0f);
    expect(pic.state(false).isr).toBe(0);
  });

  it('answers IRQ 15 without a bit in the slave when the slave request is gone, with the master in service', () => {
    const rig = rigWithPics();
    rig.chip.setIrq(12, 1);
    rig.out(SLAVE + 1, 0x10);
    expect(rig.take()).toBe(0x77);
    expect(readIsr(rig)).toBe(0x04);
    expect(readIsr(rig, SLAVE)).toBe(0);
  });

  it('poll mode reads the line with bit 7 and takes it into service', () => {
    const rig = rigWithPics();
    rig.out(MASTER, 0x0c);
    expect(rig.in(MASTER)).toBe(0x07);
    rig.chip.setIrq(4, 1);
    rig.out(MASTER, 0x0c);
    expect(rig.in(MASTER)).toBe(0x84);
    expect(rig.take()).toBeUndefined();
    expect(readIsr(rig)).toBe(0x10);
    expect(readIrr(rig)).toBe(0);
  });

  it('drops accesses that are not a byte, and reads 0 for them', () => {
    const rig = rigWithPics();
    rig.out(MASTER + 1, 0x5a);
    rig.chip.pioWrite(MASTER + 1, 2, 0xffff);
    expect(rig.chip.pioRead(MASTER + 1, 2)).toBe(0);
    expect(rig.in(MASTER + 1)).toBe(0x5a);
  });
});
