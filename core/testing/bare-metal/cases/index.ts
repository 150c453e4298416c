import { cross } from '../case.ts';
const ALL = ['real','vm86','vm86 iopl3','16 cpl0','16 cpl3','32 cpl0','32 cpl1','32 cpl2','32 cpl3','paged cpl0','paged cpl3','pae cpl0','pae cpl3','64 cpl0','64 cpl3','compat32 cpl0','compat32 cpl3','compat16 cpl0','compat16 cpl3'];
export const CASES = [...cross(ALL, ['mov eax, 0x1234', 'int3'])];
