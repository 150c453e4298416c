/** Core as main uses it: the one file of main that reaches core's code. Tests put a fake in its place. */
import { buildWelcomeImage, describeBootFile, describeCpuModels, startMachine } from '../../core/worker/client.ts';
import type { CorePorts } from './app.ts';

export const corePorts: CorePorts = {
  startMachine: (config) => startMachine(config),
  describeBootFile,
  buildWelcomeImage,
  describeCpuModels,
};
