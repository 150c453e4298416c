/** The same app in its desktop host, where Electron's binary and a display are. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, expect, test } from '@playwright/test';
import { ManagerPage } from '../pages/manager-page.ts';

const ROOT = join(import.meta.dirname, '..', '..');

async function electronBinary(): Promise<string | undefined> {
  const folder = join(ROOT, 'node_modules', 'electron');
  const name = await readFile(join(folder, 'path.txt'), 'utf8').catch(() => undefined);
  const path =
    name === undefined ? undefined : join(process.env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(folder, 'dist'), name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

const hasDisplay = process.platform !== 'linux' || Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY']);

test('the welcome guest runs in the desktop app', async () => {
  const executablePath = await electronBinary();
  test.skip(executablePath === undefined, "skipped: Electron's binary is not here");
  test.skip(!hasDisplay, 'skipped: there is no display');
  if (executablePath === undefined) return;
  const dataDir = await mkdtemp(join(tmpdir(), 'vivarium-e2e-'));
  const app = await _electron.launch({
    executablePath,
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ROOT],
    env: { ...process.env, VIVARIUM_DATA: dataDir },
  });
  try {
    const manager = await new ManagerPage(await app.firstWindow()).shown();
    const vm = await manager.openVm('Welcome');
    await vm.run();
    await vm.expectOnScreen(/\S/);
    await vm.forceOff();
    expect(await app.windows()).toHaveLength(1);
  } finally {
    await app.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
