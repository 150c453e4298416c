/** A definition that cannot be used. message: what is wrong; hint: what to do in the file. */
export class DomainXmlError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = 'DomainXmlError';
  }
}
