/** The boot page as data: every drive with whether it is tried, in order, the menu, and the kernel that comes first. */
import type { BootOptions, DeviceId, Hardware } from '../../../../core/contracts/hardware.ts';
import { DEFAULT_BOOT_MENU_MS, MAX_BOOT_MENU_MS } from '../../../../core/contracts/hardware.ts';

export interface BootEntry {
  readonly id: DeviceId;
  readonly enabled: boolean;
}
export interface BootDraft {
  readonly entries: readonly BootEntry[];
  readonly menu: boolean;
  readonly menuSeconds: string;
  readonly direct: boolean;
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
}

/** Those that are tried first, then the others. */
export function bootDraftOf({ boot, devices }: Hardware): BootDraft {
  const drives = devices.filter(({ settings }) => settings?.kind === 'disk').map(({ id }) => id);
  const others = drives.filter((id) => !boot.order.includes(id));
  return {
    entries: [...boot.order.map((id) => ({ id, enabled: true })), ...others.map((id) => ({ id, enabled: false }))],
    menu: boot.menuTimeoutMs !== undefined,
    menuSeconds: String((boot.menuTimeoutMs ?? DEFAULT_BOOT_MENU_MS) / 1000),
    direct: boot.kernel !== undefined,
    kernel: boot.kernel?.kernel ?? '',
    initrd: boot.kernel?.initrd ?? '',
    cmdline: boot.kernel?.cmdline ?? '',
  };
}

export function bootOptionsOf(draft: BootDraft): BootOptions {
  const { entries, menu, menuSeconds, direct, kernel, initrd, cmdline } = draft;
  return {
    order: entries.filter(({ enabled }) => enabled).map(({ id }) => id),
    ...(menu && { menuTimeoutMs: Math.round(Number(menuSeconds) * 1000) }),
    ...(direct && {
      kernel: { kernel: kernel.trim(), ...(initrd.trim() && { initrd: initrd.trim() }), cmdline: cmdline.trim() },
    }),
  };
}

/** The same with the entry one place up (-1) or down (1). */
export function moved(entries: readonly BootEntry[], index: number, by: -1 | 1): readonly BootEntry[] {
  const [entry, other] = [entries[index], entries[index + by]];
  if (!entry || !other) return entries;
  return entries.map((each, at) => (at === index ? other : at === index + by ? entry : each));
}

export function menuError({ menu, menuSeconds }: BootDraft): string | undefined {
  const seconds = Number(menuSeconds);
  const most = Math.floor(MAX_BOOT_MENU_MS / 1000);
  const isFine = menuSeconds.trim() !== '' && seconds >= 0 && seconds <= most;
  return menu && !isFine ? `Enter a number of seconds from 0 to ${most}.` : undefined;
}
