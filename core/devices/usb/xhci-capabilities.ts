/** What xHCI says of itself: capability registers, extended capabilities, configuration space. [XHCI] 5.2, 5.3, 7.2 */
import type { IoRegion } from '../device.ts';
import { PciConfigSpace } from '../pci-host/pci-config-space.ts';
import * as R from './xhci.regs.ts';
import { PORTS, USB2_PORTS, USB3_PORTS } from './xhci-ports.ts';

export const XHCI_NAME = 'qemu-xhci';
export const XHCI_SLOTS = 64;

function protocol(revision: number, first: number, count: number, last: boolean): number[] {
  const next = last ? 0 : 4; // in words
  return [(revision << 24) | (next << 8) | R.XECP_PROTOCOL, R.XECP_NAME, first | (count << 8), 0];
}

/** The capability registers and, from XECP on, the extended capabilities, by words. [XHCI] 5.3, 7.2 */
export const XHCI_CAPABILITIES: readonly number[] = [
  (R.HCIVERSION_VALUE << 16) | R.CAPLENGTH_VALUE,
  (PORTS << 24) | (1 << 8) | XHCI_SLOTS,
  0, // HCSPARAMS2: one event ring segment, no scratchpads
  0, // HCSPARAMS3: no exit latencies
  ((R.XECP / 4) << R.HCCPARAMS1_XECP_SHIFT) | R.HCCPARAMS1_AC64,
  R.DOORBELL_OFFSET,
  R.RUNTIME_OFFSET,
  0, // HCCPARAMS2
  ...protocol(2, 1, USB2_PORTS, false),
  ...protocol(3, 1 + USB2_PORTS, USB3_PORTS, true),
];

export function xhciConfigSpace(region: IoRegion): PciConfigSpace {
  return new PciConfigSpace({
    name: XHCI_NAME,
    vendorId: 0x1b36,
    deviceId: 0x000d,
    revisionId: 1,
    classCode: 0x0c_03_30,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    interruptPin: 1,
    bars: [{ index: 0, kind: 'memory64', sizeBytes: R.XHCI_MMIO_SIZE, region }],
  }).define(0x60, 1, 0x30); // SBRN: USB 3.0, [XHCI] 5.2.3
}
