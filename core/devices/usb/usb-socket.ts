/** Where a device is plugged in: the wire between a port of a controller or hub and one device. */
import type { UsbSpeed } from './descriptors.ts';
import type { UpstreamPort, UsbDevice } from './usb-device.ts';

const FASTEST_FIRST: readonly UsbSpeed[] = ['super', 'high', 'full', 'low'];

export class UsbSocket {
  #device: UsbDevice | undefined;

  /** changed: a device came or went. */
  constructor(
    readonly speeds: readonly UsbSpeed[],
    readonly upstream: UpstreamPort,
    readonly changed: () => void,
  ) {}

  get device(): UsbDevice | undefined {
    return this.#device;
  }

  /** The best speed that both can do. */
  commonSpeed(device: UsbDevice): UsbSpeed | undefined {
    return FASTEST_FIRST.find((speed) => this.speeds.includes(speed) && device.speeds.includes(speed));
  }

  /** Puts a device in, or (undefined) pulls it out. Throws RangeError for one that does not fit: the machine's table is wrong. */
  plug(device: UsbDevice | undefined): void {
    this.connect(device);
    device?.busReset();
    this.changed();
  }

  /** The same without anybody noticing: the wiring of a port that another controller hands over, or that is restored. */
  connect(device: UsbDevice | undefined): void {
    if (this.#device && this.#device !== device && this.#device.upstream === this.upstream) {
      this.#device.upstream = undefined;
    }
    this.#device = device;
    this.claim();
  }

  /** Of two sockets with the same device, this one is the live one. */
  claim(): void {
    const device = this.#device;
    if (!device) return;
    const speed = this.commonSpeed(device);
    if (!speed) throw new RangeError(`${device.name} fits into no port of ${this.speeds.join(' and ')} speed`);
    device.speed = speed;
    device.upstream = this.upstream;
  }
}

/** The free socket that serves the device best, or undefined. */
export function freeSocket(sockets: readonly UsbSocket[], device: UsbDevice): UsbSocket | undefined {
  const rank = (socket: UsbSocket): number => {
    const speed = socket.commonSpeed(device);
    return speed ? FASTEST_FIRST.indexOf(speed) : FASTEST_FIRST.length;
  };
  const fitting = sockets.filter((socket) => !socket.device && rank(socket) < FASTEST_FIRST.length);
  return fitting.sort((a, b) => rank(a) - rank(b))[0];
}
