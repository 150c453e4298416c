/** From the bytes of a kernel file to a plan for the machine, by whichever boot protocol the file speaks. */
import { BootError, type BootFiles, type BootPlan, type BootTarget } from './boot-image.ts';
import { CHOOSE_KERNEL, describeUnbootable } from './inspect.ts';
import { hasLinuxHeader, planLinuxBoot } from './linux-boot.ts';
import { findMultibootHeader, planMultibootBoot } from './multiboot.ts';
import { planPvhBoot, pvhEntry } from './pvh.ts';

/** Throws BootError when the files cannot be booted on this machine. */
export function planBoot(files: BootFiles, target: BootTarget): BootPlan {
  if (files.initrd && files.initrd.length === 0) {
    throw new BootError('The initial RAM disk is an empty file.', 'Choose another file, or none.');
  }
  if (hasLinuxHeader(files.kernel)) return planLinuxBoot(files, target);
  if (findMultibootHeader(files.kernel)) return planMultibootBoot(files, target);
  if (pvhEntry(files.kernel) !== undefined) return planPvhBoot(files, target);
  throw new BootError(`This is not a kernel: it is ${describeUnbootable(files.kernel)}.`, CHOOSE_KERNEL);
}
