/**
 * Interrupt lines of the board: what drives a GSI of the interrupt controllers together, and the routers of the south
 * bridges, which lead the PCI bus's PIRQ lines to ISA interrupts.
 *
 * [PIIX] Intel 82371SB data sheet (April 1996), 2.3.4 (PIRQRC). [ICH9] Intel I/O Controller Hub 9 data sheet (316972),
 * 5.9, 13.1.11 (PIRQ_ROUT).
 */
import type { IrqLine } from '../devices/device.ts';
import type { KvmVm } from '../kvm/api.ts';

/** A line that is up while any of its inputs is. */
class WiredOr {
  #asserted = 0;

  constructor(readonly output: IrqLine) {}

  input(): IrqLine {
    let driven = false;
    return {
      set: (level) => {
        if (level === driven) return;
        driven = level;
        this.#asserted += level ? 1 : -1;
        this.output.set(this.#asserted > 0);
      },
    };
  }
}

/** The GSIs of a VM. Devices drive their lines as often as they like; KVM hears of changes. */
export class IrqLines {
  readonly #lines = new Map<number, WiredOr>();

  constructor(readonly vm: Pick<KvmVm, 'irqLine'>) {}

  /** One more input of this GSI. */
  input(gsi: number): IrqLine {
    let line = this.#lines.get(gsi);
    if (!line) {
      line = new WiredOr(this.#output(gsi));
      this.#lines.set(gsi, line);
    }
    return line.input();
  }

  #output(irq: number): IrqLine {
    let driven = false;
    return {
      set: (level) => {
        if (level === driven) return;
        driven = level;
        this.vm.irqLine({ irq, level: level ? 1 : 0 });
      },
    };
  }
}

/** One PIRQ line: to its IOAPIC pin always, and to the ISA interrupt that the guest chose. */
class Pirq {
  readonly inputs: WiredOr;
  readonly #isa = new Map<number, IrqLine>();
  #level = false;
  #routedTo: number | undefined;

  constructor(
    readonly lines: IrqLines,
    gsi: number,
  ) {
    const pin = lines.input(gsi);
    this.inputs = new WiredOr({
      set: (level) => {
        this.#level = level;
        pin.set(level);
        this.#drive(this.#routedTo, level);
      },
    });
  }

  route(irq: number | undefined): void {
    if (irq === this.#routedTo) return;
    this.#drive(this.#routedTo, false);
    this.#routedTo = irq;
    this.#drive(irq, this.#level);
  }

  #drive(irq: number | undefined, level: boolean): void {
    if (irq === undefined) return;
    let line = this.#isa.get(irq);
    if (!line) {
      line = this.lines.input(irq);
      this.#isa.set(irq, line);
    }
    line.set(level);
  }
}

export class PirqRouter {
  readonly #pirqs: readonly Pirq[];
  readonly #rewires: (() => void)[] = [];

  /** gsis: the IOAPIC pin of each PIRQ line. */
  constructor(lines: IrqLines, gsis: readonly number[]) {
    this.#pirqs = gsis.map((gsi) => new Pirq(lines, gsi));
  }

  /** One more pin. pirqOf: the PIRQ line it leads to, asked for again by `rewire`. */
  input(pirqOf: () => number): IrqLine {
    const inputs = this.#pirqs.map((pirq) => pirq.inputs.input());
    let current = inputs[pirqOf()];
    let level = false;
    this.#rewires.push(() => {
      current?.set(false);
      current = inputs[pirqOf()];
      current?.set(level);
    });
    return {
      set: (newLevel) => {
        level = newLevel;
        current?.set(newLevel);
      },
    };
  }

  /** Pins lead elsewhere now. */
  rewire(): void {
    for (const rewire of this.#rewires) rewire();
  }

  /** Leads a PIRQ line to an ISA interrupt, or (undefined) to none. */
  route(pirq: number, irq: number | undefined): void {
    this.#pirqs[pirq]?.route(irq);
  }
}
