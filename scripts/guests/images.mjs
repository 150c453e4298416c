// Media that are built here out of Debian's packages: installer CD-ROMs, FAT images, disks with Debian installed.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { say } from '../setup.mjs';
import { buildDebianDisk } from './debian-disk.mjs';
import { requireTools, runTool } from './tools.mjs';

const CODE = ['images.mjs', 'debian-disk.mjs'].map((file) => fileURLToPath(new URL(file, import.meta.url)));

/** What a built image came from: another recipe or other parts make another image. */
function digestOf(inputs) {
  const hash = createHash('sha256');
  const parts = inputs.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  for (const file of [...CODE, ...parts]) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}

/**
 * The folder in `store` with the file that `recipe` builds.
 * @param inputs folders of the guests it is made from
 * @throws when it is not there and cannot be built; the message says what is missing
 */
export function ensureImage(name, recipe, inputs, store) {
  const folder = join(store, digestOf(inputs));
  if (existsSync(folder)) return folder;
  requireTools(recipe.tools);
  mkdirSync(store, { recursive: true });
  const fresh = mkdtempSync(join(store, 'build-'));
  try {
    say(`Building ${name} ...`);
    recipe.build(fresh, inputs);
    renameSync(fresh, folder);
    return folder;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** all_video: without it UEFI's screen is not handed on to the kernel. */
const GRUB_CFG = `serial --unit=0 --speed=115200
insmod all_video
set timeout=1
menuentry "Install" {
  linux /linux vga=788 --- quiet
  initrd /initrd.gz
}
`;

/** A CD-ROM that starts Debian's installer: GRUB for BIOS and UEFI, the kernel and the installer's initramfs. */
function installerIso(folder, [installer]) {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'boot', 'grub'), { recursive: true });
  for (const file of ['linux', 'initrd.gz']) copyFileSync(join(installer, file), join(tree, file));
  writeFileSync(join(tree, 'boot', 'grub', 'grub.cfg'), GRUB_CFG);
  runTool('grub-mkrescue', ['-o', join(folder, 'installer.iso'), tree]);
  rmSync(tree, { recursive: true });
}

const SECTOR_BYTES = 512;
const PARTITION_START = 2048;
const FLOPPY_KIB = 1440;
const DISK_SECTORS = 65536;
const SYSLINUX_CFG = `PROMPT 1
SAY A FAT file system, written by mtools.
DEFAULT none
LABEL bye
  COM32 poweroff.c32
`;

/** A FAT12 floppy and a hard disk with an MBR and a FAT16 partition, both with SYSLINUX, which is put there by mtools. */
function fatImages(folder, [syslinux]) {
  const config = join(folder, 'syslinux.cfg');
  writeFileSync(config, SYSLINUX_CFG);
  const modules = ['poweroff.c32', 'libcom32.c32'].map((file) => join(syslinux, file));

  const floppy = join(folder, 'floppy.img');
  runTool('mformat', ['-C', '-f', String(FLOPPY_KIB), '-i', floppy, '::']);
  runTool('mcopy', ['-i', floppy, config, ...modules, '::']);
  runTool('syslinux', ['--install', floppy]);

  const disk = join(folder, 'disk.img');
  writeFileSync(disk, new Uint8Array(DISK_SECTORS * SECTOR_BYTES));
  const table = `label: dos\nstart=${PARTITION_START}, type=6, bootable\n`;
  runTool('sfdisk', ['--quiet', disk], { input: table });
  const offset = PARTITION_START * SECTOR_BYTES;
  const image = `${disk}@@${offset}`;
  const geometry = [
    '-T',
    String(DISK_SECTORS - PARTITION_START),
    '-H',
    String(PARTITION_START),
    '-h',
    '16',
    '-s',
    '63',
  ];
  runTool('mformat', [...geometry, '-i', image, '::']);
  runTool('mcopy', ['-i', image, config, ...modules, '::']);
  runTool('syslinux', ['--offset', String(offset), '--install', disk]);
  writeBootCode(disk, readFileSync(join(syslinux, 'mbr.bin')));
  rmSync(config);
}

/** Puts boot code into the first sector, around its partition table. */
function writeBootCode(disk, code) {
  const image = readFileSync(disk);
  image.set(code.subarray(0, 440));
  writeFileSync(disk, image);
}

/** What can be built: the guests of the catalogue it is made from, the programs it takes, and how. */
export const RECIPES = {
  installerIso: { tools: ['grub-mkrescue', 'xorriso', 'mformat'], build: installerIso },
  fatImages: { tools: ['mformat', 'sfdisk', 'syslinux'], build: fatImages },
  debianDisk: {
    tools: ['debootstrap', 'mke2fs', 'sfdisk', 'mkdosfs', 'mformat', 'grub-mkimage'],
    build: buildDebianDisk,
  },
};
