/** What every USB host does with a device, over whatever controller carries its transfers; for tests. */
import type { BlockBackend, BlockError, BlockRequest } from '../backends/block/port.ts';
import type { UsbDevice } from '../devices/usb/usb-device.ts';
import { transferIn, transferOut } from '../devices/usb/usb-transfer.ts';

/** What came in, 'nak' for nothing yet, 'stall' for a refusal. */
export type Answer = Uint8Array | 'nak' | 'stall';

/** Makes transfers to one device. A control transfer takes all three stages. */
export interface UsbPipe {
  control(setup: readonly number[], data?: Uint8Array): Answer;
  in(endpoint: number, length: number): Answer;
  out(endpoint: number, data: Uint8Array): 'ack' | 'nak' | 'stall';
}

/** bmRequestType, bRequest, wValue, wIndex, wLength. */
export function setupPacket(type: number, request: number, value = 0, index = 0, length = 0): number[] {
  return [type, request, value & 0xff, value >>> 8, index & 0xff, index >>> 8, length & 0xff, length >>> 8];
}

/** Without a controller: packets straight to the device. */
export function directPipe(device: UsbDevice): UsbPipe {
  const pipe: UsbPipe = {
    control: (setup, data = new Uint8Array(0)) => {
      device.setup(Uint8Array.from(setup));
      const length = (setup[6] ?? 0) | ((setup[7] ?? 0) << 8);
      if ((setup[0] ?? 0) & 0x80) {
        const answer = pipe.in(0, length);
        if (typeof answer !== 'string') device.packetOut(0, new Uint8Array(0));
        return answer;
      }
      if (data.length > 0 && pipe.out(0, data) !== 'ack') return 'stall';
      return device.packetIn(0);
    },
    in: (endpoint, length) => {
      const data = new Uint8Array(length);
      const { outcome, bytes } = transferIn(device, endpoint, data);
      if (outcome === 'ack') return data.subarray(0, bytes);
      return outcome === 'nak' ? 'nak' : 'stall';
    },
    out: (endpoint, data) => {
      const { outcome } = transferOut(device, endpoint, data);
      return outcome === 'babble' ? 'stall' : outcome;
    },
  };
  return pipe;
}

/** A command to a bulk-only disk, with its data; gives the status wrapper's status and residue, and the data read. */
export function scsi(pipe: UsbPipe, command: readonly number[], io: { read?: number; write?: Uint8Array } = {}) {
  const cbw = new DataView(new ArrayBuffer(31));
  cbw.setUint32(0, 0x4342_5355, true);
  cbw.setUint32(4, 0x1234, true);
  cbw.setUint32(8, io.read ?? io.write?.length ?? 0, true);
  cbw.setUint8(12, io.read === undefined ? 0 : 0x80);
  cbw.setUint8(14, command.length);
  for (const [i, byte] of command.entries()) cbw.setUint8(15 + i, byte);
  pipe.out(2, new Uint8Array(cbw.buffer));
  let data: Answer = new Uint8Array(0);
  let sent: string = 'ack';
  if (io.read) data = pipe.in(1, io.read);
  if (io.write?.length) sent = pipe.out(2, io.write);
  if (data === 'stall') pipe.control(setupPacket(0x02, 1, 0, 0x81));
  if (sent === 'stall') pipe.control(setupPacket(0x02, 1, 0, 0x02));
  const csw = pipe.in(1, 13);
  if (typeof csw === 'string') return { status: csw, residue: -1, data, sent };
  const view = new DataView(csw.buffer, csw.byteOffset, csw.length);
  return { status: view.getUint8(12), residue: view.getUint32(8, true), data, sent };
}

/** A medium in memory; with `wait`, requests end when the test says so. */
export class FakeMedium implements BlockBackend {
  readonly bytes: Uint8Array;
  readonly requests: string[] = [];
  readOnly = false;
  wait = false;
  fail: BlockError | undefined;
  #waiting: (() => void)[] = [];

  constructor(readonly sizeBytes: number) {
    this.bytes = Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 7 + (i >>> 8)) & 0xff);
  }

  submit(request: BlockRequest, done: (error?: BlockError) => void): void {
    this.requests.push(request.kind);
    const end = (): void => {
      if (!this.fail) this.#move(request);
      done(this.fail);
    };
    if (this.wait) this.#waiting.push(end);
    else end();
  }

  /** All that waits ends now. */
  end(): void {
    const ended = this.#waiting;
    this.#waiting = [];
    for (const end of ended) end();
  }

  #move(request: BlockRequest): void {
    if (request.kind === 'read') request.data.set(this.bytes.subarray(request.offset).subarray(0, request.data.length));
    if (request.kind === 'write') this.bytes.set(request.data, request.offset);
  }
}
