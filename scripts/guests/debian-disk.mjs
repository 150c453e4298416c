// A disk with Debian installed by debootstrap: GRUB in the MBR, an EFI partition with GRUB as well, and ext4. Made without
// loop devices or mounts. Root's password is "vivarium"; logins are on the screen and on the serial port.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from './tools.mjs';

const SUITE = 'bookworm';
const PACKAGES = ['systemd-sysv', 'linux-image-amd64', 'grub-pc-bin', 'grub-efi-amd64-bin'];
const LABEL = 'debian';
const PASSWORD = 'vivarium';
const PASSWORD_HASH = ['passwd', '-6', '-salt', 'vivarium', PASSWORD];

const SECTOR_BYTES = 512;
const MIB = 2 ** 20;
const ESP_START_MIB = 1;
const ESP_MIB = 16;
const ROOT_START_MIB = ESP_START_MIB + ESP_MIB;
const DISK_MIB = 1100;
/** Before the partition table. */
const BOOT_CODE_BYTES = 440;
const EFI_MODULES =
  'part_msdos ext2 fat search search_label normal linux configfile serial terminal efi_gop all_video echo'.split(' ');

const grubConfig = (kernel, initrd) => `serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=1
menuentry "Debian" {
  search --set=root --label ${LABEL}
  linux /boot/${kernel} root=LABEL=${LABEL} ro console=tty0 console=ttyS0,115200
  initrd /boot/${initrd}
}
`;
const EFI_CONFIG = `search --set=root --label ${LABEL}
set prefix=($root)/boot/grub
`;

/** The host may be busy: nothing is given up for slowness. */
const PATIENCE = `[Manager]
DefaultTimeoutStartSec=900
DefaultDeviceTimeoutSec=900
`;

/** Debian as debootstrap leaves it, without what only takes room. */
function installDebian(tree) {
  const mirror = [tree, 'http://deb.debian.org/debian'];
  runTool('debootstrap', ['--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, ...mirror]);
  for (const folder of ['var/cache/apt/archives', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale']) {
    rmSync(join(tree, folder), { recursive: true });
    mkdirSync(join(tree, folder));
  }
}

function configure(tree) {
  writeFileSync(join(tree, 'etc', 'hostname'), 'vivarium\n');
  writeFileSync(join(tree, 'etc', 'fstab'), `LABEL=${LABEL} / ext4 defaults 0 1\n`);
  const patience = join(tree, 'etc', 'systemd', 'system.conf.d');
  mkdirSync(patience, { recursive: true });
  writeFileSync(join(patience, 'patience.conf'), PATIENCE);
  const shadow = join(tree, 'etc', 'shadow');
  const hash = runTool('openssl', PASSWORD_HASH).trim();
  writeFileSync(
    shadow,
    readFileSync(shadow, 'utf8').replace(/^root:[^:]*:/m, () => `root:${hash}:`),
  );
  const boot = join(tree, 'boot');
  const named = (start) => readdirSync(boot).find((file) => file.startsWith(start));
  const grub = join(boot, 'grub');
  cpSync(join(tree, 'usr', 'lib', 'grub', 'i386-pc'), join(grub, 'i386-pc'), { recursive: true });
  writeFileSync(join(grub, 'grub.cfg'), grubConfig(named('vmlinuz-'), named('initrd.img-')));
}

/** GRUB's boot sector in the first one, its core behind that, where it looks for it by itself. */
function installGrub(disk, modules, scratch) {
  const core = join(scratch, 'core.img');
  const prefix = '(hd0,msdos2)/boot/grub';
  runTool('grub-mkimage', ['-O', 'i386-pc', '-d', modules, '-o', core, '-p', prefix, 'biosdisk', 'part_msdos', 'ext2']);
  const bootSector = join(scratch, 'boot.bin');
  writeFileSync(bootSector, readFileSync(join(modules, 'boot.img')).subarray(0, BOOT_CODE_BYTES));
  copyInto(disk, bootSector, 0);
  copyInto(disk, core, SECTOR_BYTES);
}

/** A FAT file system with GRUB under the name that firmware looks for on any disk. [UEFI] 3.5.1.1 */
function efiPartition(modules, scratch) {
  const [config, program, esp] = ['early.cfg', 'bootx64.efi', 'esp.img'].map((file) => join(scratch, file));
  writeFileSync(config, EFI_CONFIG);
  const platform = ['-O', 'x86_64-efi', '-d', modules, '-c', config, '-p', '/boot/grub'];
  runTool('grub-mkimage', [...platform, '-o', program, ...EFI_MODULES]);
  runTool('mkdosfs', ['-C', esp, String(ESP_MIB * 1024)]);
  runTool('mmd', ['-i', esp, '::/EFI', '::/EFI/BOOT']);
  runTool('mcopy', ['-i', esp, program, '::/EFI/BOOT/BOOTX64.EFI']);
  return esp;
}

function copyInto(disk, file, offset) {
  const place = ['oflag=seek_bytes', 'conv=notrunc', `seek=${offset}`];
  runTool('dd', [`if=${file}`, `of=${disk}`, 'bs=64K', ...place]);
}

/** Makes disk.img in `folder`. @throws saying what is missing; only root can install Debian */
export function buildDebianDisk(folder) {
  if (process.getuid?.() !== 0) throw new Error('Debian can be installed into a folder only by root');
  const tree = join(folder, 'tree');
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  installDebian(tree);
  configure(tree);
  const disk = join(folder, 'disk.img');
  writeFileSync(disk, '');
  truncateSync(disk, DISK_MIB * MIB);
  const sectors = (mib) => (mib * MIB) / SECTOR_BYTES;
  const table = `label: dos
start=${sectors(ESP_START_MIB)}, size=${sectors(ESP_MIB)}, type=ef
start=${sectors(ROOT_START_MIB)}, type=83, bootable
`;
  runTool('sfdisk', ['--quiet', disk], { input: table });
  const where = ['-E', `offset=${ROOT_START_MIB * MIB}`, disk, `${DISK_MIB - ROOT_START_MIB}M`];
  runTool('mke2fs', ['-q', '-t', 'ext4', '-L', LABEL, '-d', tree, ...where]);
  const modules = (platform) => join(tree, 'usr', 'lib', 'grub', platform);
  installGrub(disk, modules('i386-pc'), scratch);
  copyInto(disk, efiPartition(modules('x86_64-efi'), scratch), ESP_START_MIB * MIB);
  for (const used of [tree, scratch]) rmSync(used, { recursive: true });
}
