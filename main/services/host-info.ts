/** What the host is and can give. */
import { availableParallelism, homedir, hostname, totalmem } from 'node:os';
import type { HostInfo } from '../../core/contracts/calls.ts';
import { MAX_MEMORY_MIB } from '../../core/contracts/machine.ts';
import { version } from '../../package.json';
import { firmwareImages } from './firmware-images.ts';

/** The most memory one guest can have: what this build can address, less what the host does not have at all. */
export function maxGuestMemoryMiB(hostMemoryBytes = totalmem()): number {
  return Math.min(MAX_MEMORY_MIB, Math.floor(hostMemoryBytes / 2 ** 20));
}

export function hostInfo(host: HostInfo['host'], dataDir: string, cpuModels: HostInfo['cpuModels']): HostInfo {
  return {
    version,
    host,
    hostName: hostname(),
    platform: process.platform,
    hypervisor: 'Emulated KVM',
    hostCpus: availableParallelism(),
    hostMemoryMiB: Math.floor(totalmem() / 2 ** 20),
    maxGuestMemoryMiB: maxGuestMemoryMiB(),
    dataDir,
    homeDir: homedir(),
    cpuModels,
    firmwareImages: firmwareImages(),
  };
}
