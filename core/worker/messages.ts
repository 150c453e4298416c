/**
 * What travels between the threads of one VM. Plain data and MessagePorts only: each passes structured clone.
 *
 *   main (client.ts) -- MachineWorkerData, ToMachine + kick --> machine-worker -- FromMachine --> main
 *   main (client.ts) -- IoWorkerData, ToIo --> io-worker -- FromIo --> main
 *   io-worker -- InputMessage + kick --> machine-worker
 */
import type { MessagePort } from 'node:worker_threads';
import type { ViewerKey } from '../backends/display/rfb-session.ts';
import type { MachineCommand, MachineConfig, MachineEvent, TextScreen, VncConfig } from '../contracts/machine.ts';
import type { StartErrorSubject } from './client-api.ts';

export interface MachineWorkerData {
  readonly config: MachineConfig;
  /** See Kick. */
  readonly kick: SharedArrayBuffer;
  /** Where InputMessages arrive. */
  readonly input: MessagePort;
}

/** Posted, then the kick is given: the thread looks only when kicked. */
export type ToMachine =
  | { readonly type: 'command'; readonly command: MachineCommand }
  /** A viewer of the serial port, which speaks the stream protocol of core/contracts/streams. */
  | { readonly type: 'serial-viewer'; readonly port: MessagePort };

export type FromMachine =
  | { readonly type: 'started'; readonly display: SharedDisplay }
  | {
      readonly type: 'start-failed';
      readonly message: string;
      readonly hint: string;
      readonly subject: StartErrorSubject;
    }
  | { readonly type: 'event'; readonly event: MachineEvent };

/** The display's memory, as the io-worker reads it. */
export interface SharedDisplay {
  /** The VM's memory, and where in it the video memory is. */
  readonly memory: SharedArrayBuffer;
  readonly vramOffset: number;
  readonly vramSizeBytes: number;
  /** Words of core/backends/display/scanout. */
  readonly scanout: SharedArrayBuffer;
}

/** Keys and pointer, as DisplayInput of core/backends/display words them. */
export type InputMessage =
  | { readonly type: 'key'; readonly key: ViewerKey; readonly down: boolean }
  | { readonly type: 'pointer'; readonly x: number; readonly y: number; readonly buttons: number };

export interface IoWorkerData {
  /** The VM's name, for the viewers' titles. */
  readonly name: string;
  /** The kick of the machine's thread, and where its InputMessages go. */
  readonly kick: SharedArrayBuffer;
  readonly input: MessagePort;
  readonly vnc?: VncConfig;
}

export type ToIo =
  /** The first message: the machine has started. */
  | { readonly type: 'display'; readonly display: SharedDisplay }
  | { readonly type: 'display-viewer'; readonly port: MessagePort }
  | { readonly type: 'picture'; readonly request: number };

/** What the screen shows, both ways. */
export interface Picture {
  readonly text: TextScreen;
  readonly png: Uint8Array;
}

export type FromIo =
  | { readonly type: 'picture'; readonly request: number; readonly picture: Picture }
  | { readonly type: 'log'; readonly level: 'info' | 'error'; readonly message: string };
