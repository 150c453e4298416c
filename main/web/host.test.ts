import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { VmSummary } from '../../core/contracts/calls.ts';
import { browserCommand } from './open-browser.ts';
import { parseOptions } from './options.ts';
import { handleSignals } from './signals.ts';

describe('the command line', () => {
  it.each([
    [[], {}, { port: 0, openBrowser: true }],
    [['--port', '4173', '--no-open'], { PORT: '80' }, { port: 4173, openBrowser: false }],
    [[], { PORT: '4173' }, { port: 4173 }],
    [['--data', '/d'], { VIVARIUM_DATA: '/e' }, { dataRoot: '/d' }],
    [[], { VIVARIUM_DATA: '/e' }, { dataRoot: '/e' }],
    [['--port', '70000'], {}, { wrong: '"70000" is not a port: 0 to 65535.' }],
    [[], { PORT: 'x' }, { wrong: '"x" is not a port: 0 to 65535.' }],
    [['--nonsense'], {}, { wrong: expect.stringContaining('--nonsense') }],
    [['--help'], {}, { usage: expect.stringContaining('--no-open') }],
  ])('%j with %j gives %j', (args, env, expected) => {
    expect(parseOptions(args, env)).toMatchObject(expected);
  });
});

describe('opening a browser', () => {
  it.each([
    ['linux', { DISPLAY: ':0' }, ['xdg-open', 'URL']],
    ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, ['xdg-open', 'URL']],
    ['linux', {}, undefined],
    ['darwin', {}, ['open', 'URL']],
    ['win32', {}, ['cmd', '/d', '/s', '/c', 'start', '""', 'URL']],
  ] as const)('on %s with %j is %j', (platform, env, command) => {
    expect(browserCommand('URL', platform, env)).toEqual(command);
  });
});

describe('signals', () => {
  let running: string[];
  let did: string[];
  let printed: string[];
  let signals: EventEmitter;

  beforeEach(() => {
    vi.useFakeTimers();
    running = [];
    did = [];
    printed = [];
    signals = new EventEmitter();
    const app = {
      activeVms: () => running.map((name) => ({ name }) as VmSummary),
      forceOffAll: async () => void did.push('force off'),
      shutDownAll: async (graceMs: number) => void did.push(`shut down ${graceMs}`),
    };
    handleSignals(
      app,
      signals,
      (line) => printed.push(line),
      async () => void did.push('quit'),
    );
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const send = async (signal: string): Promise<void> => {
    signals.emit(signal);
    await vi.advanceTimersByTimeAsync(0);
  };

  it('end at once when nothing runs', async () => {
    await send('SIGINT');
    expect([did, printed]).toEqual([['quit'], []]);
  });

  it('ask for a second Ctrl-C while VMs run', async () => {
    running = ['a', 'b'];
    await send('SIGINT');
    expect(did).toEqual([]);
    expect(printed).toEqual(['Still running: "a", "b". Press Ctrl-C again within 5 s to force off and quit.']);
    await send('SIGINT');
    expect(did).toEqual(['force off', 'quit']);
  });

  it('ask again when the second Ctrl-C comes late', async () => {
    running = ['a'];
    await send('SIGINT');
    await vi.advanceTimersByTimeAsync(5001);
    await send('SIGINT');
    expect(did).toEqual([]);
    expect(printed).toHaveLength(2);
  });

  it('give guests time on SIGTERM; a second one does not', async () => {
    running = ['a'];
    await send('SIGTERM');
    await send('SIGTERM');
    expect(did).toEqual(expect.arrayContaining(['shut down 10000', 'force off', 'quit']));
    expect(printed[0]).toContain('Shutting down "a"');
  });
});
