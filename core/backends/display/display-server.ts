/**
 * A VM's display as its host sees it: the screen drawn from shared memory, served to viewers, read as text, taken
 * as a picture. Put together here from the parts of this folder; the thread it runs in brings the ports.
 */
import type { TimerHost } from '../../base/clock.ts';
import type { Deflate } from './deflate.ts';
import { DisplayPump } from './display-pump.ts';
import { RfbServer } from './rfb-server.ts';
import type { ByteChannel, DisplayInput, ViewerPassword } from './rfb-session.ts';
import type { Scanout } from './scanout.ts';
import { ScreenRenderer } from './screen-renderer.ts';
import { encodePng } from './screenshot.ts';
import { Surface } from './surface.ts';
import { readTextScreen, type TextScreenContent } from './text-screen.ts';

/** The size until the adapter shows something: that of 80x25 text. */
const FIRST_WIDTH = 720;
const FIRST_HEIGHT = 400;

export interface DisplayServerPorts {
  /** Video memory (see devices/vga), 4-byte aligned. */
  readonly vram: Uint8Array;
  readonly scanout: Scanout;
  /** Host time. */
  readonly timers: TimerHost;
  readonly deflate: Deflate;
  readonly input: DisplayInput;
  /** The VM's name. */
  readonly name: string;
  readonly log: (message: string) => void;
  /** Has the machine's thread mark in the scanout's dirty map what its guest wrote. */
  readonly collectWrites: () => void;
}

export class DisplayServer {
  readonly #ports: DisplayServerPorts;
  readonly #surface = new Surface(FIRST_WIDTH, FIRST_HEIGHT);
  readonly #renderer: ScreenRenderer;
  readonly #rfb: RfbServer;
  readonly #pump: DisplayPump;

  constructor(ports: DisplayServerPorts) {
    this.#ports = ports;
    const surface = this.#surface;
    this.#renderer = new ScreenRenderer({ vram: ports.vram, scanout: ports.scanout, surface });
    this.#pump = new DisplayPump({
      timers: ports.timers,
      draw: (nowNs) => this.#draw(nowNs),
      send: () => {
        this.#rfb.flush();
        return this.#rfb.waiting;
      },
    });
    const { deflate, input, name, log, timers } = ports;
    this.#rfb = new RfbServer({ surface, deflate, timers, input, name, log, onWaiting: () => this.#pump.wake() });
  }

  /** A new viewer, speaking RFB over this channel; it must know the password, where one is given. */
  connect(channel: ByteChannel, password?: ViewerPassword): void {
    this.#rfb.connect(channel, password);
  }

  /** What the screen shows now, as text. */
  textScreen(): TextScreenContent {
    return readTextScreen(this.#ports.vram, this.#ports.scanout);
  }

  /** What the screen shows now, as a PNG file. */
  screenshot(): Promise<Uint8Array> {
    const { vram, scanout, timers, deflate } = this.#ports;
    const surface = new Surface(FIRST_WIDTH, FIRST_HEIGHT);
    new ScreenRenderer({ vram, scanout, surface }).drawOnce(timers.nowNs());
    return encodePng(surface, deflate);
  }

  /** Ends all sessions and the pacing. */
  close(): void {
    this.#pump.stop();
    this.#rfb.close();
  }

  /** What the guest writes from here on is for the next frame, and asked for now so as to be there by then. */
  #draw(nowNs: number): void {
    const { scanout, collectWrites } = this.#ports;
    this.#renderer.update(nowNs);
    if (this.#renderer.followsWrites && scanout.dirty.request()) collectWrites();
  }
}
