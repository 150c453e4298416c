/**
 * The two cascaded 8259A interrupt controllers of a PC with the ELCR of the chip set, as in KVM.
 * [8259A] Intel 8259A data sheet; section names are quoted. ELCR: Intel 82371SB (PIIX3) data sheet, ports 4D0h-4D1h.
 *
 * An edge is kept in IRR until it is acknowledged, also when the line falls meanwhile (KVM does so); a request that a
 * mask hides in between is answered with the spurious IR7, on the slave IRQ 15.
 * As in the data sheet and not as in KVM: poll mode takes the interrupt into service, special mask mode counts, and
 * ICW1 ends no interrupt and sets INTR by what is left at once.
 * Not emulated, as in KVM: single mode (ICW1 SNGL; ICW3 is always expected), level mode by ICW1 LTIM (ELCR decides),
 * MCS-80 vectors, the slave identity of ICW3.
 */

export interface PicPorts {
  /** INTR to the processors changed. */
  intr(level: boolean): void;
  /** The master's IR0, the PIT's tick, was taken out of service or thrown away. */
  tickAcknowledged(): void;
}

/** The fields of struct kvm_pic_state, all numbers. */
export interface PicState {
  lastIrr: number;
  irr: number;
  imr: number;
  isr: number;
  /** The line of highest priority. */
  priorityAdd: number;
  irqBase: number;
  /** 0: command port reads IRR, 1: ISR. */
  readRegSelect: number;
  poll: number;
  specialMask: number;
  /** 0: ready; 1, 2, 3: ICW2, ICW3, ICW4 comes next. */
  initState: number;
  autoEoi: number;
  rotateOnAutoEoi: number;
  specialFullyNestedMode: number;
  /** ICW4 was announced. */
  init4: number;
  elcr: number;
  elcrMask: number;
}

const CASCADE = 2;
const SPURIOUS = 7;

/** One 8259A. */
class Chip implements PicState {
  lastIrr = 0;
  irr = 0;
  imr = 0;
  isr = 0;
  priorityAdd = 0;
  irqBase = 0;
  readRegSelect = 0;
  poll = 0;
  specialMask = 0;
  initState = 0;
  autoEoi = 0;
  rotateOnAutoEoi = 0;
  specialFullyNestedMode = 0;
  init4 = 0;
  elcr = 0;
  /** Interrupts in service that were ended. */
  eois = 0;

  constructor(
    /** The lines that may be level-triggered. */
    readonly elcrMask: number,
    /** The line a slave is on, or -1. */
    readonly cascade: number,
    readonly released: (chip: Chip, line: number) => void,
  ) {}

  reset(): void {
    this.restore(POWER_ON);
  }

  /** Takes over saved state; values no chip can have are cut to those it can. */
  restore(state: Readonly<PicState>): void {
    this.lastIrr = state.lastIrr & 0xff;
    this.irr = state.irr & 0xff;
    this.imr = state.imr & 0xff;
    this.isr = state.isr & 0xff;
    this.priorityAdd = state.priorityAdd & 7;
    this.irqBase = state.irqBase & 0xf8;
    this.readRegSelect = state.readRegSelect & 1;
    this.poll = state.poll & 1;
    this.specialMask = state.specialMask & 1;
    this.initState = state.initState & 3;
    this.autoEoi = state.autoEoi & 1;
    this.rotateOnAutoEoi = state.rotateOnAutoEoi & 1;
    this.specialFullyNestedMode = state.specialFullyNestedMode & 1;
    this.init4 = state.init4 & 1;
    this.elcr = state.elcr & this.elcrMask;
  }

  setLine(line: number, level: number): void {
    const mask = 1 << line;
    if (level === 0) {
      this.lastIrr &= ~mask;
      if ((this.elcr & mask) !== 0) this.irr &= ~mask;
      return;
    }
    if ((this.elcr & mask) !== 0 || (this.lastIrr & mask) === 0) this.irr |= mask;
    this.lastIrr |= mask;
  }

