import { beforeEach, describe, expect, it } from 'vitest';
import { IrqLines, PirqRouter } from './irq-lines.ts';

let heard: string[];
let lines: IrqLines;
const take = (): string[] => heard.splice(0);

beforeEach(() => {
  heard = [];
  lines = new IrqLines({ irqLine: ({ irq, level }) => heard.push(`${irq}${level ? '+' : '-'}`) });
});

describe('IrqLines', () => {
  it('keep a shared line up while any of its devices asserts it', () => {
    const [a, b] = [lines.input(9), lines.input(9)];
    a.set(true);
    b.set(true);
    a.set(false);
    a.set(false);
    expect(take()).toEqual(['9+']);
    b.set(false);
    expect(take()).toEqual(['9-']);
  });
});

describe('PirqRouter', () => {
  it('leads a PIRQ to its IOAPIC pin and to the ISA interrupt that is chosen', () => {
    const router = new PirqRouter(lines, [16, 17]);
    const disk = router.input(() => 1);
    disk.set(true);
    expect(take()).toEqual(['17+']);
    router.route(1, 11);
    expect(take()).toEqual(['11+']);
    router.route(1, 5);
    expect(take()).toEqual(['11-', '5+']);
    router.route(1, undefined);
    disk.set(false);
    expect(take()).toEqual(['5-', '17-']);
  });

  it('takes a pin that is asserted along when it is wired elsewhere', () => {
    let pirq = 0;
    const router = new PirqRouter(lines, [16, 17]);
    const pin = router.input(() => pirq);
    pin.set(true);
    pirq = 1;
    router.rewire();
    router.rewire();
    expect(take()).toEqual(['16+', '16-', '17+', '17-', '17+']);
    pin.set(false);
    expect(take()).toEqual(['17-']);
  });

  it('shares an ISA interrupt between PIRQs and with ISA devices', () => {
    const router = new PirqRouter(lines, [16, 17]);
    const isa = lines.input(9);
    router.route(0, 9);
    router.route(1, 9);
    const [a, b] = [router.input(() => 0), router.input(() => 1)];
    a.set(true);
    isa.set(true);
    b.set(true);
    a.set(false);
    isa.set(false);
    expect(take().filter((event) => event.startsWith('9'))).toEqual(['9+']);
    b.set(false);
    expect(take()).toEqual(['17-', '9-']);
  });
});
