/** The diagnostics port that power-on tests write progress codes to, and guests write to for a short delay. */
export const POST_CODE_PORT = 0x80;
