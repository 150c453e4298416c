/**
 * Small edits of an XML document that leave everything else as it was, white space included: a new element gets a
 * line of its own, indented as its neighbours. Only elements without a namespace are looked at.
 */
import type { Element, Node } from '@xmldom/xmldom';

const TEXT_NODE = 3;
const ELEMENT_NODE = 1;

export function findChild(parent: Element, name: string): Element | undefined {
  return findChildren(parent, name)[0];
}

export function findChildren(parent: Element, name: string): Element[] {
  const found: Element[] = [];
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    if (isElement(node) && node.namespaceURI === null && node.localName === name) found.push(node);
  }
  return found;
}

/** The text of an element; undefined when it is absent or empty. */
export function textOf(element: Element | undefined): string | undefined {
  const text = element?.textContent ?? '';
  return text.trim() === '' ? undefined : text;
}

/** The child of that name, made if need be: behind the first of `after` that exists, else at the end. */
export function ensureChild(parent: Element, name: string, ...after: readonly string[]): Element {
  const existing = findChild(parent, name);
  if (existing !== undefined) return existing;
  const document = parent.ownerDocument;
  if (document === null) throw new Error('the element is not in a document');
  const child = document.createElement(name);
  let previous: Element | undefined;
  for (const candidate of after) previous ??= findChild(parent, candidate);
  previous ??= lastElement(parent);
  const before = previous === undefined ? parent.firstChild : previous.nextSibling;
  parent.insertBefore(child, before);
  const neighbour = previous?.previousSibling;
  const indentation = neighbour && isText(neighbour) ? /\n[ \t]*$/.exec(neighbour.data)?.[0] : undefined;
  if (indentation !== undefined) parent.insertBefore(document.createTextNode(indentation), child);
  return child;
}

export function setChildText(parent: Element, name: string, text: string, ...after: readonly string[]): Element;
/** Without a text the child is removed. */
export function setChildText(
  parent: Element,
  name: string,
  text: string | undefined,
  ...after: readonly string[]
): Element | undefined;
export function setChildText(
  parent: Element,
  name: string,
  text: string | undefined,
  ...after: readonly string[]
): Element | undefined {
  if (text !== undefined) {
    const child = ensureChild(parent, name, ...after);
    child.textContent = text;
    return child;
  }
  const child = findChild(parent, name);
  if (child === undefined) return undefined;
  const indentation = child.previousSibling;
  if (indentation !== null && isText(indentation) && indentation.data.trim() === '') parent.removeChild(indentation);
  parent.removeChild(child);
  return undefined;
}

function lastElement(parent: Element): Element | undefined {
  let node = parent.lastChild;
  while (node !== null && !isElement(node)) node = node.previousSibling;
  return node ?? undefined;
}

function isElement(node: Node): node is Element {
  return node.nodeType === ELEMENT_NODE;
}

function isText(node: Node): node is Node & { readonly data: string } {
  return node.nodeType === TEXT_NODE;
}
