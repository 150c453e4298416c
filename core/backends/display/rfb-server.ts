/** Serves one surface to several viewers over RFB 3.8 ([RFC6143]), each through a byte channel of its own. */
import type { TimerHost } from '../../base/clock.ts';
import type { Deflate } from './deflate.ts';
import { type ByteChannel, type DisplayInput, RfbSession, type ViewerPassword } from './rfb-session.ts';
import type { Surface } from './surface.ts';

/** Viewers beyond this are turned away with a reason. */
export const MAX_VIEWERS = 16;
const MAX_NAME_LENGTH = 256;

export interface RfbServerPorts {
  readonly surface: Surface;
  readonly input: DisplayInput;
  readonly deflate: Deflate;
  /** Host time. */
  readonly timers: TimerHost;
  /** Shown in the viewers' titles: the VM's name. */
  readonly name: string;
  /** A viewer waits for an update: flush() soon. */
  readonly onWaiting: () => void;
  /** Why a viewer's session ended. */
  readonly log: (message: string) => void;
}

export class RfbServer {
  readonly #ports: RfbServerPorts;
  readonly #sessions = new Set<RfbSession>();

  constructor(ports: RfbServerPorts) {
    this.#ports = ports;
  }

  /** A new viewer, who must know the password where there is one. Its session ends with its channel, or by close(). */
  connect(channel: ByteChannel, password?: ViewerPassword): void {
    const { surface, input, deflate, timers, name, onWaiting, log } = this.#ports;
    const full = this.#sessions.size >= MAX_VIEWERS;
    const session = new RfbSession({
      channel,
      surface,
      input,
      deflate,
      timers,
      name: name.slice(0, MAX_NAME_LENGTH),
      onWaiting,
      onEnd: (reason) => {
        this.#sessions.delete(session);
        log(`viewer: ${reason}`);
      },
      ...(password && { password }),
      ...(full ? { refusal: `${MAX_VIEWERS} viewers are open already: close one and try again` } : {}),
    });
    if (!full) this.#sessions.add(session);
    session.start();
  }

  /** Some viewer waits for an update that is not on its way. */
  get waiting(): boolean {
    return [...this.#sessions].some((session) => session.waiting);
  }

  /** Sends each viewer that waits what it has not seen. */
  flush(): void {
    for (const session of this.#sessions) session.flush();
  }

  close(): void {
    for (const session of [...this.#sessions]) session.end('the display closed');
  }
}
