/**
 * Left Ctrl and left Alt pressed together, nothing else, then let go: gives the keyboard back, as in virt-manager.
 * Decided when both are up: Ctrl+Alt+Delete and the like still reach the guest, and no key stays down in it.
 */
const CHORD = ['ControlLeft', 'AltLeft'];

export class ReleaseChord {
  readonly #down = new Set<string>();
  #armed = false;

  keyDown(code: string): void {
    this.#down.add(code);
    this.#armed = this.#down.size === CHORD.length && CHORD.every((key) => this.#down.has(key));
  }

  /** True when this key going up completes the chord. */
  keyUp(code: string): boolean {
    this.#down.delete(code);
    const complete = this.#armed && this.#down.size === 0;
    if (complete) this.#armed = false;
    return complete;
  }

  /** The keyboard went elsewhere: keys may go up unseen. */
  reset(): void {
    this.#down.clear();
    this.#armed = false;
  }
}
