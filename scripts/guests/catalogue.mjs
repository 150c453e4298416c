// The guests that can be had, and the packages of Debian 12 they come from. All of it is Debian's own, unchanged.

/** A kernel of Debian with a busybox shell: the meta package leads to the one with the kernel. */
const linux = (flavour, architecture, meta = `linux-image-${flavour}`) => ({
  kind: 'linux',
  architecture,
  meta,
  image: new RegExp(`^linux-image-[0-9][^-]*-[0-9]+-${flavour}(?:-unsigned)?$`),
});
/** A file of memtest86+, which is started as a Linux kernel is. */
const memtest = (file) => ({ kind: 'memtest', architecture: 'amd64', meta: 'memtest86+', file });

/** Files of a package, by the names under which tests find them in one folder. */
const files = (meta, parts) => ({ kind: 'files', architecture: 'amd64', meta, parts });

export const GUESTS = {
  'cloud-amd64': linux('cloud-amd64', 'amd64'),
  amd64: linux('amd64', 'amd64'),
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
};
/** What `npm run guests` gets when it is not told. */
export const DEFAULT_GUEST = 'cloud-amd64';
