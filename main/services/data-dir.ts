/**
 * Where Vivarium keeps a user's virtual machines: one folder per user, in the place each platform has for it
 * (XDG Base Directory Specification 0.8 on Linux and the BSDs, ~/Library/Application Support, %APPDATA%).
 * VIVARIUM_DATA overrides it.
 */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface DataDir {
  readonly root: string;
  /** Domain XML, one file per VM. */
  readonly vms: string;
  readonly images: string;
  readonly logs: string;
  /** UEFI's variables, a file for each VM that has any. */
  readonly nvram: string;
  /** What deleted VMs were made of. */
  readonly trash: string;
}

export function defaultDataRoot(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const chosen = env['VIVARIUM_DATA'];
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  if (platform === 'win32') return join(env['APPDATA'] ?? join(home, 'AppData', 'Roaming'), 'Vivarium');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Vivarium');
  const xdg = env['XDG_DATA_HOME'];
  // The specification: a relative path in XDG_DATA_HOME is to be ignored.
  return join(xdg?.startsWith('/') ? xdg : join(home, '.local', 'share'), 'vivarium');
}

/** Creates what is missing, readable by its owner only. Throws the host's error where that cannot be done. */
export async function openDataDir(root: string): Promise<DataDir> {
  const dir: DataDir = {
    root,
    vms: join(root, 'vms'),
    images: join(root, 'images'),
    logs: join(root, 'logs'),
    nvram: join(root, 'nvram'),
    trash: join(root, 'trash'),
  };
  for (const path of Object.values(dir)) await mkdir(path, { recursive: true, mode: 0o700 });
  return dir;
}
