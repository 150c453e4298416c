/**
 * The root hub of xHCI: four USB 2 ports (1 to 4) and four USB 3 ports (5 to 8). [XHCI] 4.15, 4.19, 5.4.8.
 *
 * A SuperSpeed link trains by itself and is enabled when a device comes; a USB 2 port is enabled by its reset.
 */
import { bits, type Fields, list } from '../state-shape.ts';
import type { UsbSpeed } from './descriptors.ts';
import type { UpstreamPort, UsbDevice } from './usb-device.ts';
import { UsbSocket } from './usb-socket.ts';
import * as R from './xhci.regs.ts';

export const USB2_PORTS = 4;
export const USB3_PORTS = 4;
export const PORTS = USB2_PORTS + USB3_PORTS;
/** Protocol speed IDs, [XHCI] 7.2.2.1.1 */
const SPEED_ID: Readonly<Record<UsbSpeed, number>> = { full: 1, low: 2, high: 3, super: 4 };

export interface PortsState {
  /** What PORTSC keeps; what follows from the device is not in it. */
  ports: number[];
}

export const PORTS_FIELDS: Fields<PortsState> = { ports: list(PORTS, bits(R.PORTSC_KEPT)) };

const EMPTY = R.PORTSC_PP | (R.PLS_RX_DETECT << R.PORTSC_PLS_SHIFT);

export class XhciPorts {
  readonly sockets: readonly UsbSocket[];
  state: PortsState = { ports: Array(PORTS).fill(EMPTY) };

  /** changed: a change bit of port 1..PORTS was set that was clear. */
  constructor(
    upstream: UpstreamPort,
    readonly changed: (port: number) => void,
  ) {
    const speeds = (index: number): UsbSpeed[] => (index < USB2_PORTS ? ['high', 'full', 'low'] : ['super']);
    this.sockets = Array.from(
      { length: PORTS },
      (_, index) => new UsbSocket(speeds(index), upstream, () => this.#plugged(index)),
    );
  }

  reset(): void {
    for (const index of this.sockets.keys()) {
      this.state.ports[index] = EMPTY;
      this.sockets[index]?.device?.busReset();
      if (this.sockets[index]?.device) this.#connect(index, false);
    }
  }

  /** The device of a root port and, by a route string, of the hubs behind it. [USB3] 8.9 */
  device(port: number, route: number): UsbDevice | undefined {
    const enabled = ((this.state.ports[port - 1] ?? 0) & R.PORTSC_PED) !== 0;
    let device = enabled ? this.sockets[port - 1]?.device : undefined;
    for (let rest = route; rest !== 0 && device; rest >>>= 4) device = device.downstream(rest & 0xf);
    return device;
  }

  read(index: number): number {
    const kept = this.state.ports[index] ?? 0;
    const device = this.sockets[index]?.device;
    if (!device) return kept >>> 0;
    return (kept | R.PORTSC_CCS | (SPEED_ID[device.speed] << R.PORTSC_SPEED_SHIFT)) >>> 0;
  }

  write(index: number, value: number): void {
    const before = this.state.ports[index] ?? 0;
    let after = before & ~(value & R.PORTSC_CHANGES) & ~R.PORTSC_WAKE;
    after |= value & R.PORTSC_WAKE;
    if (value & R.PORTSC_PED) after = withLink(after & ~R.PORTSC_PED, R.PLS_RX_DETECT); // written one disables
    this.state.ports[index] = after;
    if (value & (R.PORTSC_PR | R.PORTSC_WPR)) {
      const warm = (value & R.PORTSC_WPR) !== 0 && index >= USB2_PORTS;
      this.#reset(index, warm);
    } else if (value & R.PORTSC_LWS) {
      this.#writeLink(index, (value & R.PORTSC_PLS) >>> R.PORTSC_PLS_SHIFT);
    }
  }

  #plugged(index: number): void {
    if (this.sockets[index]?.device) {
      this.#connect(index, true);
      return;
    }
    const before = this.state.ports[index] ?? 0;
    this.state.ports[index] = withLink(before & ~R.PORTSC_PED, R.PLS_RX_DETECT);
    this.#setChange(index, R.PORTSC_CSC);
  }

  #connect(index: number, tell: boolean): void {
    const trained = index >= USB2_PORTS;
    const before = (this.state.ports[index] ?? 0) & ~R.PORTSC_PED;
    this.state.ports[index] = withLink(before | (trained ? R.PORTSC_PED : 0), trained ? R.PLS_U0 : R.PLS_POLLING);
    if (tell) this.#setChange(index, R.PORTSC_CSC);
    else this.state.ports[index] = (this.state.ports[index] ?? 0) | R.PORTSC_CSC;
  }

  #reset(index: number, warm: boolean): void {
    const device = this.sockets[index]?.device;
    if (!device) return;
    device.busReset();
    this.state.ports[index] = withLink((this.state.ports[index] ?? 0) | R.PORTSC_PED, R.PLS_U0);
    this.#setChange(index, R.PORTSC_PRC | (warm ? R.PORTSC_WRC : 0));
  }

  /** Suspend, resume and back. [XHCI] 4.15.1, 4.15.2 */
  #writeLink(index: number, link: number): void {
    const before = this.state.ports[index] ?? 0;
    if (!(before & R.PORTSC_PED)) return;
    const old = (before & R.PORTSC_PLS) >>> R.PORTSC_PLS_SHIFT;
    if (link === R.PLS_U3 || (link === R.PLS_RESUME && old === R.PLS_U3)) {
      this.state.ports[index] = withLink(before, link);
    } else if (link === R.PLS_U0 && old !== R.PLS_U0) {
      this.state.ports[index] = withLink(before, R.PLS_U0);
      this.#setChange(index, R.PORTSC_PLC);
    }
  }

  /** A device with something to say ends its port's suspend. [XHCI] 4.15.2.3 */
  wakeUp(device: UsbDevice): void {
    const index = this.sockets.findIndex((socket) => socket.device === device);
    const before = this.state.ports[index] ?? 0;
    if (index < 0 || (before & R.PORTSC_PLS) >>> R.PORTSC_PLS_SHIFT !== R.PLS_U3) return;
    // SuperSpeed resumes by itself; for a USB 2 port software ends the resume signalling.
    this.state.ports[index] = withLink(before, index < USB2_PORTS ? R.PLS_RESUME : R.PLS_U0);
    this.#setChange(index, R.PORTSC_PLC);
  }

  #setChange(index: number, change: number): void {
    const before = this.state.ports[index] ?? 0;
    this.state.ports[index] = before | change;
    if (change & ~before) this.changed(index + 1);
  }
}

const withLink = (port: number, link: number): number => (port & ~R.PORTSC_PLS) | (link << R.PORTSC_PLS_SHIFT);