  /** The line to serve now, or -1: the highest-priority request above everything in service. */
  request(): number {
    const wanted = this.#priority(this.irr & ~this.imr);
    if (wanted === 8) return -1;
    let inService = this.isr;
    if (this.specialMask !== 0) inService &= ~this.imr; // "Special Mask Mode"
    if (this.specialFullyNestedMode !== 0 && this.cascade >= 0) inService &= ~(1 << this.cascade);
    return wanted < this.#priority(inService) ? (wanted + this.priorityAdd) & 7 : -1;
  }

  /** "Interrupt Sequence": the line goes from IRR to ISR, and out again with automatic EOI. */
  acknowledge(line: number): void {
    this.isr |= 1 << line;
    if ((this.elcr & (1 << line)) === 0) this.irr &= ~(1 << line);
    if (this.autoEoi === 0) return;
    if (this.rotateOnAutoEoi !== 0) this.priorityAdd = (line + 1) & 7;
    this.#endOfInterrupt(line);
  }

  writeCommand(value: number): void {
    if ((value & 0x10) !== 0) this.#initialize(value);
    else if ((value & 0x08) !== 0) this.#operationControl3(value);
    else this.#operationControl2(value);
  }

  writeData(value: number): void {
    switch (this.initState) {
      case 1: // ICW2
        this.irqBase = value & 0xf8;
        this.initState = 2;
        break;
      case 2: // ICW3
        this.initState = this.init4 !== 0 ? 3 : 0;
        break;
      case 3: // ICW4
        this.specialFullyNestedMode = (value >> 4) & 1;
        this.autoEoi = (value >> 1) & 1;
        this.initState = 0;
        break;
      default: // OCW1
        this.imr = value;
    }
  }

  /** "Poll Command": this read stands for INTA. Bit 7: there was a request; bits 2:0: its line. */
  readPoll(): number {
    this.poll = 0;
    const line = this.request();
    if (line < 0) return SPURIOUS;
    this.acknowledge(line);
    return 0x80 | line;
  }

  /** ICW1. "Initialization Command Words" lists what it clears; what is in service stays there. */
  #initialize(value: number): void {
    const interrupted = (this.irr & ~this.elcr) | this.isr;
    this.lastIrr = 0;
    this.irr &= this.elcr;
    this.imr = 0;
    this.priorityAdd = 0;
    this.specialMask = 0;
    this.readRegSelect = 0;
    this.poll = 0;
    this.init4 = value & 1;
    if (this.init4 === 0) {
      this.specialFullyNestedMode = 0;
      this.autoEoi = 0;
    }
    this.initState = 1;
    if ((interrupted & 1) !== 0) this.released(this, 0);
  }

  #operationControl3(value: number): void {
    if ((value & 0x04) !== 0) this.poll = 1;
    if ((value & 0x02) !== 0) this.readRegSelect = value & 1;
    if ((value & 0x40) !== 0) this.specialMask = (value >> 5) & 1;
  }

  #operationControl2(value: number): void {
    const command = value >> 5; // R, SL, EOI
    const level = value & 7;
    switch (command) {
      case 0: // rotate in automatic EOI mode: clear
      case 4: // and set
        this.rotateOnAutoEoi = command >> 2;
        break;
      case 1: // non-specific EOI
      case 5: {
        // and rotate
        // "an IS bit that is masked by an IMR bit will not be cleared by a non-specific EOI" in special mask mode
        const priority = this.#priority(this.specialMask !== 0 ? this.isr & ~this.imr : this.isr);
        if (priority === 8) break;
        const line = (priority + this.priorityAdd) & 7;
        if (command === 5) this.priorityAdd = (line + 1) & 7;
        this.#endOfInterrupt(line);
        break;
      }
      case 3: // specific EOI
        this.#endOfInterrupt(level);
        break;
      case 6: // set priority: `level` is the lowest
        this.priorityAdd = (level + 1) & 7;
        break;
      case 7: // rotate on specific EOI
        this.priorityAdd = (level + 1) & 7;
        this.#endOfInterrupt(level);
        break;
    }
  }

  #endOfInterrupt(line: number): void {
    this.eois++;
    this.isr &= ~(1 << line);
    this.released(this, line);
  }

  /** Distance of the first set line from the highest-priority one, 8 when none is set. */
  #priority(lines: number): number {
    if (lines === 0) return 8;
    let priority = 0;
    while ((lines & (1 << ((priority + this.priorityAdd) & 7))) === 0) priority++;
    return priority;
  }
}

