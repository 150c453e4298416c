import { describe, expect, it } from 'vitest';
import * as R from './pflash.regs.ts';
import { Pflash } from './pflash.ts';

function makeFlash() {
  const content = new Uint8Array(2 * R.BLOCK_BYTES).fill(0x5a);
  const stored = content.slice();
  const log: string[] = [];
  const flash = new Pflash({
    content,
    store: {
      write: (offset, bytes) => {
        stored.set(bytes, offset);
        log.push(`store ${offset} ${bytes.length}`);
      },
    },
    setReadable: (readable) => log.push(readable ? 'memory' : 'commands'),
    written: () => {},
  });
  const send = (offset: number, ...bytes: number[]) => {
    for (const byte of bytes) flash.write(offset, 1, byte);
  };
  return { flash, content, stored, log, send };
}

describe('Pflash', () => {
  it('is memory until a command comes, and again when the array is asked for', () => {
    const { flash, log, send } = makeFlash();
    expect(flash.read(0, 4)).toBe(0x5a5a_5a5a);
    send(0, R.CMD_READ_STATUS);
    expect(flash.read(0, 1)).toBe(R.SR_READY);
    send(0, R.CMD_READ_ARRAY);
    expect(log).toEqual(['memory', 'commands', 'memory']);
  });

  it('passes the probe by which OVMF tells flash from RAM and ROM', () => {
    const { flash, send } = makeFlash();
    send(0, R.CMD_CLEAR_STATUS);
    expect(flash.read(0, 1)).toBe(0x5a);
    send(0, R.CMD_READ_STATUS);
    expect(flash.read(0, 1)).toBe(0);
  });

  it('clears bits when it is programmed and sets them when a block is erased', () => {
    const { flash, content, send } = makeFlash();
    send(5, R.CMD_PROGRAM, 0xf0);
    expect(flash.read(5, 1)).toBe(R.SR_READY);
    expect(content[5]).toBe(0x50);
    send(R.BLOCK_BYTES + 7, R.CMD_ERASE, R.CMD_CONFIRM);
    expect([content[R.BLOCK_BYTES - 1], content[R.BLOCK_BYTES], content.at(-1)]).toEqual([0x5a, 0xff, 0xff]);
  });

  it('erases nothing without a confirmation, and says so', () => {
    const { flash, content, send } = makeFlash();
    send(0, R.CMD_ERASE, R.CMD_READ_ARRAY);
    expect([flash.read(0, 1), content[0]]).toEqual([R.SR_READY | R.SR_COMMAND_ERROR, 0x5a]);
  });

  it('stores all that was changed when the guest reads again', () => {
    const { content, stored, log, send } = makeFlash();
    send(0x10, R.CMD_PROGRAM_ALT, 0x00);
    send(0x20, R.CMD_PROGRAM_ALT, 0x00);
    send(0, R.CMD_READ_ARRAY);
    expect(log).toEqual(['memory', 'commands', `store ${0x10} ${0x11}`, 'memory']);
    expect(stored).toEqual(content);
  });

  it('tells its make and its shape', () => {
    const { flash, send } = makeFlash();
    send(0, R.CMD_READ_ID);
    expect(flash.read(0, 2)).toBe(0x1889);
    send(0, R.CMD_CFI_QUERY);
    const query = (offset: number, size: 1 | 2) => flash.read(offset, size);
    expect([query(0x10, 1), query(0x11, 1), query(0x12, 1)].map((c) => String.fromCharCode(c)).join('')).toBe('QRY');
    expect([query(R.CFI_SIZE, 1), query(R.CFI_REGION_BLOCKS, 2), query(R.CFI_REGION_BLOCK_SIZE, 2)]).toEqual([
      13, 1, 16,
    ]);
  });
});
