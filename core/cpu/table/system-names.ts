/** Instructions whose meaning is TypeScript in system/: rare ones, where clarity wins. */
export const SYSTEM_NAMES = [
  'undefined', 'generalProtection', 'deviceNotAvailable',
  'pushSegment', 'popSegment', 'pusha', 'popa', 'bound', 'arpl', 'popMemory', 'movFromSegment', 'movToSegment', 'loadFarPointer',
  'callFar', 'jumpFar', 'callFarIndirect', 'jumpFarIndirect', 'retFar', 'iret', 'int3', 'int', 'into', 'icebp',
  'popf', 'enter', 'salc', 'daa', 'das', 'aaa', 'aas',
  'in', 'out', 'ins', 'outs', 'hlt',
  'sldt', 'str', 'lldt', 'ltr', 'verr', 'verw', 'sgdt', 'sidt', 'lgdt', 'lidt', 'smsw', 'lmsw', 'invlpg', 'swapgs', 'rdtscp',
  'vmcall', 'lar', 'lsl', 'syscall', 'clts', 'sysret', 'invd', 'wbinvd',
  'movFromControl', 'movToControl', 'movFromDebug', 'movToDebug', 'wrmsr', 'rdtsc', 'rdmsr', 'rdpmc', 'sysenter', 'sysexit', 'cpuid',
  'rsm', 'fxsave', 'fxrstor', 'ldmxcsr', 'stmxcsr', 'clflush', 'readFsGsBase', 'writeFsGsBase', 'cmpxchg8b',
  'rdrand', 'rdseed', 'rdpid', 'x87', 'fwait',
] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];
