// Finds a browser of the Chromium family for the end-to-end tests, and fetches one where that is possible.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDebianLike } from './debian.mjs';
import { root, say } from './setup.mjs';

/** Where the usual installers put Chromium, Chrome and Edge. */
function usualPlaces() {
  if (process.platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
      (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
    );
  }
  if (process.platform === 'win32') {
    const roots = [process.env['ProgramFiles'], process.env['ProgramFiles(x86)'], process.env['LOCALAPPDATA']];
    const apps = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'];
    return roots.filter(Boolean).flatMap((folder) => apps.map((app) => join(folder, app)));
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
  return names.flatMap((name) => [`/usr/bin/${name}`, `/snap/bin/${name}`]);
}

/** The browser that Playwright would download itself, if it did. */
function playwrightsOwn() {
  const ask = "const { chromium } = require('@playwright/test'); process.stdout.write(chromium.executablePath())";
  return spawnSync(process.execPath, ['-e', ask], { cwd: root, encoding: 'utf8' }).stdout.trim();
}

function installed() {
  return [...usualPlaces(), playwrightsOwn()].find((path) => path && existsSync(path));
}

function run(command, args) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
    timeout: 10 * 60_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return result.status === 0;
}

function install() {
  if (isDebianLike() && process.getuid?.() === 0) {
    say('No Chromium here: installing the Debian package chromium ...');
    const get = () => run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium']);
    if (get() || (run('apt-get', ['update']) && get())) return;
  }
  say('No Chromium here: asking Playwright to download one ...');
  run(process.execPath, [join(root, 'node_modules', 'playwright', 'cli.js'), 'install', 'chromium']);
}

/** The path of a browser, or why there is none: { path } or { missing }. */
export function findBrowser() {
  const named = process.env['CHROMIUM'];
  if (named) return existsSync(named) ? { path: named } : { missing: `CHROMIUM names ${named}, which does not exist` };
  if (!installed()) install();
  const path = installed();
  return path
    ? { path }
    : { missing: 'no Chromium, Chrome or Edge found or installable; set CHROMIUM to the path of one' };
}
