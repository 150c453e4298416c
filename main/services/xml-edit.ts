/**
 * Small edits of an XML document that leave everything else as it was, white space included: a new element gets a
 * line of its own, indented as its neighbours. Only elements without a namespace are looked at.
 */
import type { Document, Element, Node } from '@xmldom/xmldom';

const TEXT_NODE = 3;
const ELEMENT_NODE = 1;

export function findChild(parent: Element, name: string): Element | undefined {
  return findChildren(parent, name)[0];
}

export function findChildren(parent: Element, name: string): Element[] {
  return elementsOf(parent).filter((child) => child.namespaceURI === null && child.localName === name);
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
  let previous: Element | undefined;
  for (const candidate of after) previous ??= findChild(parent, candidate);
  return addChild(parent, name, previous);
}

/** A new child behind `previous`, else at the end. */
export function addChild(parent: Element, name: string, previous: Element | undefined = lastElement(parent)): Element {
  const document = parent.ownerDocument;
  if (document === null) throw new Error('the element is not in a document');
  const child = document.createElement(name);
  const before = previous === undefined ? parent.firstChild : previous.nextSibling;
  parent.insertBefore(child, before);
  const indentation = previous ? indentationOf(previous) : firstIndentation(parent);
  if (indentation !== undefined) parent.insertBefore(document.createTextNode(indentation), child);
  return child;
}

/** Sets attributes; one that is undefined is removed. */
export function setAttributes(element: Element, attributes: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }
}

/** The child of that name, with or without these attributes: made, changed, or (`false`) removed. */
export function setChild(
  parent: Element,
  name: string,
  attributes: Readonly<Record<string, string | undefined>> | false,
  ...after: readonly string[]
): void {
  if (attributes !== false) setAttributes(ensureChild(parent, name, ...after), attributes);
  else for (const child of findChildren(parent, name)) removeElement(child);
}

/** Takes an element out, with the white space before it. */
export function removeElement(element: Element): void {
  const parent = element.parentNode;
  const space = element.previousSibling;
  if (space !== null && isText(space) && space.data.trim() === '') parent?.removeChild(space);
  parent?.removeChild(element);
}

export function elementsOf(parent: Element): Element[] {
  const found: Element[] = [];
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) if (isElement(node)) found.push(node);
  return found;
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
  if (child !== undefined) removeElement(child);
  return undefined;
}

function indentationOf(element: Element): string | undefined {
  const space = element.previousSibling;
  return space && isText(space) ? /\n[ \t]*$/.exec(space.data)?.[0] : undefined;
}

/** For the first child of an element: two columns deeper; the end tag gets a line of its own. */
function firstIndentation(parent: Element): string | undefined {
  const outer = indentationOf(parent);
  if (outer === undefined) return undefined;
  if (parent.lastChild && !isText(parent.lastChild)) {
    parent.appendChild((parent.ownerDocument as Document).createTextNode(outer));
  }
  return `${outer}  `;
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
