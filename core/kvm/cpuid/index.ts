/** CPUID: names of its bits, leaves for a processor, and what the emulated one supports. */
export { CPUID_BITS, featureNamesOf, featuresOf } from './features.ts';
export { type CpuDescription, cpuidEntries } from './leaves.ts';
export { readCpuid } from './read.ts';
export { SUPPORTED_FEATURES, supportedCpuid } from './supported.ts';
