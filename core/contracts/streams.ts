/**
 * Byte streams between a viewer and a VM: one RFB (RFC 6143) session a viewer, one serial console a viewer.
 * In Electron a stream is a MessagePort, in the browser host a WebSocket at /streams/<kind>/<vmId>; in core a
 * Node MessagePort. The protocol on a port: the VM's side posts 'open' first, either side posts ArrayBuffers,
 * and 'close' last.
 */
import type { VmId } from './calls.ts';

export type StreamKind = 'rfb' | 'serial';
export interface StreamAddress {
  readonly kind: StreamKind;
  readonly vmId: VmId;
}
export type StreamMessage = 'open' | 'close' | ArrayBuffer;
