/** What a file dropped on the window is, by its name and size: the wizard's source. Main looks into it later. */
import type { NewVmStart } from '../../state/store.ts';

const MOST_FLOPPY_BYTES = 2880 * 1024;
const ISO = /\.(iso|cdr)$/i;
const FLOPPY = /\.(flp|ima|vfd)$/i;
const DISK = /\.(img|raw|dd|qcow2?|vmdk|vdi|vhdx?)$/i;

/** undefined for what is no medium by its name. */
export function mediumKind(name: string, sizeBytes: number): NewVmStart['source'] | undefined {
  if (ISO.test(name)) return 'iso';
  if (FLOPPY.test(name)) return 'floppy';
  if (!DISK.test(name)) return undefined;
  return /\.img$/i.test(name) && sizeBytes <= MOST_FLOPPY_BYTES ? 'floppy' : 'disk';
}