const POWER_ON: Readonly<PicState> = {
  lastIrr: 0,
  irr: 0,
  imr: 0,
  isr: 0,
  priorityAdd: 0,
  irqBase: 0,
  readRegSelect: 0,
  poll: 0,
  specialMask: 0,
  initState: 0,
  autoEoi: 0,
  rotateOnAutoEoi: 0,
  specialFullyNestedMode: 0,
  init4: 0,
  elcr: 0,
  elcrMask: 0,
};

export class Pic {
  /** INTR. */
  output = false;
  readonly #ports: PicPorts;
  readonly #master: Chip;
  readonly #slave: Chip;

  constructor(ports: PicPorts) {
    this.#ports = ports;
    const released = (chip: Chip, line: number) => {
      if (line === 0 && chip === this.#master) ports.tickAcknowledged();
    };
    this.#master = new Chip(0xf8, CASCADE, released);
    this.#slave = new Chip(0xde, -1, released);
  }

  reset(): void {
    this.#master.reset();
    this.#slave.reset();
    this.#update();
  }

  /** @param irq 0 to 15 @hot */
  setIrq(irq: number, level: number): void {
    (irq < 8 ? this.#master : this.#slave).setLine(irq & 7, level);
    this.#update();
  }

  /** INTA: the vector, IR7's of the master or of the slave when the request is gone. @hot */
  acknowledge(): number {
    const line = this.#master.request();
    let vector = this.#master.irqBase + (line < 0 ? SPURIOUS : line);
    if (line >= 0) {
      this.#master.acknowledge(line);
      if (line === CASCADE) {
        const slaveLine = this.#slave.request();
        if (slaveLine >= 0) this.#slave.acknowledge(slaveLine);
        vector = this.#slave.irqBase + (slaveLine < 0 ? SPURIOUS : slaveLine);
      }
    }
    this.#drive(false); // INTR falls with INTA, so that a request still there makes an edge
    this.#update();
    return vector;
  }

  /** A byte from 0x20, 0x21, 0xa0, 0xa1, 0x4d0 or 0x4d1. */
  read(port: number): number {
    const chip = this.#chipAt(port);
    if (port >= 0x4d0) return chip.elcr;
    if (chip.poll !== 0) {
      const value = chip.readPoll();
      this.#update();
      return value;
    }
    if ((port & 1) !== 0) return chip.imr;
    return chip.readRegSelect !== 0 ? chip.isr : chip.irr;
  }

  /** A byte to one of the same ports. */
  write(port: number, value: number): void {
    const chip = this.#chipAt(port);
    if (port >= 0x4d0) {
      chip.elcr = value & chip.elcrMask;
      return;
    }
    const command = (port & 1) === 0;
    const initializing = command ? (value & 0x10) !== 0 : chip.initState !== 0;
    if (command) chip.writeCommand(value);
    else chip.writeData(value);
    // After ICW1 "an IR input must make a low-to-high transition": what the slave still wants is no new request.
    if (initializing) this.#drive(this.#master.request() >= 0);
    else this.#update();
  }

  get eois(): number {
    return this.#master.eois + this.#slave.eois;
  }

  /** IR0, the tick, is masked. */
  get tickMasked(): boolean {
    return (this.#master.imr & 1) !== 0;
  }

  state(slave: boolean): Readonly<PicState> {
    return slave ? this.#slave : this.#master;
  }

  restore(slave: boolean, state: Readonly<PicState>): void {
    (slave ? this.#slave : this.#master).restore(state);
    this.#update();
  }

  #chipAt(port: number): Chip {
    const slave = port >= 0x4d0 ? port === 0x4d1 : port >= 0xa0;
    return slave ? this.#slave : this.#master;
  }

  /** The slave's request is a pulse on the master's IR2, once more on every look, as in KVM. */
  #update(): void {
    if (this.#slave.request() >= 0) {
      this.#master.setLine(CASCADE, 1);
      this.#master.setLine(CASCADE, 0);
    }
    this.#drive(this.#master.request() >= 0);
  }

  #drive(level: boolean): void {
    if (level === this.output) return;
    this.output = level;
    this.#ports.intr(level);
  }
}
