/**
 * The one typed contract between renderer and main: calls (request, response, error codes) and events. Both hosts
 * (Electron IPC and the browser host's WebSocket) carry exactly this; handlers `satisfies` VmHandlers, so a missing
 * one does not compile. Display and serial bytes travel on streams of their own (streams.ts).
 */
import type { CpuConfig, CpuMode, CpuModelInfo } from './cpu.ts';
import type { BootOptions, DeviceId, DeviceSettings, FirmwareChoice, FirmwareImage, Hardware } from './hardware.ts';
import type { DirectBoot, MachineType, PointerMotion, StopReason, TextScreen } from './machine.ts';

export type VmId = string & { readonly __brand: 'VmId' };

/** libvirt's domain states, as virt-manager words them. */
export type VmState = 'running' | 'paused' | 'shutting-down' | 'shutoff' | 'crashed';

export interface VmSummary {
  readonly id: VmId;
  readonly name: string;
  readonly state: VmState;
  /** Why it is shut off or crashed, in words, when there is something to say. */
  readonly reason?: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** 0..100 of one host core; 0 when not running. */
  readonly cpuPercent: number;
  readonly uptimeSeconds: number;
  /** While it runs: the guest's pointer is where the viewer's is; otherwise it is moved, and a viewer grabs it. */
  readonly absolutePointer?: boolean;
  /** What its PC speaker sounds at now; absent for silence. */
  readonly speakerHz?: number;
  /** Host pty of the first serial port while the VM runs, where the host has ptys: e.g. /dev/pts/4. */
  readonly serialPty?: string;
}

export interface VmDetails extends VmSummary {
  readonly title?: string;
  readonly description?: string;
  readonly hardware: Hardware;
  /** While it is active: what its machine was started with, and the media that are in its drives now. */
  readonly activeHardware?: Hardware;
  readonly cpu: CpuConfig;
  readonly domainXml: string;
  /** The definition file, for the user to find it. */
  readonly definitionPath: string;
  readonly stop?: StopReason;
  readonly log: readonly LogLine[];
}

export interface LogLine {
  readonly timeMs: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
}

/** What a new VM starts from. */
export type NewVmSource =
  /** Local install media; with a disk image to install to, or none. */
  | { readonly kind: 'iso'; readonly path: string; readonly disk?: string }
  | { readonly kind: 'disk'; readonly path: string }
  | { readonly kind: 'floppy'; readonly path: string }
  | ({ readonly kind: 'kernel' } & DirectBoot);

export interface NewVm {
  readonly name: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** 'pc' when absent. */
  readonly machine?: MachineType;
  /** Vivarium's own BIOS when absent. */
  readonly firmware?: FirmwareChoice;
  readonly source: NewVmSource;
}

