// The initramfs of the Linux guests: busybox, two modules of the guest's kernel (the power button and the input events it
// reports by) and the few lines below.
import { gzipSync } from 'node:zlib';
import { newcArchive } from '../cpio.mjs';

export const MODULES = ['button.ko', 'evdev.ko'];

const RC_SCRIPT = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
/bin/busybox --install -s
dmesg -n 3
hostname vivarium
ip link set lo up
for module in ${MODULES.join(' ')}; do insmod /lib/modules/$module; done
ready="Vivarium guest ready: Linux $(uname -r), shells on ttyS0 and tty1"
for tty in ttyS0 tty1; do echo "$ready" 2>/dev/null >/dev/$tty; done
exit 0
`;

// The fixed power button is an input device of its own, so the first event on it is a press.
const POWER_BUTTON_SCRIPT = `#!/bin/sh
event=$(grep -A 5 'Name="Power Button"' /proc/bus/input/devices | grep -o -m 1 'event[0-9]*')
[ -n "$event" ] || exec sleep 2147483647
head -c 1 /dev/input/$event >/dev/null
echo "Power button pressed: shutting down" >/dev/console
poweroff -f
`;

// busybox init gives a command with a leading '-' a session and the terminal as its controlling one. It also resets the
// terminal of each command that it starts, so the power button's is not the console: a shell is using that.
const INITTAB = `::sysinit:/etc/rc
ttyS0::respawn:-/bin/sh
tty1::respawn:-/bin/sh
null::respawn:/etc/power-button
::ctrlaltdel:/sbin/reboot -f
`;

const PROFILE = `PS1='\\w # '
HOME=/root
PATH=/bin:/sbin:/usr/bin:/usr/sbin
export PS1 HOME PATH
`;

/** The initramfs of these parts (name to bytes), gzipped. */
export function initramfs(part) {
  const folders = [
    'bin',
    'dev',
    'etc',
    'lib',
    'lib/modules',
    'proc',
    'root',
    'sbin',
    'sys',
    'tmp',
    'usr',
    'usr/bin',
    'usr/sbin',
  ];
  const script = (path, text) => ({ path, data: Buffer.from(text), mode: 0o755 });
  return gzipSync(
    newcArchive([
      ...folders.map((path) => ({ path })),
      { path: 'dev/console', device: [5, 1] },
      { path: 'bin/busybox', data: part('busybox'), mode: 0o755 },
      ...['bin/sh', 'bin/mount', 'bin/mkdir'].map((path) => ({ path, link: '/bin/busybox' })),
      { path: 'init', link: '/bin/busybox' },
      script('etc/rc', RC_SCRIPT),
      script('etc/power-button', POWER_BUTTON_SCRIPT),
      { path: 'etc/inittab', data: Buffer.from(INITTAB) },
      { path: 'etc/profile', data: Buffer.from(PROFILE) },
      ...MODULES.map((module) => ({ path: `lib/modules/${module}`, data: part(module) })),
    ]),
    { level: 9 },
  );
}
