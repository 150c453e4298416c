/**
 * What main says to a machine worker and back. Plain data only: it crosses threads by structured clone.
 * Display and serial bytes do not travel here; each has its own MessagePort (core/worker/client).
 */

import type { CpuConfig } from './cpu.ts';

/** The board: 440FX with PIIX3, or Q35 with ICH9. libvirt's names of the machine types, without versions. */
export type MachineType = 'pc' | 'q35';

/** What runs first when no kernel is booted directly. */
export type FirmwareConfig =
  /** Vivarium's own BIOS. */
  | { readonly kind: 'bios' }
  /** An image for the top of memory, up to 16 MiB: SeaBIOS or OVMF's code part. */
  | { readonly kind: 'image'; readonly path: string; readonly nvram?: string };

export type DiskBus = 'ide' | 'sata' | 'fdc' | 'usb';

/** libvirt's <disk>. */
export interface DiskConfig {
  /** libvirt's target device: hda, sda, fda... Its letter tells the place on the bus. */
  readonly target: string;
  readonly device: 'disk' | 'cdrom' | 'floppy';
  readonly bus: DiskBus;
  /** Absent: an empty drive, which only a CD-ROM or floppy drive can be. */
  readonly source?: string;
  readonly format: 'raw';
  readonly readOnly: boolean;
  /** libvirt's <boot order>: 1 is tried first. */
  readonly bootOrder?: number;
}

/** libvirt's <input>; a PS/2 keyboard and mouse are always there. */
export interface InputConfig {
  readonly type: 'keyboard' | 'mouse' | 'tablet';
  readonly bus: 'ps2' | 'usb';
}

/** libvirt's models of <controller type='usb'>; ich9-ehci1 brings its companions. */
export type UsbControllerModel = 'piix3-uhci' | 'ich9-ehci1' | 'qemu-xhci';

/** libvirt's actions of <watchdog> that need no dump. */
export type WatchdogAction = 'reset' | 'shutdown' | 'poweroff' | 'pause' | 'none' | 'inject-nmi';

/** What can be plugged into a machine that runs. */
export type PluggableDevice =
  /** On the bus sata or usb. */
  | { readonly kind: 'disk'; readonly disk: DiskConfig }
  | { readonly kind: 'input'; readonly type: InputConfig['type'] }
  | { readonly kind: 'usb-controller'; readonly model: UsbControllerModel }
  | { readonly kind: 'watchdog'; readonly action: WatchdogAction };

/** Its name while it is there: a disk's is its target. */
export type PluggedDevice = 'watchdog' | 'usb-controller' | `disk:${string}` | `input:${InputConfig['type']}`;

export const nameOfPlugged = (device: PluggableDevice): PluggedDevice => {
  if (device.kind === 'disk') return `disk:${device.disk.target}`;
  return device.kind === 'input' ? `input:${device.type}` : device.kind;
};

/** Where viewers of the display that are not the app's may connect: libvirt's <graphics type='vnc'>. */
export interface VncConfig {
  /** An address of this host to listen on. */
  readonly address: string;
  /** The first free one from 5900 when absent. */
  readonly port?: number;
  /** Eight characters count. None is asked for when absent. */
  readonly password?: string;
  /** When the password ends to be good, in ms since 1970. */
  readonly passwordValidToMs?: number;
}

/** Direct kernel boot: a Linux bzImage or a multiboot 1 ELF. */
export interface DirectBoot {
  readonly kernel: string;
  readonly initrd?: string;
  readonly cmdline: string;
}

/** Everything a machine worker needs to build one VM. Paths are absolute. Derived from the domain XML by main. */
export interface MachineConfig {
  readonly id: string;
  readonly name: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** DEFAULT_CPU when absent. */
  readonly cpu?: CpuConfig;
  /** 'pc' when absent. */
  readonly machine?: MachineType;
  /** Boots this kernel: without firmware, or where that is an image, by it. */
  readonly boot?: DirectBoot;
  /** Vivarium's own BIOS when absent. */
  readonly firmware?: FirmwareConfig;
  /** Firmware offers a choice for this many ms. */
  readonly bootMenuMs?: number;
  readonly disks?: readonly DiskConfig[];
  readonly inputs?: readonly InputConfig[];
  readonly usb?: UsbControllerModel;
  /** Video memory of the standard VGA in MiB: a power of two from 1 to 64; 16 when absent. */
  readonly videoMemoryMiB?: number;
  /** Nobody may connect from outside when absent. */
  readonly vnc?: VncConfig;
  /** i6300esb. */
  readonly watchdog?: WatchdogAction;
  /** pvpanic. */
  readonly panic?: boolean;
  /** A file for what firmware prints for its developers, at port 0x402; '-' is the standard error of the process. */
  readonly debugConsole?: string;
  /** isa-debug-exit at port 0xf4 (headless runner and tests). */
  readonly debugExit?: boolean;
}

