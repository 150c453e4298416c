/** A display on a TCP port without a machine: a VGA that a test draws on, served to real viewers in real time. */
import type { AddressInfo } from 'node:net';
import { DisplayServer } from '../backends/display/display-server.ts';
import type { DisplayInput, ViewerPassword } from '../backends/display/rfb-session.ts';
import { HostTimers } from '../worker/host-timers.ts';
import { nodeDeflate } from '../worker/node-deflate.ts';
import { listenForViewers } from '../worker/vnc-listener.ts';
import { VgaRig } from './vga-rig.ts';

export class ServedDisplay {
  readonly rig = new VgaRig();
  readonly log: string[] = [];
  readonly display: DisplayServer;
  #width = 720;
  #height = 400;

  private constructor(input: Partial<DisplayInput>) {
    this.rig.hideCursor();
    this.display = new DisplayServer({
      vram: this.rig.vram,
      scanout: this.rig.scanout,
      timers: new HostTimers(),
      deflate: nodeDeflate,
      input: { key: () => {}, pointer: () => {}, ...input },
      name: 'served',
      log: (message) => this.log.push(message),
      collectWrites: () => {},
    });
  }

  static async start(options: { readonly input?: Partial<DisplayInput>; readonly password?: ViewerPassword } = {}) {
    const served = new ServedDisplay(options.input ?? {});
    const server = await listenForViewers({ address: '127.0.0.1', port: 0 }, (channel) =>
      served.display.connect(channel, options.password),
    );
    const close = (): void => {
      server.close();
      served.display.close();
    };
    return Object.assign(served, { port: (server.address() as AddressInfo).port, close });
  }

  /** Direct colour of 32 bits. */
  setMode(width: number, height: number): void {
    this.rig.setVbeMode(width, height, 32);
    this.#width = width;
    this.#height = height;
  }

  /** The whole screen anew, as a guest that redraws it. */
  draw(pixel: (x: number, y: number) => number): void {
    this.drawAll(
      Uint32Array.from({ length: this.#width * this.#height }, (_, i) =>
        pixel(i % this.#width, Math.floor(i / this.#width)),
      ),
    );
  }

  drawAll(pixels: Uint32Array): void {
    this.rig.pokeLinear(0, new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
  }
}
