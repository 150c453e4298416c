/** xterm.js set up as a serial terminal. Loaded when the Serial tab is first opened. */
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { ReleaseChord } from './release-chord.ts';

const SCROLLBACK_LINES = 10_000;

/** The stage is dark in both themes: programs on a serial line assume a dark terminal. */
const THEME = {
  background: '#0b0e0c',
  foreground: '#e8edea',
  cursor: '#7cd9af',
  cursorAccent: '#0b0e0c',
  selectionBackground: '#2f6b50',
};

export class SerialTerminal {
  /** What the person types, as bytes for the port. */
  onInput: (bytes: Uint8Array<ArrayBuffer>) => void = () => {};
  /** Left Ctrl and left Alt: the person wants the keyboard back. */
  onLeave: () => void = () => {};
  readonly #chord = new ReleaseChord();
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #watchSize: ResizeObserver;

  constructor(host: HTMLElement, label: string) {
    const style = getComputedStyle(host);
    this.#terminal = new Terminal({
      scrollback: SCROLLBACK_LINES,
      screenReaderMode: true,
      fontFamily: style.fontFamily,
      fontSize: 13,
      theme: THEME,
      cursorBlink: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.open(host);
    this.#terminal.textarea?.setAttribute('aria-label', label);
    this.#terminal.attachCustomKeyEventHandler((event) => this.#ownKey(event));
    this.#terminal.textarea?.addEventListener('blur', () => this.#chord.reset());
    const encoder = new TextEncoder();
    this.#terminal.onData((text) => this.onInput(encoder.encode(text)));
    // Mouse reports are bytes, not text.
    this.#terminal.onBinary((text) => this.onInput(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    this.#watchSize = new ResizeObserver(() => {
      if (host.clientWidth > 0) this.#fit.fit();
    });
    this.#watchSize.observe(host);
  }

  write(bytes: Uint8Array): void {
    this.#terminal.write(bytes);
  }

  /** For a new connection: the host sends what it kept of the port's output again. */
  clear(): void {
    this.#terminal.reset();
  }

  focus(): void {
    this.#terminal.focus();
  }

  dispose(): void {
    this.#watchSize.disconnect();
    this.#terminal.dispose();
  }

  /** The release chord, and Ctrl+Shift+C, which copies as in other terminals. False keeps the key from the guest. */
  #ownKey(event: KeyboardEvent): boolean {
    if (event.type === 'keydown') this.#chord.keyDown(event.code);
    if (event.type === 'keyup' && this.#chord.keyUp(event.code)) this.onLeave();
    if (!(event.ctrlKey && event.shiftKey && event.code === 'KeyC')) return true;
    if (event.type === 'keydown' && this.#terminal.hasSelection()) {
      event.preventDefault();
      void navigator.clipboard.writeText(this.#terminal.getSelection());
    }
    return false;
  }
}
