/**
 * Generated instructions of every row against GNU objdump: where their lengths or texts differ, decoder or
 * disassembler are wrong.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { caseOf, formsOf } from '../../testing/native/forms.ts';
import { allForms } from '../../testing/x87/cases.ts';
import { ROWS } from '../table/index.ts';
import { Disassembler, listing } from './disassembler.ts';

const CASES = 6;
const SLOT = 32;
const NOP = 0x90;

/** What objdump makes of each code, padded to a slot with NOPs. */
function objdump(codes: readonly Uint8Array[], bits: 32 | 64): string[] | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-objdump-'));
  try {
    const image = new Uint8Array(codes.length * SLOT).fill(NOP);
    codes.forEach((code, n) => {
      image.set(code, n * SLOT);
    });
    const file = join(folder, 'code');
    writeFileSync(file, image);
    const machine = bits === 64 ? 'i386:x86-64' : 'i386';
    const args = ['-D', '-b', 'binary', '-m', machine, '-M', 'intel', '--insn-width=16', file];
    const { status, stdout } = spawnSync('objdump', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
    if (status !== 0) return undefined;
    const texts: string[] = codes.map(() => '(bad)');
    for (const line of stdout.split('\n')) {
      const match = /^\s*([0-9a-f]+):\t([0-9a-f ]+)\t(.*)$/.exec(line);
      const at = Number.parseInt(match?.[1] ?? '1', 16);
      if (match && at % SLOT === 0) texts[at / SLOT] = `${match[2]?.trim().split(' ').length} ${match[3]}`;
    }
    return texts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of the x87, but for the encodings that have no name of their own. */
const NAMELESS = /^(?:\(none\)|(?:FCOM2|FCOMP[35]|FXCH[47]|FSTP[189]) )/;
const x87Codes = (): Uint8Array<ArrayBuffer>[] =>
  allForms().flatMap(({ name, opcode, modrm }) => (NAMELESS.test(name) ? [] : [Uint8Array.of(opcode, modrm)]));

describe('Disassembler', () => {
  it.each([64, 32] as const)('says what objdump says, in %i-bit code', { timeout: 120_000 }, (bits) => {
    const codes = formsOf(ROWS)
      .filter(({ mode, row }) => mode.bits === bits && (row.system === undefined || row.vsib === true))
      .flatMap((form) => Array.from({ length: CASES }, (_, n) => new Uint8Array(caseOf(form, 7, n).code)))
      .concat(x87Codes());
    const theirs = objdump(codes, bits);
    if (!theirs) return; // objdump is not installed
    const disassembler = new Disassembler(bits);
    const differing = codes.flatMap((code, n) => {
      const ours = disassembler.at(code, BigInt(n * SLOT));
      const mine = `${ours?.length} ${ours?.text}`;
      const other = theirs[n] ?? '';
      return isSame(mine, other) ? [] : [`${Buffer.from(code).toString('hex')}: ${mine} | ${other}`];
    });
    expect(differing).toEqual([]);
  });

  it('lists bytes one by one where they are no instruction, and stops where one is cut short', () => {
    const bytes = Uint8Array.of(0x06, 0x48, 0x89, 0xe5, 0xd9, 0xfe, 0xe8, 0, 0);
    expect(listing(bytes, 0x1000n, 64).map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      '0x1000: 06 (bad)',
      '0x1001: 48 89 e5 mov rbp,rsp',
      '0x1004: d9 fe fsin',
    ]);
  });
});

/** Instructions that objdump spells in its own way: hints, implied operands, registers it shows wider. */
const OWN_SPELLING =
  /^\d+ (?:prefetch|nop|bnd|push|leave|xchg|v?pinsrw|v?p?maskmov|vp?gather|movabs|mov (?:[re]?ax|al),ds:|mov ds:|vmovs[sd] ymm|v?p?movmsk|crc32)/;

function isSame(ours: string, theirs: string): boolean {
  const [mine, other] = [normal(ours), normal(theirs)];
  if (mine === other) return true;
  if (/fence$/.test(mine)) return other.endsWith('(bad)'); // ModRM.rm is ignored, [SDM] volume 2; objdump wants 0
  if (Number.parseInt(mine, 10) !== Number.parseInt(other, 10)) return false;
  // LOCK before a register destination is #UD
  return OWN_SPELLING.test(other) || (mine.endsWith('(bad)') && / lock \w+ [^,[]*,/.test(other));
}

/** Without prefixes that have no effect, which only objdump names, and with predicates as operands. */
function normal(text: string): string {
  return text
    .toLowerCase()
    .replace(/\s*#.*$/, '')
    .replaceAll(/\b[ds]s:\[/g, '[')
    .replaceAll(/\b(?:rex(?:\.w?r?x?b?)?|addr32|data16|notrack|[c-gs]s) /g, '')
    .replace(
      /\+0xffffffff[89a-f][0-9a-f]{7}\b/,
      (hex) => `-0x${BigInt.asUintN(64, -BigInt(hex.slice(1))).toString(16)}`,
    )
    .replace(/\[eiz\*1\+(\w+)\]/, 'ds:$1')
    .replace('+0x0]', ']')
    .replace(/ (v?cmp)(?:[a-z_]*?)([ps][sd]) (.*?)(?:,0x[0-9a-f]+)?$/, ' $1$2 $3')
    .replace(/ (v?pclmul)\w*dq (.*?)(?:,0x[0-9a-f]+)?$/, ' $1qdq $2')
    .replace(/(pcmpestr[im])q/, '$1')
    .replace(/\(8?\d87 only\)/, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