export type MachineState = 'running' | 'paused' | 'stopped' | 'crashed';

/** Why a machine stopped or crashed. */
export type StopReason =
  | { readonly kind: 'guest-shutdown' } // the guest powered off through ACPI
  | { readonly kind: 'guest-panicked' } // said by the guest's kernel through pvpanic
  | { readonly kind: 'watchdog' } // the watchdog's action is poweroff
  | { readonly kind: 'destroyed' } // Force Off
  | { readonly kind: 'debug-exit'; readonly value: number } // isa-debug-exit
  | { readonly kind: 'vcpu-shutdown'; readonly registers: string } // triple fault: KVM_EXIT_SHUTDOWN
  | { readonly kind: 'internal-error'; readonly message: string; readonly registers: string }
  | { readonly kind: 'start-failed'; readonly message: string; readonly hint: string }
  | { readonly kind: 'worker-died'; readonly message: string };

export type MachineCommand =
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'reset' }
  | { readonly type: 'power-button' }
  /** Exits are timed from now on, at two looks at the clock each, or no longer. */
  | { readonly type: 'time-exits'; readonly on: boolean }
  | { readonly type: 'destroy' }
  /** Another medium for the CD-ROM or floppy drive of this target; without a path, none. */
  | { readonly type: 'change-media'; readonly target: string; readonly path?: string }
  /** Plugs a device in, or takes one out, which the guest may have to agree to. */
  | { readonly type: 'attach-device'; readonly device: PluggableDevice }
  | { readonly type: 'detach-device'; readonly device: PluggedDevice }
  /** Of a viewer that has grabbed the pointer, which RFB has no message for. */
  | ({ readonly type: 'pointer-motion' } & PointerMotion);

/** What a mouse says; nothing happens while the guest uses a tablet. */
export interface PointerMotion {
  /** Pixels to the right and down. */
  readonly dx: number;
  readonly dy: number;
  /** Notches towards the user. */
  readonly wheel: number;
  /** All that are down: bit 0 left, 1 right, 2 middle. */
  readonly buttons: number;
}

/** Exits to the machine of one reason, and where that is IO or MMIO, at one place. Cumulative. */
export interface ExitCount {
  /** The name of KVM_EXIT_*. */
  readonly reason: string;
  /** The port or guest physical address; absent for other reasons, and for places beyond those that are told apart. */
  readonly place?: { readonly address: number; readonly write: boolean } | undefined;
  readonly count: number;
  /** How many of them were timed, and the time until the guest went on. */
  readonly timed: number;
  readonly totalNs: number;
  readonly minNs: number;
  readonly maxNs: number;
}

/** Sampled once a second while running. */
export interface MachineStats {
  /** Share of one host core this VM's vCPU used since the last sample, 0..100. */
  readonly cpuPercent: number;
  readonly uptimeSeconds: number;
  /** The guest uses a tablet: its pointer is where the viewer's is. */
  readonly absolutePointer?: boolean;
  /** Counters of KVM's statistics interface, for the VM and its vCPU, and some of the machine's. */
  readonly counters: Readonly<Record<string, number>>;
  readonly exits: readonly ExitCount[];
}

export type MachineEvent =
  | { readonly type: 'state'; readonly state: MachineState; readonly reason?: StopReason }
  | { readonly type: 'stats'; readonly stats: MachineStats }
  /** The PC speaker sounds at this frequency from now on; without one it is silent. At most 50 a second. */
  | { readonly type: 'speaker'; readonly frequencyHz?: number }
  /** The answer to change-media; with what kept it from happening. */
  | { readonly type: 'media'; readonly target: string; readonly refusal?: string }
  | DeviceEvent
  | { readonly type: 'log'; readonly level: 'info' | 'warning' | 'error'; readonly message: string };

/** The answer to attach-device and detach-device, and what a guest does by itself: it may let go of a device. */
export type DeviceEvent = { readonly type: 'device'; readonly device: PluggedDevice } & (
  | { readonly change: 'attached' | 'detached' }
  /** The guest was asked to let go of it. */
  | { readonly change: 'asked' }
  | { readonly change: 'refused'; readonly why: string }
);

/** The text screen, for tests, screen readers and `viv`: what the guest's text buffer shows. */
export interface TextScreen {
  readonly columns: number;
  readonly rows: number;
  /** One string a row, decoded from code page 437, not trimmed. */
  readonly lines: readonly string[];
  readonly cursor?: { readonly column: number; readonly row: number };
}

/** Largest guest memory this build can give one VM: WebAssembly's 4 GiB less the core's own tables and VRAM. */
export const MAX_MEMORY_MIB = 3584;
export const MIN_MEMORY_MIB = 1;
/** This build's machine has one vCPU thread. */
export const MAX_VCPUS = 1;
