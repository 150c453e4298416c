/**
 * Rules for names of virtual machines. As libvirt's (virDomainDefPostParse and virXMLCheckIllegalChars refuse '/', newlines
 * and blank names), and narrower where a name would be a trap: no blanks at the ends, no control characters, no '.' or '..'.
 */

const MAX_NAME_CHARS = 255;

/** What is wrong with a name, as a sentence; undefined when nothing is. */
export function problemWithName(name: string): string | undefined {
  if (name.trim() === '') return 'The name is empty.';
  if (name !== name.trim()) return 'The name begins or ends with a blank.';
  if ([...name].length > MAX_NAME_CHARS) return `The name has more than ${MAX_NAME_CHARS} characters.`;
  if (name.includes('/')) return 'The name contains "/".';
  if (name === '.' || name === '..') return `"${name}" is not a name.`;
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufffe\uffff]/u.test(name))
    return 'The name contains a character that cannot be shown.';
  return undefined;
}

/** Two names are the same VM's when they read the same: composed and decomposed letters are equal, case is not. */
export function sameName(a: string, b: string): boolean {
  return a.normalize('NFC') === b.normalize('NFC');
}
