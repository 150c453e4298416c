// The guests that can be had, and the packages of Debian 12 they come from. Their kernels are Debian's own, unchanged.

/** A kernel of Debian with a busybox shell: the meta package leads to the one with the kernel. */
const linux = (flavour, architecture, meta = `linux-image-${flavour}`) => ({
  kind: 'linux',
  architecture,
  meta,
  image: new RegExp(`^linux-image-[0-9][^-]*-[0-9]+-${flavour}(?:-unsigned)?$`),
});
/** A file of memtest86+, which is started as a Linux kernel is. */
const memtest = (file) => ({ kind: 'memtest', architecture: 'amd64', meta: 'memtest86+', file });

export const GUESTS = {
  'cloud-amd64': linux('cloud-amd64', 'amd64'),
  amd64: linux('amd64', 'amd64'),
  686: linux('686', 'i386'),
  '686-pae': linux('686-pae', 'i386'),
  'memtest86+x64': memtest('memtest86+x64.bin'),
  'memtest86+ia32': memtest('memtest86+ia32.bin'),
};
/** What `npm run guests` gets when it is not told. */
export const DEFAULT_GUEST = 'cloud-amd64';
