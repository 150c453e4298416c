/** AES-NI, PCLMULQDQ and SHA extensions. */
import type { Feature } from '../features.ts';
import type { Emitter } from '../semantics/emit.ts';
import * as aes from '../semantics/sse/aes.ts';
import { emitPclmulqdq } from '../semantics/sse/clmul.ts';
import * as sha from '../semantics/sse/sha.ts';
import type { RowSpec } from './row.ts';
import { withVex, withVexSource } from './sse-forms.ts';

const row = (op: number, pp: 0 | 0x66, name: string, emit: Emitter, cpuid: Feature, more = ''): RowSpec => ({
  op,
  pp,
  name,
  form: `Vx,Wx${more}`,
  emit,
  cpuid,
});

export const CRYPTO_ROWS: readonly RowSpec[] = [
  ...withVex('L0', [row(0x0f38db, 0x66, 'AESIMC', aes.emitAesimc, 'aes')]),
  ...withVexSource('L0', [
    row(0x0f38dc, 0x66, 'AESENC', aes.emitAesenc, 'aes'),
    row(0x0f38dd, 0x66, 'AESENCLAST', aes.emitAesenclast, 'aes'),
    row(0x0f38de, 0x66, 'AESDEC', aes.emitAesdec, 'aes'),
    row(0x0f38df, 0x66, 'AESDECLAST', aes.emitAesdeclast, 'aes'),
  ]),
  ...withVex('L0', [row(0x0f3adf, 0x66, 'AESKEYGENASSIST', aes.emitAeskeygenassist, 'aes', ',Ib')]),
  ...withVexSource('L0', [row(0x0f3a44, 0x66, 'PCLMULQDQ', emitPclmulqdq, 'pclmuldq', ',Ib')]),
  row(0x0f3acc, 0, 'SHA1RNDS4', sha.emitSha1rnds4, 'sha-ni', ',Ib'),
  row(0x0f38c8, 0, 'SHA1NEXTE', sha.emitSha1nexte, 'sha-ni'),
  row(0x0f38c9, 0, 'SHA1MSG1', sha.emitSha1msg1, 'sha-ni'),
  row(0x0f38ca, 0, 'SHA1MSG2', sha.emitSha1msg2, 'sha-ni'),
  row(0x0f38cb, 0, 'SHA256RNDS2', sha.emitSha256rnds2, 'sha-ni'),
  row(0x0f38cc, 0, 'SHA256MSG1', sha.emitSha256msg1, 'sha-ni'),
  row(0x0f38cd, 0, 'SHA256MSG2', sha.emitSha256msg2, 'sha-ni'),
];
