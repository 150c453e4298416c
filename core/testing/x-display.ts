/** An X server without a screen (Xvfb), to look at what a program shows there. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';

/** Of these programs, those that this host does not have. */
export function missingPrograms(...names: readonly string[]): string[] {
  return names.filter((name) => spawnSync('sh', ['-c', 'command -v -- "$0"', name]).status !== 0);
}

export class XDisplay {
  readonly #server: ChildProcess;
  readonly #programs: ChildProcess[] = [];

  private constructor(
    server: ChildProcess,
    readonly name: string,
  ) {
    this.#server = server;
  }

  static start(width: number, height: number): Promise<XDisplay> {
    // It chooses a free number itself and writes that to descriptor 3.
    const args = ['-displayfd', '3', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp'];
    const server = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.once('exit', (code) => reject(new Error(`Xvfb ended with ${code}`)));
      server.stdio[3]?.once('data', (number: Buffer) => {
        resolve(new XDisplay(server, `:${number.toString().trim()}`));
      });
    });
  }

  /** Runs a program there until the display is closed; returns what ends it earlier. */
  run(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): () => void {
    const env = { ...process.env, ...environment, DISPLAY: this.name };
    const program = spawn(command, args, { env, stdio: 'ignore' });
    this.#programs.push(program);
    return () => program.kill();
  }

  /** What shows in the window of this title, as bytes of red, green and blue; nothing where there is none. */
  picture(title: string): Buffer {
    const dump = spawnSync('xwd', ['-silent', '-name', title, '-display', this.name], { maxBuffer: 1 << 28 });
    return dump.status === 0 ? toRgb(dump.stdout, 'xwd') : Buffer.alloc(0);
  }

  close(): void {
    for (const program of this.#programs) program.kill();
    this.#server.kill();
  }
}

/** A picture in a file format that ImageMagick knows, as bytes of red, green and blue. */
export function toRgb(picture: Uint8Array, format: string): Buffer {
  return execFileSync('convert', [`${format}:-`, '-depth', '8', 'rgb:-'], { input: picture, maxBuffer: 1 << 28 });
}
