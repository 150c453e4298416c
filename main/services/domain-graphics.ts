/**
 * <graphics type='vnc'> of domain XML ([1] "Graphical framebuffers"): whether viewers may connect from outside the app,
 * and where. By itself they may not: it takes a port or an address in the definition. Kept without effect: listening at a
 * socket or a network, websocket, sharePolicy, keymap, power control.
 *
 * [1] libvirt, "Domain XML format", https://libvirt.org/formatdomain.html
 */
import type { Element } from '@xmldom/xmldom';
import type { VncConfig } from '../../core/contracts/machine.ts';
import type { StartProblem } from './domain-os.ts';
import { findChildren } from './xml-edit.ts';

/** libvirt's and QEMU's default. */
const LOOPBACK = '127.0.0.1';
const MAX_PORT = 65_535;
const HINT = 'Correct it in the XML of the definition.';
/** XML Schema's dateTime; libvirt's is UTC and has no zone. */
const DATE_TIME = /^(\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)?$/;

export interface VncReading {
  readonly vnc?: VncConfig;
  /** Of the definition, what is not done. */
  readonly limit?: string;
  readonly problem?: StartProblem;
}

export function readVnc(element: Element): VncReading {
  const listens = findChildren(element, 'listen');
  const kind = listens[0]?.getAttribute('type') ?? (element.getAttribute('socket') ? 'socket' : 'address');
  if (kind === 'socket' || kind === 'network')
    return { limit: `Vivarium lets viewers connect to an address, not to a ${kind}: none can.` };
  const written = listens[0]?.getAttribute('address') || element.getAttribute('listen') || undefined;
  const port = readPort(element);
  const password = element.getAttribute('passwd') ?? undefined;
  // An empty password is libvirt's way to let nobody in.
  if (kind !== 'address' || password === '' || (port === 'auto' && written === undefined)) return {};
  if (port === undefined)
    return problemWith(`"${element.getAttribute('port')}" is not a port for the VNC server to listen at.`);
  const validTo = element.getAttribute('passwdValidTo') ?? undefined;
  const passwordValidToMs = validTo === undefined ? undefined : dateTime(validTo);
  if (Number.isNaN(passwordValidToMs))
    return problemWith(`"${validTo}" is not a time until which the VNC password is good.`);
  return {
    vnc: {
      address: written ?? LOOPBACK,
      ...(port !== 'auto' && { port }),
      ...(password !== undefined && { password }),
      ...(passwordValidToMs !== undefined && { passwordValidToMs }),
    },
  };
}

const problemWith = (message: string): VncReading => ({ problem: { message, hint: HINT } });

/** undefined: not one. */
function readPort(element: Element): number | 'auto' | undefined {
  const text = element.getAttribute('port') ?? '-1';
  if (element.getAttribute('autoport') === 'yes' || text === '-1' || text === '0') return 'auto';
  const port = /^\d{1,5}$/.test(text) ? Number(text) : MAX_PORT + 1;
  return port <= MAX_PORT ? port : undefined;
}

/** In ms since 1970; NaN for what is none. */
function dateTime(text: string): number {
  const [, time, zone = 'Z'] = DATE_TIME.exec(text.trim()) ?? [];
  return time === undefined ? Number.NaN : Date.parse(time + zone);
}
