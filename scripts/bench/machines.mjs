// Those that are compared: how each runs the program, and how the virtual ones boot Debian to a prompt.
import { spawnSync } from 'node:child_process';
import { ensureGuest } from '../guests.mjs';
import { programInitramfs } from './program.mjs';
import { v86Launcher } from './v86.mjs';

const KERNEL = { 64: 'cloud-amd64', 32: '686' };
const QEMU = { 64: 'qemu-system-x86_64', 32: 'qemu-system-i386' };
/** QEMU counts the ports of displays from here. */
const VNC_BASE = 5900;
const PROGRAM_MIB = 256;
const BOOT_MIB = 512;

const qemu = (command, { kernel, initrd, append, memory }, { machine = 'pc', image, vncPort } = {}) => ({
  name: 'TCG',
  isVirtual: true,
  vncPort,
  command,
  args: [
    ...['-accel', 'tcg', '-machine', machine, '-cpu', 'max', '-smp', '1', '-m', String(memory)],
    ...['-nodefaults', '-no-user-config', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', append],
    // As Vivarium does it: through the host's page cache, a flush is fdatasync.
    ...(image ? ['-drive', `if=none,id=disk,format=raw,cache=writeback,file=${image}`] : []),
    ...(image ? ['-device', 'ide-hd,drive=disk,bus=ide.0'] : []),
    ...(vncPort ? ['-device', 'VGA', '-vnc', `127.0.0.1:${vncPort - VNC_BASE}`] : ['-display', 'none']),
  ],
});

const vivarium = (runner, { kernel, initrd, append, memory }, { machine = 'pc', image, vncPort } = {}) => ({
  name: 'Vivarium',
  isVirtual: true,
  vncPort,
  command: process.execPath,
  args: [
    ...[runner, 'run', '--machine', machine],
    ...['--kernel', kernel, '--initrd', initrd, '--append', append, '--memory', String(memory)],
    ...(image ? ['--disk', image] : []),
    ...(vncPort ? ['--vnc', String(vncPort)] : []),
  ],
});

/** The two virtual ones of a machine type, each with its own disk or display: `own` gives { image, vncPort } of the nth. */
export function machinePair(boot, runner, machine, own) {
  return [
    ...(qemuMissing(QEMU[64]) ? [] : [qemu(QEMU[64], boot, { machine, ...own(0) })]),
    vivarium(runner, boot, { machine, ...own(1) }),
  ];
}

const firstLine = (text) => text.trim().split('\n')[0];

function nativeMissing(program) {
  const { status, error } = spawnSync(program, { input: 'quit\n' });
  return status === 0 ? undefined : `this host does not run ${program}: ${error?.message ?? `status ${status}`}`;
}

function qemuMissing(command) {
  const { status } = spawnSync(command, ['--version']);
  return status === 0 ? undefined : `${command} is not installed (Debian: qemu-system-x86)`;
}

/** v86 runs 32-bit guests only. */
function findV86(bits) {
  if (bits !== 32) return {};
  try {
    return { launch: v86Launcher() };
  } catch (error) {
    return { missing: firstLine(error.message) };
  }
}

function findGuest(bits) {
  try {
    return ensureGuest(KERNEL[bits]);
  } catch (error) {
    return { missing: firstLine(error.message) };
  }
}

/**
 * What can be launched here for the program and for a boot to a prompt, and what cannot, and why.
 * @returns {{ programs: object[], boots: object[], skipped: string[] }}
 */
export function findMachines({ guest: bits }, program, runner) {
  const found = { programs: [], boots: [], skipped: [] };
  const native = nativeMissing(program);
  if (native) found.skipped.push(`native: ${native}`);
  else found.programs.push({ name: 'native', isVirtual: false, command: program, args: [] });
  const guest = findGuest(bits);
  if (guest.missing) {
    found.skipped.push(`all machines: ${guest.missing}`);
    return found;
  }
  const initrd = programInitramfs(program, bits);
  const bench = { kernel: guest.kernel, initrd, append: 'console=ttyS0 loglevel=0', memory: PROGRAM_MIB };
  const boot = { ...guest, append: 'console=ttyS0', memory: BOOT_MIB };
  const noQemu = qemuMissing(QEMU[bits]);
  const v86 = findV86(bits);
  if (noQemu) found.skipped.push(`TCG: ${noQemu}`);
  if (v86.missing) found.skipped.push(`v86: ${v86.missing}`);
  const launchers = [
    ...(noQemu ? [] : [(what) => qemu(QEMU[bits], what)]),
    ...(v86.launch ? [v86.launch] : []),
    (what) => vivarium(runner, what),
  ];
  found.programs.push(...launchers.map((launch) => launch(bench)));
  found.boots.push(...launchers.map((launch) => launch(boot)));
  return found;
}
