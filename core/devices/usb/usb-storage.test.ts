import { describe, expect, it } from 'vitest';
import { directPipe, FakeMedium, scsi, setupPacket } from '../../testing/usb-host.ts';
import { UsbStorage } from './usb-storage.ts';

const SERIAL = '000000000001';

function disk(sizeBytes = 1024 * 1024) {
  const medium = new FakeMedium(sizeBytes);
  const device = new UsbStorage({ medium, serial: SERIAL });
  const pipe = directPipe(device);
  pipe.control(setupPacket(0, 9, 1));
  return { medium, device, pipe };
}

const PASSED = { status: 0, residue: 0 };
const read10 = (block: number, count: number) => [0x28, 0, 0, 0, block >>> 8, block & 0xff, 0, count >>> 8, count, 0];
const write10 = (block: number, count: number) => [0x2a, ...read10(block, count).slice(1)];
const senseOf = (pipe: ReturnType<typeof directPipe>) => {
  const { data } = scsi(pipe, [0x03, 0, 0, 0, 18, 0], { read: 18 });
  return typeof data === 'string' ? data : [data[2], data[12]];
};

describe('SCSI commands', () => {
  it('identify the disk', () => {
    const { pipe } = disk();
    const inquiry = scsi(pipe, [0x12, 0, 0, 0, 36, 0], { read: 36 });
    expect(inquiry).toMatchObject(PASSED);
    expect(new TextDecoder().decode((inquiry.data as Uint8Array).slice(8))).toBe('VivariumUSB disk        1.0 ');
    const page = scsi(pipe, [0x12, 1, 0x80, 0, 255, 0], { read: 255 });
    expect(page).toMatchObject({ status: 0, residue: 255 - 16 });
    expect(new TextDecoder().decode((page.data as Uint8Array).slice(4))).toBe(SERIAL);
    expect(scsi(pipe, [0, 0, 0, 0, 0, 0])).toMatchObject(PASSED);
  });

  it('tell the capacity, by 10 and by 16 bytes', () => {
    const { pipe } = disk();
    expect(scsi(pipe, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { read: 8 }).data).toEqual(
      Uint8Array.of(0, 0, 7, 255, 0, 0, 2, 0),
    );
    const long = scsi(pipe, [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0], { read: 32 }).data as Uint8Array;
    expect([...long.slice(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, 7, 255, 0, 0, 2, 0]);
  });

  it('tell of the write cache and of write protection in MODE SENSE', () => {
    const { pipe, medium } = disk();
    expect((scsi(pipe, [0x1a, 0, 0x3f, 0, 192, 0], { read: 192 }).data as Uint8Array)[2]).toBe(0);
    medium.readOnly = true;
    const [length, , flags, block, ...rest] = scsi(pipe, [0x1a, 0x08, 0x08, 0, 192, 0], { read: 192 })
      .data as Uint8Array;
    expect([length, flags, block, rest.slice(0, 3)]).toEqual([23, 0x80, 0, [0x08, 18, 4]]);
  });

  it('refuse the unknown, what lies outside, and writes to a read-only medium, with sense data', () => {
    const { pipe, medium } = disk();
    expect(scsi(pipe, [0x55, 0, 0, 0, 0, 0])).toMatchObject({ status: 1 });
    expect(senseOf(pipe)).toEqual([5, 0x20]);
    expect(scsi(pipe, read10(2047, 2), { read: 1024 })).toMatchObject({ status: 1, residue: 1024, data: 'stall' });
    expect(senseOf(pipe)).toEqual([5, 0x21]);
    medium.readOnly = true;
    expect(scsi(pipe, write10(0, 1), { write: new Uint8Array(512) })).toMatchObject({ status: 1, sent: 'stall' });
    expect(senseOf(pipe)).toEqual([7, 0x27]);
    expect(senseOf(pipe)).toEqual([0, 0]);
  });
});

describe('data', () => {
  it('is read and written in chunks as long as a command says', () => {
    const { pipe, medium } = disk();
    const read = scsi(pipe, read10(3, 300), { read: 300 * 512 });
    expect(read).toMatchObject(PASSED);
    expect(Buffer.compare(read.data as Uint8Array, medium.bytes.slice(3 * 512, 303 * 512))).toBe(0);
    expect(medium.requests).toEqual(['read', 'read', 'read']);
    const written = Uint8Array.from({ length: 129 * 512 }, (_, i) => i % 251);
    expect(scsi(pipe, write10(100, 129), { write: written })).toMatchObject(PASSED);
    expect(Buffer.compare(medium.bytes.slice(100 * 512, 229 * 512), written)).toBe(0);
    expect(scsi(pipe, [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toMatchObject(PASSED);
    expect(medium.requests.slice(3)).toEqual(['write', 'write', 'flush']);
  });

  it('waits with NAK for the back end and tells when it is there', () => {
    const { device, pipe, medium } = disk();
    const ready: number[] = [];
    device.upstream = { ready: (_, endpoint) => ready.push(endpoint) };
    medium.wait = true;
    expect(scsi(pipe, read10(0, 1), { read: 512 })).toMatchObject({ data: 'nak', status: 'nak' });
    ready.length = 0;
    medium.end();
    expect(ready).toContain(0x81);
    expect(pipe.in(1, 512)).toEqual(medium.bytes.slice(0, 512));
    expect((pipe.in(1, 13) as Uint8Array)[12]).toBe(0);
  });

  it('is asked for again by a device restored while the back end worked', () => {
    const { device, pipe, medium } = disk();
    medium.wait = true;
    scsi(pipe, read10(5, 1), { read: 512 });
    const saved = device.save();
    const copy = disk();
    copy.device.restore(structuredClone(saved));
    expect(copy.pipe.in(1, 512)).toEqual(medium.bytes.slice(5 * 512, 6 * 512));
    expect((copy.pipe.in(1, 13) as Uint8Array)[12]).toBe(0);
    device.busReset();
    medium.end(); // too late for anybody
    expect(device.configured).toBe(false);
  });

  it('that the host cannot give is a failed command with sense data', () => {
    const { pipe, medium } = disk();
    medium.fail = { errno: 'EIO', message: 'worn out' };
    expect(scsi(pipe, read10(0, 200), { read: 200 * 512 })).toMatchObject({ status: 1, residue: 200 * 512 });
    expect(senseOf(pipe)).toEqual([3, 0x11]);
    expect(scsi(pipe, write10(0, 1), { write: new Uint8Array(512) })).toMatchObject({ status: 1 });
    expect(senseOf(pipe)).toEqual([3, 0x0c]);
    expect(scsi(pipe, [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toMatchObject({ status: 1 });
  });
});

describe('what host and device expect, [BOT] 6.7', () => {
  it('case 2, 3, 7, 8, 10, 13: phase error', () => {
    const { pipe } = disk();
    expect(scsi(pipe, read10(0, 1)).status).toBe(2);
    expect(scsi(pipe, write10(0, 1)).status).toBe(2);
    expect(scsi(pipe, read10(0, 2), { read: 512 }).status).toBe(2);
    expect(scsi(pipe, write10(0, 1), { read: 512 }).status).toBe(2);
    expect(scsi(pipe, read10(0, 1), { write: new Uint8Array(512) }).status).toBe(2);
    expect(scsi(pipe, write10(0, 2), { write: new Uint8Array(512) }).status).toBe(2);
  });

  it('case 4, 5, 9, 11: the residue says what did not move', () => {
    const { pipe } = disk();
    expect(scsi(pipe, [0, 0, 0, 0, 0, 0], { read: 64 })).toMatchObject({ status: 0, residue: 64, data: 'stall' });
    expect(scsi(pipe, [0x12, 0, 0, 0, 36, 0], { read: 100 })).toMatchObject({ status: 0, residue: 64 });
    expect(scsi(pipe, [0, 0, 0, 0, 0, 0], { write: new Uint8Array(64) })).toMatchObject({ status: 0, residue: 64 });
    expect(scsi(pipe, write10(0, 1), { write: new Uint8Array(1024) })).toMatchObject({ status: 0, residue: 512 });
  });

  it('a wrapper that is none stalls everything until reset recovery, 6.6.1', () => {
    const { pipe } = disk();
    expect(pipe.out(2, new Uint8Array(30))).toBe('stall');
    pipe.control(setupPacket(0x02, 1, 0, 0x81));
    expect([pipe.in(1, 13), pipe.out(2, new Uint8Array(31))]).toEqual(['stall', 'stall']);
    expect(pipe.control(setupPacket(0x21, 0xff))).toHaveLength(0);
    expect(scsi(pipe, [0, 0, 0, 0, 0, 0])).toMatchObject(PASSED);
  });

  it('has one logical unit', () => {
    expect(disk().pipe.control(setupPacket(0xa1, 0xfe, 0, 0, 1))).toEqual(Uint8Array.of(0));
  });
});
