/** What core gives main, without core: see CorePorts. A kernel is what begins with "KERNEL". */
import type { CorePorts } from '../app/app.ts';
import { FakeMachines } from './fake-machine.ts';

export const machines = new FakeMachines();

export const corePorts: CorePorts = {
  startMachine: machines.start,
  describeBootFile: {
    kernel: (bytes) =>
      new TextDecoder().decode(bytes.subarray(0, 6)) === 'KERNEL'
        ? { ok: true, description: 'a test kernel' }
        : { ok: false, description: 'a text file', message: 'Choose a kernel.' },
    initrd: () => ({ ok: true, description: 'gzip-compressed' }),
  },
  describeCpuModels: () => [
    { name: 'qemu64', missingFeatures: [] },
    { name: 'Haswell', missingFeatures: ['hle', 'rtm'] },
  ],
  buildWelcomeImage: () => new TextEncoder().encode('KERNEL welcome'),
};
