/**
 * Binary layouts of linux/kvm.h and asm/kvm.h for KVM_GET/SET_IRQCHIP and KVM_GET/SET_PIT2, little-endian.
 * struct kvm_lapic_state is the register page itself (Lapic.getState).
 */

import { KVM_IRQCHIP_IOAPIC, KvmError } from '../api.ts';
import { IOAPIC_BASE, IOAPIC_NUM_PINS, type IoapicState, type RedirectionEntry } from './ioapic.ts';
import type { PicState } from './pic.ts';
import type { PitState } from './pit.ts';
import type { PitChannelState } from './pit-channel.ts';

/** sizeof(struct kvm_irqchip): chip_id, pad, a union of 512 bytes. */
export const KVM_IRQCHIP_SIZE = 520;
/** sizeof(struct kvm_pit_state2) */
export const KVM_PIT_STATE2_SIZE = 112;

const CHIP = 8;

/** struct kvm_pic_state: a byte each, in this order. */
const PIC_FIELDS = [
  'lastIrr',
  'irr',
  'imr',
  'isr',
  'priorityAdd',
  'irqBase',
  'readRegSelect',
  'poll',
  'specialMask',
  'initState',
  'autoEoi',
  'rotateOnAutoEoi',
  'specialFullyNestedMode',
  'init4',
  'elcr',
  'elcrMask',
] as const satisfies readonly (keyof PicState)[];

// struct kvm_ioapic_state, from CHIP
const IOAPIC_BASE_ADDRESS = CHIP; //   u64
const IOAPIC_IOREGSEL = CHIP + 8; //   u32
const IOAPIC_ID = CHIP + 12; //        u32
const IOAPIC_IRR = CHIP + 16; //       u32
const IOAPIC_REDIRTBL = CHIP + 24; //  u64[24]

// struct kvm_pit_channel_state
const CHANNEL_SIZE = 24;
const CHANNEL_COUNT = 0; //            u32
const CHANNEL_LATCHED_COUNT = 4; //    u16
const CHANNEL_BYTES = 6; //            u8 each:
const CHANNEL_BYTE_FIELDS = [
  'countLatched',
  'statusLatched',
  'status',
  'readState',
  'writeState',
  'writeLatch',
  'rwMode',
  'mode',
  'bcd',
  'gate',
] as const satisfies readonly (keyof PitChannelState)[];
const CHANNEL_COUNT_LOAD_TIME = 16; // s64

// struct kvm_pit_state2
const PIT_FLAGS = 3 * CHANNEL_SIZE; // u32, then 9 reserved

export function picToBytes(chipId: number, state: Readonly<PicState>): Uint8Array {
  const view = irqchipView(chipId);
  PIC_FIELDS.forEach((field, i) => {
    view.setUint8(CHIP + i, state[field]);
  });
  return new Uint8Array(view.buffer);
}

/** Throws KvmError EINVAL for another size or chip. */
export function picFromBytes(chipId: number, bytes: Uint8Array): PicState {
  const view = checkedIrqchipView(chipId, bytes);
  return Object.fromEntries(PIC_FIELDS.map((field, i) => [field, view.getUint8(CHIP + i)])) as Record<
    (typeof PIC_FIELDS)[number],
    number
  >;
}

export function ioapicToBytes(state: IoapicState): Uint8Array {
  const view = irqchipView(KVM_IRQCHIP_IOAPIC);
  view.setUint32(IOAPIC_BASE_ADDRESS, IOAPIC_BASE, true);
  view.setUint32(IOAPIC_IOREGSEL, state.ioregsel, true);
  view.setUint32(IOAPIC_ID, state.id, true);
  view.setUint32(IOAPIC_IRR, state.irr, true);
  state.redirtbl.forEach((entry, pin) => {
    view.setUint32(IOAPIC_REDIRTBL + pin * 8, entry.low, true);
    view.setUint32(IOAPIC_REDIRTBL + pin * 8 + 4, entry.high, true);
  });
  return new Uint8Array(view.buffer);
}

/** Throws KvmError EINVAL for another size or chip. */
export function ioapicFromBytes(bytes: Uint8Array): IoapicState {
  const view = checkedIrqchipView(KVM_IRQCHIP_IOAPIC, bytes);
  const redirtbl: RedirectionEntry[] = [];
  for (let at = IOAPIC_REDIRTBL; at < IOAPIC_REDIRTBL + IOAPIC_NUM_PINS * 8; at += 8) {
    redirtbl.push({ low: view.getUint32(at, true), high: view.getUint32(at + 4, true) });
  }
  return {
    ioregsel: view.getUint32(IOAPIC_IOREGSEL, true),
    id: view.getUint32(IOAPIC_ID, true),
    irr: view.getUint32(IOAPIC_IRR, true),
    redirtbl,
  };
}

export function pitToBytes(state: PitState): Uint8Array {
  const view = new DataView(new ArrayBuffer(KVM_PIT_STATE2_SIZE));
  state.channels.forEach((channel, i) => {
    const at = i * CHANNEL_SIZE;
    view.setUint32(at + CHANNEL_COUNT, channel.count, true);
    view.setUint16(at + CHANNEL_LATCHED_COUNT, channel.latchedCount, true);
    CHANNEL_BYTE_FIELDS.forEach((field, n) => {
      view.setUint8(at + CHANNEL_BYTES + n, channel[field]);
    });
    view.setBigInt64(at + CHANNEL_COUNT_LOAD_TIME, BigInt(Math.floor(channel.countLoadTime)), true);
  });
  view.setUint32(PIT_FLAGS, state.flags, true);
  return new Uint8Array(view.buffer);
}

/** Throws KvmError EINVAL for another size. */
export function pitFromBytes(bytes: Uint8Array): PitState {
  const view = checkedView('KVM_SET_PIT2', 'kvm_pit_state2', KVM_PIT_STATE2_SIZE, bytes);
  return {
    channels: [0, 1, 2].map((i) => channelFromBytes(view, i * CHANNEL_SIZE)),
    flags: view.getUint32(PIT_FLAGS, true),
  };
}

function channelFromBytes(view: DataView, at: number): PitChannelState {
  const bytes = Object.fromEntries(
    CHANNEL_BYTE_FIELDS.map((field, n) => [field, view.getUint8(at + CHANNEL_BYTES + n)]),
  ) as Record<(typeof CHANNEL_BYTE_FIELDS)[number], number>;
  return {
    ...bytes,
    count: view.getUint32(at + CHANNEL_COUNT, true),
    latchedCount: view.getUint16(at + CHANNEL_LATCHED_COUNT, true),
    countLoadTime: Number(view.getBigInt64(at + CHANNEL_COUNT_LOAD_TIME, true)),
  };
}

function irqchipView(chipId: number): DataView {
  const view = new DataView(new ArrayBuffer(KVM_IRQCHIP_SIZE));
  view.setUint32(0, chipId, true);
  return view;
}

function checkedIrqchipView(chipId: number, bytes: Uint8Array): DataView {
  const view = checkedView('KVM_SET_IRQCHIP', 'kvm_irqchip', KVM_IRQCHIP_SIZE, bytes);
  const stored = view.getUint32(0, true);
  if (stored !== chipId) throw new KvmError('KVM_SET_IRQCHIP', 'EINVAL', `state of chip ${stored} given for ${chipId}`);
  return view;
}

function checkedView(ioctl: string, struct: string, size: number, bytes: Uint8Array): DataView {
  if (bytes.byteLength !== size) {
    throw new KvmError(ioctl, 'EINVAL', `${bytes.byteLength} bytes given, struct ${struct} has ${size}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