/** A definition file that could not be read. It is left as it is on disk. */
export interface DefinitionProblem {
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

export interface HostInfo {
  readonly version: string;
  readonly host: 'electron' | 'browser';
  readonly hostName: string;
  readonly platform: 'linux' | 'darwin' | 'win32' | string;
  readonly hypervisor: string; // "Emulated KVM"
  readonly hostCpus: number;
  readonly hostMemoryMiB: number;
  readonly maxGuestMemoryMiB: number;
  readonly dataDir: string;
  readonly homeDir: string;
  readonly cpuModels: readonly CpuModelInfo[];
  readonly firmwareImages: readonly FirmwareImage[];
}

/** The processor of a definition: a mode without a model, or a model. */
export type CpuChoice =
  | { readonly mode: Exclude<CpuMode, 'custom'> }
  | { readonly mode: 'custom'; readonly model: string };

export interface DirectoryListing {
  readonly path: string;
  /** Absent at a root. */
  readonly parent?: string;
  /** Places to jump to: home, data folder, roots. */
  readonly places: readonly { readonly label: string; readonly path: string }[];
  readonly entries: readonly DirectoryEntry[];
}

export interface DirectoryEntry {
  readonly name: string;
  readonly path: string;
  readonly kind: 'directory' | 'file';
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly hidden: boolean;
}

/** What a file is chosen for. */
export type FileRole = 'kernel' | 'initrd' | 'iso' | 'disk' | 'floppy' | 'firmware';

/** What a chosen file turned out to be. */
export interface FileCheck {
  readonly ok: boolean;
  /** e.g. "Linux kernel 6.1.0 (bzImage, 64-bit)", "multiboot ELF", "gzip, 1.2 MiB". */
  readonly description: string;
  /** When not ok: what is wrong and what to do. */
  readonly message?: string;
  /** When ok: what a person should know before using it. */
  readonly warning?: string;
}

type NoErrors = never;
type VmActionError = 'not-found' | 'wrong-state';
/** 'wrong-device': there is no such device, or this cannot be done to it. */
type DeviceError = 'not-found' | 'wrong-device' | 'storage';
/** What a change of a device is about: libvirt's VIR_DOMAIN_AFFECT_CONFIG and VIR_DOMAIN_AFFECT_LIVE, or both. */
export type DeviceScope = 'config' | 'live' | 'both';
/** 'wrong-state': it does not run. 'hot-plug-refused': by the machine, which says why. With any, nothing has changed. */
type LiveError = 'wrong-state' | 'not-hot-pluggable' | 'hot-plug-refused';
/** 'invalid-file': its medium cannot be used. 'no-place': the machine has no place for it, or none is free. */
type NewDeviceError = DeviceError | 'invalid-file' | 'no-place';

export interface Calls {
  'host.info': { req: void; res: HostInfo; err: NoErrors };
  'vms.list': { req: void; res: { vms: readonly VmSummary[]; problems: readonly DefinitionProblem[] }; err: NoErrors };
  'vms.get': { req: { id: VmId }; res: VmDetails; err: 'not-found' };
  'vms.create': {
    req: NewVm;
    res: { id: VmId };
    err:
      | 'invalid-name'
      | 'name-taken'
      | 'invalid-memory'
      | 'invalid-kernel'
      | 'invalid-initrd'
      | 'invalid-file'
      | 'invalid-vcpus'
      | 'storage';
  };
  /** A VM that runs has it after its next start. */
  'vms.setCpu': { req: { id: VmId; cpu: CpuChoice }; res: void; err: 'not-found' | 'invalid-cpu' | 'storage' };
  // Edits of the definition: each whole or not at all. A machine that runs has them after its next shutdown, but for
  // devices that are to come or go at once. affect: 'config' when absent.
  'vms.addDevice': {
    req: { id: VmId; device: DeviceSettings; affect?: DeviceScope };
    res: { device: DeviceId };
    err: NewDeviceError | LiveError;
  };
  'vms.editDevice': {
    req: { id: VmId; device: DeviceId; settings: DeviceSettings };
    res: { device: DeviceId };
    err: NewDeviceError;
  };
  /** asked: the guest has not let go of it yet, and the running machine has it until it does. */
  'vms.removeDevice': {
    req: { id: VmId; device: DeviceId; affect?: DeviceScope };
    res: { asked: boolean };
    err: DeviceError | LiveError;
  };
  'vms.setBoot': {
    req: { id: VmId; boot: BootOptions };
    res: void;
    err: DeviceError | 'invalid-kernel' | 'invalid-initrd' | 'invalid-request';
  };
  /** 'no-place': the definition has drives on a bus that this machine lacks. */
  'vms.setMachine': {
    req: { id: VmId; machine: MachineType; firmware: FirmwareChoice };
    res: void;
    err: 'not-found' | 'no-place' | 'invalid-file' | 'storage';
  };
  /** Puts a medium into a CD-ROM or floppy drive, or (no path) takes it out: at once, also while the VM runs. */
  'vms.changeMedia': {
    req: { id: VmId; target: string; path?: string };
    res: void;
    err: DeviceError | 'invalid-file' | 'media-refused';
  };
  'vms.delete': { req: { id: VmId }; res: void; err: VmActionError | 'storage' };
  'vms.start': { req: { id: VmId }; res: void; err: VmActionError | 'start-failed' };
  'vms.pause': { req: { id: VmId }; res: void; err: VmActionError };
  'vms.resume': { req: { id: VmId }; res: void; err: VmActionError };
  /** ACPI power button. */
  'vms.shutdown': { req: { id: VmId }; res: void; err: VmActionError };
  /** Force Off. */
  'vms.destroy': { req: { id: VmId }; res: void; err: VmActionError };
  'vms.reset': { req: { id: VmId }; res: void; err: VmActionError };
  /** Of a viewer that has grabbed the pointer; at most one a picture. */
  'vms.movePointer': { req: { id: VmId; motion: PointerMotion }; res: void; err: VmActionError };
  /** What the guest's text buffer shows now. */
  'vms.textScreen': { req: { id: VmId }; res: TextScreen; err: VmActionError };
  'files.list': { req: { path?: string }; res: DirectoryListing; err: 'not-found' | 'not-a-directory' | 'permission' };
  'files.check': { req: { path: string; role: FileRole }; res: FileCheck; err: NoErrors };
  /** Quit the app; refused with 'vms-running' unless force. */
  'app.quit': { req: { force: boolean }; res: void; err: 'vms-running' };
}

export type CallName = keyof Calls;
export type Request<K extends CallName> = Calls[K]['req'];
export type Response<K extends CallName> = Calls[K]['res'];
/** Every call can also fail with these. */
export type CommonError = 'invalid-request' | 'internal';
export type ErrorCode<K extends CallName = CallName> = Calls[K]['err'] | CommonError;

/** Failures cross as data: code for the program, message (what happened) and hint (what to do next) for the person. */
export interface CallFailure<C extends string = string> {
  readonly code: C;
  readonly message: string;
  readonly hint?: string;
  /** The field of the request that is wrong, for inline errors. */
  readonly field?: string;
}
export type Reply<K extends CallName> =
  | { readonly ok: true; readonly value: Response<K> }
  | { readonly ok: false; readonly error: CallFailure<ErrorCode<K>> };

export type CallHandlers = { [K in CallName]: (req: Request<K>) => Promise<Reply<K>> };

export type AppEvent =
  | { readonly type: 'vm-changed'; readonly vm: VmSummary }
  | { readonly type: 'vm-removed'; readonly id: VmId }
  | { readonly type: 'problems-changed'; readonly problems: readonly DefinitionProblem[] }
  | { readonly type: 'vm-log'; readonly id: VmId; readonly line: LogLine }
  /** The hardware of the running machine is another: its guest has let go of a device. */
  | { readonly type: 'vm-hardware'; readonly id: VmId }
  /** The window is being closed while VMs run: the renderer asks the person, then calls app.quit. */
  | { readonly type: 'close-requested'; readonly running: readonly VmSummary[] };
