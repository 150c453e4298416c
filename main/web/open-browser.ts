/** Opens an address in the person's browser, where there is a display to show it on. */
import { spawn } from 'node:child_process';

/** The command that opens an address; undefined where nothing could show it. */
export function browserCommand(
  url: string,
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
): readonly [string, ...string[]] | undefined {
  if (platform === 'darwin') return ['open', url];
  // start takes its first quoted argument for a window title.
  if (platform === 'win32') return ['cmd', '/d', '/s', '/c', 'start', '""', url];
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? ['xdg-open', url] : undefined;
}

/** False when there is no display. That a browser cannot be started is no failure: the address is printed as well. */
export function openBrowser(url: string): boolean {
  const command = browserCommand(url);
  if (command === undefined) return false;
  const [program, ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
  return true;
}
