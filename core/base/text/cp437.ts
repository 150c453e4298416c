/**
 * Code page 437, the character set of the PC's text screen, to and from Unicode. 01-1F and 7F are the graphic
 * characters a screen shows for those codes, not control characters; 00 shows as a blank.
 * [CP437] Unicode, MAPPINGS/VENDORS/MICSFT/PC/CP437.TXT and MAPPINGS/VENDORS/MISC/IBMGRAPH.TXT.
 */

/** One character for each code 00-FF. */
export const CP437: readonly string[] = [
  ...' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼',
  ...'►◄↕‼¶§▬↨↑↓→←∟↔▲▼',
  ...' !"#$%&\'()*+,-./',
  ...'0123456789:;<=>?',
  ...'@ABCDEFGHIJKLMNO',
  ...'PQRSTUVWXYZ[\\]^_',
  ...'`abcdefghijklmno',
  ...'pqrstuvwxyz{|}~⌂',
  ...'ÇüéâäàåçêëèïîìÄÅ',
  ...'ÉæÆôöòûùÿÖÜ¢£¥₧ƒ',
  ...'áíóúñÑªº¿⌐¬½¼¡«»',
  ...'░▒▓│┤╡╢╖╕╣║╗╝╜╛┐',
  ...'└┴┬├─┼╞╟╚╔╩╦╠═╬╧',
  ...'╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀',
  ...'αßΓπΣσµτΦΘΩδ∞φε∩',
  ...'≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
];

const CODES = new Map(CP437.map((character, code) => [character, code] as const).reverse());
CODES.set(' ', 0x20);

/** The code that shows this character, or undefined where the code page has none. */
export function cp437Code(character: string): number | undefined {
  return CODES.get(character);
}

/** Text to codes; characters the code page lacks become `?`. */
export function encodeCp437(text: string): Uint8Array {
  return Uint8Array.from([...text], (character) => cp437Code(character) ?? 0x3f);
}
