/** The pages of a refusal. Each says what happened and what to do; none says anything about the VMs. */

const TEXTS = {
  token: {
    title: 'Vivarium does not know this browser',
    text: [
      'Open the address that Vivarium printed in its terminal when it started. It begins with <code>ORIGIN/?token=</code>.',
      'Every start of Vivarium has an address of its own, so one from an earlier start no longer works.',
    ],
  },
  host: {
    title: 'Vivarium is not reached by this name',
    text: ['It answers on this computer only. Open the address that it printed in its terminal when it started.'],
  },
  path: { title: 'There is no such page', text: ['Go to the <a href="/">list of virtual machines</a>.'] },
  method: { title: 'This page can only be read', text: ['Go to the <a href="/">list of virtual machines</a>.'] },
} as const;

export function refusalPage(kind: keyof typeof TEXTS, origin: string): string {
  const { title, text } = TEXTS[kind];
  const paragraphs = text.map((line) => `<p>${line.replace('ORIGIN', origin)}</p>`).join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em }</style>
<h1>${title}</h1>
${paragraphs}
</html>
`;
}
