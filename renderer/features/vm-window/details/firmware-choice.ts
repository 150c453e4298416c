/** The firmware as its fields show it: Vivarium's BIOS, an image that the host has, or one of the user's own. */
import type { FirmwareChoice, FirmwareImage } from '../../../../core/contracts/hardware.ts';

export const BIOS = 'bios';
export const CUSTOM = 'custom';

export interface FirmwareDraft {
  /** BIOS, CUSTOM, or the path of one of the host's images. */
  readonly firmware: string;
  readonly path: string;
  readonly type: 'rom' | 'pflash';
}

export function firmwareDraftOf(firmware: FirmwareChoice, images: readonly FirmwareImage[]): FirmwareDraft {
  if (firmware.kind === 'bios') return { firmware: BIOS, path: '', type: 'rom' };
  const { path, type } = firmware;
  const known = images.some((image) => image.path === path && image.type === type);
  return { firmware: known ? path : CUSTOM, path, type };
}

export function firmwareOf(draft: FirmwareDraft, images: readonly FirmwareImage[]): FirmwareChoice {
  if (draft.firmware === BIOS) return { kind: 'bios' };
  const { path, type } = images.find((image) => image.path === draft.firmware) ?? { ...draft, path: draft.path.trim() };
  return { kind: 'image', path, type };
}
