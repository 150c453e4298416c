/** S3 with our BIOS: a boot sector sleeps, and finds itself at its waking vector with its memory kept. */
import { expect, it } from 'vitest';
import { RawImage } from '../../backends/block/raw-image.ts';
import { SCANOUT_WORDS } from '../../backends/display/scanout.ts';
import { TimerQueue } from '../../base/clock.ts';
import type { MachineType } from '../../contracts/machine.ts';
import { PWRBTN_STS, SLP_EN, SLP_TYP_S3, SLP_TYP_SHIFT, WAK_STS } from '../../devices/acpi-pm/acpi-pm.regs.ts';
import { openKvm } from '../../kvm/index.ts';
import { Machine } from '../../machine/machine.ts';
import { MemoryFile } from '../../testing/memory-file.ts';
import { buildBios } from './bios.ts';
import { SYMBOLS } from './layout.ts';
import { Listing } from './listing.ts';

/** Its low digit is the offset, the rest the segment. */
const WAKING_VECTOR = 0x7d35;
const MEDIUM_BYTES = 2 ** 20;
const EXIT_VALUE = 7;

const sleeper = `
  xor ax, ax
  mov ds, ax
  cmp word [0x6000], 0x1234
  je again
  mov ax, 0xf000
  mov es, ax
  xor di, di
find_rsdp:
  cmp dword [es:di], 0x20445352
  je .found
  add di, 16
  jmp find_rsdp
.found:
  mov ebx, [es:di+16]
  ; segments of 4 GiB, in real mode again
  cli
  lgdt [gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  mov dx, 8
  mov ds, dx
  and al, 0xfe
  mov cr0, eax
  xor ax, ax
  mov ds, ax
  ; RSDT to FADT
  add ebx, 36
.next:
  mov eax, [ebx]
  add ebx, 4
  cmp dword [eax], 0x50434146
  jne .next
  mov ecx, [eax+36]
  mov dword [ecx+12], ${WAKING_VECTOR}
  mov edx, [eax+56]
  mov [0x6004], dx
  mov word [0x6000], 0x1234
  mov dx, [eax+64]
  mov ax, ${SLP_EN | (SLP_TYP_S3 << SLP_TYP_SHIFT)}
  out dx, ax
asleep:
  hlt
  jmp asleep
again:
  mov al, 1
  out 0xf4, al
  jmp asleep
gdtr:
  dw 15
  dd gdt
gdt:
  dd 0, 0
  dd 0x0000ffff, 0x00cf9300
`;
const woken = `
  mov cx, cs
  xor ax, ax
  mov ds, ax
  mov bx, [0x6000]
  mov dx, [0x6004]
  in ax, dx
  mov dx, DEBUG_PORT
  out dx, al
  mov al, ah
  out dx, al
  mov al, bl
  out dx, al
  mov al, bh
  out dx, al
  mov al, cl
  out dx, al
  mov al, ch
  out dx, al
  mov al, ${EXIT_VALUE}
  out 0xf4, al
  hlt
`;

function bootSector(): Uint8Array {
  const medium = new Uint8Array(MEDIUM_BYTES);
  for (const [text, origin] of [
    [sleeper, 0x7c00],
    [woken, WAKING_VECTOR],
  ] as const) {
    const listing = new Listing({ bits: 16, origin, symbols: SYMBOLS });
    listing.asm(text);
    medium.set(listing.finish(), origin - 0x7c00);
  }
  medium.set([0x55, 0xaa], 510);
  return medium;
}

it.each<[MachineType, 'ide' | 'sata', string]>([
  ['pc', 'ide', 'hda'],
  ['q35', 'sata', 'sda'],
])('wakes a guest of a %s at its waking vector', (machine, bus, target) => {
  const said: number[] = [];
  let suspended = false;
  const thread = {
    nowNs: () => Math.round(performance.now() * 1e6),
    ...{ signalPending: () => false, kicked: () => false, alarmNs: Number.POSITIVE_INFINITY },
    sleepUntil: () => {
      if (suspended) vm.pressPowerButton();
    },
    setAlarm: (atNs: number) => {
      thread.alarmNs = atNs;
    },
  };
  const medium = { fixed: new RawImage(new MemoryFile(bootSector())) };
  const vm: Machine = new Machine(
    openKvm(),
    {
      ...{ ramBytes: 64 * 2 ** 20, machine, boot: { firmware: buildBios() }, debugExit: true },
      drives: [{ target, bus, medium }],
    },
    {
      ...{ thread, timers: new TimerQueue(thread), wall: { nowMs: () => 0 }, serial: { write: () => {} } },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
      debugConsole: { write: (bytes) => void said.push(...bytes) },
      notify: ({ type }) => {
        if (type === 'suspended' || type === 'woken') suspended = type === 'suspended';
      },
    },
  );
  expect(vm.run()).toEqual({ kind: 'debug-exit', value: EXIT_VALUE });
  const [status, mark, segment] = new Uint16Array(Uint8Array.from(said.slice(-6)).buffer);
  expect((status ?? 0) & (WAK_STS | PWRBTN_STS)).toBe(WAK_STS | PWRBTN_STS);
  expect([mark, segment]).toEqual([0x1234, WAKING_VECTOR >> 4]);
});
