// The guests that can be had, and the packages of Debian 12 they come from. All of it is Debian's own, unchanged.

/** A kernel of Debian with a busybox shell: the meta package leads to the one with the kernel. */
const linux = (flavour, architecture, meta = `linux-image-${flavour}`) => ({
  kind: 'linux',
  architecture,
  meta,
  image: new RegExp(`^linux-image-[0-9][^-]*-[0-9]+-${flavour}(?:-unsigned)?$`),
});
/** Modules of Debian's full kernel for disks at the IDE and AHCI controllers, each after those it needs. */
const DISK_DRIVERS = [
  ...['crct10dif_common.ko', 'crct10dif_generic.ko', 'crc-t10dif.ko', 'crc64.ko', 'crc64_rocksoft_generic.ko'],
  ...['crc64-rocksoft.ko', 't10-pi.ko', 'scsi_common.ko', 'scsi_mod.ko', 'sd_mod.ko'],
  ...['libata.ko', 'ata_piix.ko', 'libahci.ko', 'ahci.ko'],
];
/** A file of memtest86+, which is started as a Linux kernel is. */
const memtest = (file) => ({ kind: 'memtest', architecture: 'amd64', meta: 'memtest86+', file });

/** Files of a package, by the names under which tests find them in one folder. */
const files = (meta, parts) => ({ kind: 'files', architecture: 'amd64', meta, parts });

/** Media built by a recipe of images.mjs from the files of other guests. */
const image = (recipe, ...from) => ({ kind: 'image', recipe, from });
/** The same, for tests that only `npm test -- media-long` runs: hundreds of MB, or minutes. */
const large = (guest) => ({ ...guest, large: true });

const installer = (flavour) =>
  files('debian-installer-12-netboot-amd64', {
    linux: new RegExp(`/amd64/${flavour}/debian-installer/amd64/linux$`),
    'initrd.gz': new RegExp(`/amd64/${flavour}/debian-installer/amd64/initrd\\.gz$`),
  });

export const GUESTS = {
  'cloud-amd64': linux('cloud-amd64', 'amd64'),
  amd64: { ...linux('amd64', 'amd64'), drivers: DISK_DRIVERS },
  686: linux('686', 'i386'),
  '686-pae': linux('686-pae', 'i386'),
  'memtest86+x64': memtest('memtest86+x64.bin'),
  'memtest86+ia32': memtest('memtest86+ia32.bin'),
  seabios: files('seabios', {
    'bios-256k.bin': /\/bios-256k\.bin$/,
    'vgabios-stdvga.bin': /\/vgabios-stdvga\.bin$/,
  }),
  ovmf: files('ovmf', {
    'OVMF_CODE_4M.fd': /\/OVMF_CODE_4M\.fd$/,
    'OVMF_VARS_4M.fd': /\/OVMF_VARS_4M\.fd$/,
  }),
  'grub-rescue': files('grub-rescue-pc', {
    'grub-rescue-cdrom.iso': /\/grub-rescue-cdrom\.iso$/,
    'grub-rescue-floppy.img': /\/grub-rescue-floppy\.img$/,
  }),
  'memtest86+iso': files('memtest86+', { 'memtest86+x64.iso': /\/memtest86\+x64\.iso$/ }),
  ipxe: files('ipxe', { 'ipxe.iso': /\/ipxe\.iso$/ }),
  'syslinux-modules': files('syslinux-common', {
    'mbr.bin': /\/mbr\/mbr\.bin$/,
    'libcom32.c32': /\/bios\/libcom32\.c32$/,
    'poweroff.c32': /\/bios\/poweroff\.c32$/,
  }),
  'fat-images': image('fatImages', 'syslinux-modules'),
  'installer-text': large(installer('text')),
  'installer-gtk': large(installer('gtk')),
  'installer-text-iso': large(image('installerIso', 'installer-text')),
  'installer-gtk-iso': large(image('installerIso', 'installer-gtk')),
  'debian-disk': large(image('debianDisk')),
};
/** The guests that `npm test` gets ready. */
export const USUAL_GUESTS = Object.keys(GUESTS).filter((name) => !GUESTS[name].large);
/** What `npm run guests` gets when it is not told. */
export const DEFAULT_GUEST = 'cloud-amd64';
