/** This process's terminal as a guest's serial line. */

const CTRL_A = 0x01;
const LOWER_X = 0x78;

/** Finds the quit command among what is typed: Ctrl-A x. Ctrl-A Ctrl-A stands for one Ctrl-A. */
export class EscapeFilter {
  #escaped = false;

  /** What is meant for the guest, and whether to quit (then nothing more is). */
  filter(typed: Uint8Array): { readonly bytes: Uint8Array; readonly quit: boolean } {
    const bytes: number[] = [];
    for (const byte of typed) {
      if (!this.#escaped && byte === CTRL_A) {
        this.#escaped = true;
        continue;
      }
      if (this.#escaped && byte === LOWER_X) return { bytes: Uint8Array.from(bytes), quit: true };
      if (this.#escaped && byte !== CTRL_A) bytes.push(CTRL_A); // not a command of ours
      this.#escaped = false;
      bytes.push(byte);
    }
    return { bytes: Uint8Array.from(bytes), quit: false };
  }
}

export interface SerialTerminal {
  write(bytes: Uint8Array): void;
  /** Gives the terminal back as it was. */
  close(): void;
}

export interface SerialTerminalPorts {
  readonly typed: (bytes: Uint8Array) => void;
  readonly quit: () => void;
}

/** Raw mode on a terminal; a pipe passes as it is, and its end means nothing to the guest. */
export function openTerminal({ typed, quit }: SerialTerminalPorts): SerialTerminal {
  const { stdin, stdout } = process;
  const escapes = stdin.isTTY ? new EscapeFilter() : undefined;
  if (escapes) stdin.setRawMode(true);
  stdin.on('data', (chunk: Buffer) => {
    const { bytes, quit: asked } = escapes?.filter(chunk) ?? { bytes: Uint8Array.from(chunk), quit: false };
    if (bytes.length > 0) typed(bytes);
    if (asked) quit();
  });
  stdin.on('error', () => {}); // a closed or unreadable standard input is one without input
  stdout.on('error', quit); // whoever read it has left
  return {
    write: (bytes) => void stdout.write(bytes),
    close: () => {
      if (escapes) stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
