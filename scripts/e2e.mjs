// npm run e2e: the Playwright specs of e2e/ against the built app. Arguments go to Playwright: npm run e2e -- -g serial
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findBrowser } from './browser.mjs';
import { DEFAULT_GUEST, USUAL_GUESTS } from './guests/catalogue.mjs';
import { ensureGuest } from './guests.mjs';
import { ensureBuilt, ensureInstalled, isEntry, root, say } from './setup.mjs';

/** Each guest by name: where its files lie, or why there is none. */
export function findGuests(names = USUAL_GUESTS) {
  return Object.fromEntries(
    names.map((name) => {
      try {
        return [name, ensureGuest(name)];
      } catch (error) {
        return [name, { missing: error.message.split('\n')[0] }];
      }
    }),
  );
}

/** The environment by which specs and guest tests learn of them. */
export const guestEnvironment = (guests) => ({ VIVARIUM_GUESTS: JSON.stringify(guests) });

/** Runs the specs; returns the counts, with `reason` when all were skipped. */
export function runE2e(args, environment) {
  const browser = findBrowser();
  if (browser.missing) return { passed: 0, failed: 0, skipped: 1, reason: browser.missing };
  const report = join(root, 'out', 'test', 'e2e.json');
  mkdirSync(join(root, 'out', 'test'), { recursive: true });
  rmSync(report, { force: true });
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', '@playwright', 'test', 'cli.js'), 'test', ...args],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...environment, CHROMIUM: browser.path, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    },
  );
  return countsOf(report, status);
}

function countsOf(report, status) {
  try {
    const { stats, errors } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = stats.unexpected + stats.flaky + errors.length;
    return { passed: stats.expected, failed: failed || (status === 0 ? 0 : 1), skipped: stats.skipped };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

if (isEntry(import.meta.url)) {
  ensureInstalled();
  ensureBuilt();
  const { failed, reason } = runE2e(process.argv.slice(2), guestEnvironment(findGuests([DEFAULT_GUEST])));
  if (reason) say(`skipped: ${reason}`);
  process.exitCode = failed ? 1 : 0;
}
