/**
 * Draws whatever the display adapter scans out: follows its state, and has the text or the graphics renderer bring the
 * surface up to date.
 */
import { DirtyPages } from './dirty-map.ts';
import { GraphicsRenderer } from './graphics-renderer.ts';
import { createScanoutState, SCANOUT_GRAPHICS, SCANOUT_TEXT, type Scanout, type ScanoutState } from './scanout.ts';
import type { Surface } from './surface.ts';
import { TextRenderer } from './text-renderer.ts';

/** What moves over a text screen without altering the look of its cells. */
const TEXT_MOVES: ReadonlySet<string> = new Set([
  'startCell',
  'pitchCells',
  'textOffset',
  'cursorCell',
  'cursorTop',
  'cursorBottom',
  'blinkEnabled',
]);

interface ScreenRendererPorts {
  /** Video memory, 4-byte aligned. */
  readonly vram: Uint8Array;
  readonly scanout: Scanout;
  readonly surface: Surface;
}

export class ScreenRenderer {
  readonly #scanout: Scanout;
  readonly #surface: Surface;
  readonly #text: TextRenderer;
  readonly #graphics: GraphicsRenderer;
  readonly #dirty = new DirtyPages();
  #sequence = -1;
  #view = createScanoutState();
  #nextView = createScanoutState();

  constructor({ vram, scanout, surface }: ScreenRendererPorts) {
    this.#scanout = scanout;
    this.#surface = surface;
    this.#text = new TextRenderer(vram, surface);
    this.#graphics = new GraphicsRenderer(vram, surface);
  }

  /** What shows is found by marks in the dirty map; text is compared. */
  get followsWrites(): boolean {
    return this.#view.mode === SCANOUT_GRAPHICS;
  }

  /** Lines of graphics converted so far: what drawing costs. */
  get linesConverted(): number {
    return this.#graphics.linesConverted;
  }

  /**
   * Brings the surface up to date and tells its listeners what changed. Cheap where nothing did. A surface has one such
   * renderer, which alone takes what the adapter and the machine marked as written.
   * @param nowNs any steady time; cursor and blinking characters go by it.
   */
  update(nowNs: number): void {
    const written = this.#scanout.dirty.take(this.#dirty);
    this.#draw(nowNs, written);
  }

  /** Draws everything as it is now, and takes no marks away from a renderer that follows the screen. */
  drawOnce(nowNs: number): void {
    this.#draw(nowNs, false);
  }

  #draw(nowNs: number, written: boolean): void {
    this.#refreshView();
    const view = this.#view;
    if (view.mode === SCANOUT_TEXT) this.#text.update(view, nowNs, written);
    else if (view.mode === SCANOUT_GRAPHICS) this.#graphics.update(view, written ? this.#dirty : undefined);
  }

  #refreshView(): void {
    const sequence = this.#scanout.sequence;
    if (sequence === this.#sequence || !this.#scanout.read(this.#nextView)) return;
    const old = this.#view;
    const view = this.#nextView;
    this.#view = view;
    this.#nextView = old;
    const first = this.#sequence === -1;
    this.#sequence = sequence;
    if (first || looksDifferent(old, view)) this.#startOver(view);
  }

  #startOver(view: ScanoutState): void {
    if (view.mode === SCANOUT_TEXT) this.#text.startOver(view);
    else if (view.mode === SCANOUT_GRAPHICS) this.#graphics.startOver(view);
    else this.#clear();
  }

  #clear(): void {
    const { pixels, width, height } = this.#surface;
    pixels.fill(0);
    this.#surface.damaged({ x: 0, y: 0, width, height });
  }
}

function looksDifferent(old: ScanoutState, view: ScanoutState): boolean {
  const colours = view.bitsPerPixel === 8 ? 256 : 16;
  for (let i = 0; i < colours; i++) if (view.palette[i] !== old.palette[i]) return true;
  for (const field of Object.keys(view) as (keyof ScanoutState)[]) {
    if (field === 'palette' || (view.mode === SCANOUT_TEXT && TEXT_MOVES.has(field))) continue;
    if (view[field] !== old[field]) return true;
  }
  return false;
}
