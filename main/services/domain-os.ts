/**
 * The <os> of domain XML ([1] "Operating system booting"): machine type, loader and NVRAM, direct kernel boot, boot
 * devices and menu. Kept without effect: smbios, bios, acpi tables, and a loader beside a kernel.
 *
 * [1] libvirt, "Domain XML format", https://libvirt.org/formatdomain.html
 */
import type { Element } from '@xmldom/xmldom';
import { DEFAULT_BOOT_MENU_MS, type FirmwareChoice, MAX_BOOT_MENU_MS } from '../../core/contracts/hardware.ts';
import type { DirectBoot, FirmwareConfig, MachineType } from '../../core/contracts/machine.ts';
import { ensureChild, findChild, findChildren, setChild, setChildText, textOf } from './xml-edit.ts';

/** Why a definition cannot be started although it can be kept. */
export interface StartProblem {
  readonly message: string;
  readonly hint: string;
}

/** As libvirt lists a hypervisor's: "pc", "q35", and those with a version, "pc-i440fx-7.2", "pc-q35-8.0". */
const MACHINE_NAMES: readonly (readonly [RegExp, MachineType])[] = [
  [/^(?:pc|pc-i440fx-[\w.-]+|pc-\d[\w.-]*)$/, 'pc'],
  [/^(?:q35|pc-q35-[\w.-]+)$/, 'q35'],
];

export function machineName(root: Element): string {
  return findOs(root, 'type')?.getAttribute('machine') ?? 'pc';
}

/** undefined for a board that Vivarium does not have. */
export function machineType(name: string): MachineType | undefined {
  return MACHINE_NAMES.find(([pattern]) => pattern.test(name))?.[1];
}

export function readFirmware(root: Element): FirmwareChoice {
  const loader = findOs(root, 'loader');
  const path = textOf(loader)?.trim();
  if (path === undefined) return { kind: 'bios' };
  return { kind: 'image', path, type: loader?.getAttribute('type') === 'pflash' ? 'pflash' : 'rom' };
}

function readNvram(root: Element): string | undefined {
  return textOf(findOs(root, 'nvram'))?.trim();
}

export function readKernel(root: Element): DirectBoot | undefined {
  const kernel = textOf(findOs(root, 'kernel'));
  if (kernel === undefined) return undefined;
  const initrd = textOf(findOs(root, 'initrd'));
  return { kernel, ...(initrd !== undefined && { initrd }), cmdline: textOf(findOs(root, 'cmdline')) ?? '' };
}

/** undefined: no menu. */
export function readBootMenuMs(root: Element): number | undefined {
  const menu = findOs(root, 'bootmenu');
  if (menu?.getAttribute('enable') !== 'yes') return undefined;
  const timeout = menu.getAttribute('timeout') ?? '';
  return /^\d{1,9}$/.test(timeout) ? Math.min(Number(timeout), MAX_BOOT_MENU_MS) : DEFAULT_BOOT_MENU_MS;
}

/** "hd", "cdrom", "fd", "network" in the order they are tried. */
export function readBootDevs(root: Element): readonly string[] {
  const os = findChild(root, 'os');
  return os ? findChildren(os, 'boot').map((boot) => boot.getAttribute('dev') ?? '') : [];
}

export function osProblem(root: Element): StartProblem | undefined {
  const name = machineName(root);
  if (machineType(name) === undefined)
    return { message: `Vivarium has no machine type "${name}".`, hint: 'Choose pc or q35 under Details, Overview.' };
  const wanted = findChild(root, 'os')?.getAttribute('firmware');
  if (wanted === 'efi' && readFirmware(root).kind === 'bios')
    return {
      message: 'The definition asks for UEFI firmware without naming an image.',
      hint: 'Choose a firmware image under Details, Overview.',
    };
  return undefined;
}

/** What the machine is given; `nvram` where the definition names no file for UEFI's variables. */
export function firmwareConfig(root: Element, nvram: string): FirmwareConfig | undefined {
  const firmware = readFirmware(root);
  if (firmware.kind === 'bios') return undefined;
  const { path, type } = firmware;
  return { kind: 'image', path, ...(type === 'pflash' && { nvram: readNvram(root) ?? nvram }) };
}

/** Keeps a versioned name of the same board. */
export function writeMachine(root: Element, machine: MachineType): void {
  if (machineType(machineName(root)) === machine) return;
  const type = ensureChild(ensureOs(root), 'type');
  if (textOf(type) === undefined) type.textContent = 'hvm';
  type.setAttribute('machine', machine);
}

/** nvram: where a VM's UEFI variables go, when the image is one for flash. */
export function writeFirmware(root: Element, firmware: FirmwareChoice, nvram: string): void {
  const os = ensureOs(root);
  const now = readFirmware(root);
  const same =
    now.kind === 'image' && firmware.kind === 'image' && now.path === firmware.path && now.type === firmware.type;
  if (same) return;
  os.removeAttribute('firmware');
  setChild(os, 'firmware', false);
  setChild(os, 'nvram', false);
  setChild(os, 'loader', false);
  if (firmware.kind === 'bios') return;
  const loader = setChildText(os, 'loader', firmware.path, 'type');
  loader.setAttribute('type', firmware.type);
  loader.setAttribute('readonly', 'yes');
  if (firmware.type === 'pflash') setChildText(os, 'nvram', nvram, 'loader');
}

export function writeKernel(root: Element, boot: DirectBoot | undefined): void {
  const os = ensureOs(root);
  setChildText(os, 'kernel', boot?.kernel, 'nvram', 'loader', 'type');
  setChildText(os, 'initrd', boot?.initrd, 'kernel');
  const cmdline = boot === undefined || boot.cmdline === '' ? undefined : boot.cmdline;
  setChildText(os, 'cmdline', cmdline, 'initrd', 'kernel');
}

export function writeBootMenu(root: Element, timeoutMs: number | undefined): void {
  const os = ensureOs(root);
  if (timeoutMs === readBootMenuMs(root)) return;
  const menu = timeoutMs === undefined ? false : { enable: 'yes', timeout: String(timeoutMs) };
  setChild(os, 'bootmenu', menu, 'cmdline', 'initrd', 'kernel', 'nvram', 'loader', 'type');
}

/** An order given by devices (<boot order>) does not go together with one given by kinds. */
export function removeBootDevs(root: Element): void {
  const os = findChild(root, 'os');
  if (os) setChild(os, 'boot', false);
}

function findOs(root: Element, name: string): Element | undefined {
  const os = findChild(root, 'os');
  return os && findChild(os, name);
}

const ensureOs = (root: Element): Element => ensureChild(root, 'os', 'vcpu');
