/** Firmware images where distributions put them. Those of Secure Boot are left out: they need SMM, which is not there. */
import { existsSync } from 'node:fs';
import type { FirmwareImage } from '../../core/contracts/hardware.ts';

const CANDIDATES: readonly (Omit<FirmwareImage, 'path'> & { readonly paths: readonly string[] })[] = [
  {
    label: 'SeaBIOS',
    type: 'rom',
    paths: [
      '/usr/share/seabios/bios-256k.bin',
      '/usr/share/qemu/bios-256k.bin',
      '/usr/local/share/qemu/bios-256k.bin',
      '/opt/homebrew/share/qemu/bios-256k.bin',
    ],
  },
  {
    label: 'UEFI (OVMF, x86_64)',
    type: 'pflash',
    paths: [
      '/usr/share/OVMF/OVMF_CODE_4M.fd',
      '/usr/share/OVMF/OVMF_CODE.fd',
      '/usr/share/edk2/ovmf/OVMF_CODE.fd',
      '/usr/share/edk2/x64/OVMF_CODE.4m.fd',
      '/usr/share/edk2-ovmf/x64/OVMF_CODE.fd',
    ],
  },
];

export function firmwareImages(exists: (path: string) => boolean = existsSync): FirmwareImage[] {
  return CANDIDATES.flatMap(({ label, type, paths }) => {
    const path = paths.find(exists);
    return path === undefined ? [] : [{ label, type, path }];
  });
}
