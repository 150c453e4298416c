/** VIVARIUM_TRANSLATE=always runs the tests of the processor on translated code, from the first execution of each block. */
import { Cpu } from '../cpu/index.ts';

const when = process.env['VIVARIUM_TRANSLATE'];
if (when === 'always' || when === 'hot' || when === 'never') Cpu.translation = when;
