/**
 * Which part of the legacy window guests may reach without exits: text memory, and linear 256-colour memory.
 *
 * Text memory in its window is a copy of planes 0 and 1, codes and attributes in turns as the CPU sees them. When the
 * registers open the window, it is filled from the planes; when they close it (to load a font, to change the mode),
 * what was written goes back to them. Reads through a window do not load the latches.
 */
import { PLANES, type Scanout, TEXT_MEMORY_BYTES } from '../../backends/display/port.ts';
import * as R from './vga.regs.ts';
import { bankStart, memoryMap } from './vga-memory.ts';
import type { VgaState } from './vga-state.ts';

/** The machine's end: a stretch of the legacy window that it maps as a memory slot. */
export interface VgaWindow {
  /** From here on [gpa, gpa + length) is video memory at offset; it is what map said last, or nothing after unmap. */
  map(gpa: number, offset: number, length: number): void;
  unmap(): void;
}

interface Stretch {
  readonly gpa: number;
  /** In video memory. */
  readonly offset: number;
  readonly length: number;
}

export interface DirectWindowPorts {
  /** Video memory without text memory. */
  readonly vram: Uint8Array;
  /** Text memory, which lies behind it. */
  readonly text: Uint8Array;
  readonly window: VgaWindow;
  readonly scanout: Scanout;
  readonly written: (offset: number, length: number) => void;
}

export class DirectWindow {
  readonly #ports: DirectWindowPorts;
  /** Text memory as it was filled: tells what the guest changed since. */
  readonly #filled = new Uint8Array(TEXT_MEMORY_BYTES);
  #mapped: Stretch | undefined;

  constructor(ports: DirectWindowPorts) {
    this.#ports = ports;
  }

  /** Text memory while the guest writes there. */
  get text(): Uint8Array | undefined {
    return this.#mapped && this.#isText(this.#mapped) ? this.#ports.text : undefined;
  }

  /** Follows the registers. */
  update(s: VgaState): void {
    const next = this.#stretch(s);
    const last = this.#mapped;
    if (next?.gpa === last?.gpa && next?.offset === last?.offset && next?.length === last?.length) return;
    this.close();
    if (next && this.#isText(next)) this.#fill();
    this.#open(next);
  }

  /** Puts back to the planes what the guest wrote to text memory, and maps nothing. */
  close(): void {
    if (this.text) this.#putBack();
    this.#open(undefined);
  }

  /** Follows registers that came with video memory as it was then: text memory has its content already. */
  restore(s: VgaState): void {
    gather(this.#ports.vram, this.#filled);
    this.#open(this.#stretch(s));
  }

  #open(stretch: Stretch | undefined): void {
    const last = this.#mapped;
    this.#mapped = stretch;
    // The log of what was written there ends with the mapping.
    if (last && !this.#isText(last)) this.#ports.scanout.dirty.mark(last.offset, last.length);
    if (stretch) this.#ports.window.map(stretch.gpa, stretch.offset, stretch.length);
    else if (last) this.#ports.window.unmap();
  }

  #isText({ offset }: Stretch): boolean {
    return offset === this.#ports.vram.length;
  }

  #stretch(s: VgaState): Stretch | undefined {
    if (!(s.misc & R.MISC_RAM) || !passesPlainly(s)) return undefined;
    const { start, length } = memoryMap(s);
    const gpa = R.WINDOW_GPA + start;
    const { vram } = this.#ports;
    if (isTextAddressing(s)) {
      return length === TEXT_MEMORY_BYTES ? { gpa, offset: vram.length, length } : undefined;
    }
    if (!isChain4(s)) return undefined;
    const offset = bankStart(s);
    return offset + length <= vram.length ? { gpa, offset, length } : undefined;
  }

  #fill(): void {
    gather(this.#ports.vram, this.#filled);
    this.#ports.text.set(this.#filled);
    this.#ports.written(this.#ports.vram.length, TEXT_MEMORY_BYTES);
  }

  #putBack(): void {
    const { vram, text, scanout, written } = this.#ports;
    const filled = this.#filled;
    let changed = false;
    for (let i = 0; i < TEXT_MEMORY_BYTES; i++) {
      if (text[i] === filled[i]) continue;
      vram[(i >> 1) * PLANES + (i & 1)] = text[i] ?? 0;
      changed = true;
    }
    if (!changed) return;
    scanout.dirty.mark(0, (TEXT_MEMORY_BYTES / 2) * PLANES);
    written(0, (TEXT_MEMORY_BYTES / 2) * PLANES);
  }
}

function gather(vram: Uint8Array, text: Uint8Array): void {
  for (let i = 0; i < TEXT_MEMORY_BYTES; i++) text[i] = vram[(i >> 1) * PLANES + (i & 1)] ?? 0;
}

/** Writes store what the CPU writes, reads give what is stored. */
function passesPlainly(s: VgaState): boolean {
  const gr = (index: number) => s.gr[index] ?? 0;
  const modes = gr(R.GR05) & (R.GR05_WRITE_MODE | R.GR05_RM);
  return modes === 0 && gr(R.GR01) === 0 && gr(R.GR03) === 0 && gr(R.GR08) === 0xff;
}

/** Even addresses are plane 0, odd ones plane 1, and the screen shows them as text. */
function isTextAddressing(s: VgaState): boolean {
  const [sr2 = 0, gr4 = 0, gr5 = 0, gr6 = 0] = [s.sr[R.SR02], s.gr[R.GR04], s.gr[R.GR05], s.gr[R.GR06]];
  const oddEven = ((s.sr[R.SR04] ?? 0) & (R.SR04_OE | R.SR04_CH4)) === 0 && (gr5 & R.GR05_OE) !== 0;
  const chained = (gr6 & (R.GR06_COE | R.GR06_GM)) === R.GR06_COE;
  return oddEven && chained && sr2 === 0b0011 && (gr4 & 2) === 0;
}

function isChain4(s: VgaState): boolean {
  return ((s.sr[R.SR04] ?? 0) & R.SR04_CH4) !== 0 && s.sr[R.SR02] === 0b1111;
}
