/**
 * Where interrupt lines lead: KVM_SET_GSI_ROUTING. Until then as QEMU sets it up on a PC: GSIs 0 to 15 to the PIC and to the
 * IOAPIC pin of the same number, but GSI 0 to pin 2 and GSI 2, the cascade, nowhere; 16 to 23 to the IOAPIC alone.
 */
import {
  KVM_IRQCHIP_IOAPIC,
  KVM_IRQCHIP_PIC_MASTER,
  KVM_IRQCHIP_PIC_SLAVE,
  KVM_MAX_IRQ_ROUTES,
  KvmError,
  type KvmIrqRoutingEntry,
} from '../api.ts';
import { IOAPIC_NUM_PINS } from './ioapic.ts';

const PIC_PINS = 8;
const GSI_CASCADE = 2;
export const GSI_TIMER = 0;
const PIN_TIMER = 2;

export type Route =
  | { readonly to: 'pic'; readonly line: number }
  | { readonly to: 'ioapic'; readonly pin: number }
  | { readonly to: 'msi'; readonly address: number; readonly data: number };

const NOWHERE: readonly Route[] = [];

function defaultRoutes(): Route[][] {
  return Array.from({ length: IOAPIC_NUM_PINS }, (_, gsi): Route[] => {
    if (gsi === GSI_CASCADE) return [];
    const ioapic: Route = { to: 'ioapic', pin: gsi === GSI_TIMER ? PIN_TIMER : gsi };
    return gsi < 2 * PIC_PINS ? [{ to: 'pic', line: gsi }, ioapic] : [ioapic];
  });
}

export class GsiRouting {
  #routes: Route[][] = defaultRoutes();
  /** IOAPIC pin of the timer's GSI; -1 for none. */
  timerPin = PIN_TIMER;

  /** @hot */
  of(gsi: number): readonly Route[] {
    return this.#routes[gsi] ?? NOWHERE;
  }

  /** Replaces all routes; EINVAL, and nothing changed, for a bad entry. */
  set(entries: readonly KvmIrqRoutingEntry[]): void {
    if (entries.length > KVM_MAX_IRQ_ROUTES) invalid(`${entries.length} entries`);
    const routes: Route[][] = [];
    for (const entry of entries) {
      const { gsi, flags } = entry;
      if (!Number.isInteger(gsi) || gsi < 0 || gsi >= KVM_MAX_IRQ_ROUTES || flags !== 0)
        invalid(`GSI ${gsi}, flags ${flags}`);
      const route = routeOf(entry);
      const others = routes[gsi] ?? [];
      // one line of each chip, or one message
      if (others.some((o) => o.to === 'msi' || route.to === 'msi' || chipOf(o) === chipOf(route)))
        invalid(`GSI ${gsi} has another route`);
      routes[gsi] = [...others, route];
    }
    this.#routes = routes;
    const timer = this.of(GSI_TIMER).find((r) => r.to === 'ioapic');
    this.timerPin = timer?.pin ?? -1;
  }
}

function invalid(why: string): never {
  throw new KvmError('KVM_SET_GSI_ROUTING', 'EINVAL', why);
}

function chipOf(route: Route): number {
  if (route.to !== 'pic') return KVM_IRQCHIP_IOAPIC;
  return route.line < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
}

function routeOf(entry: KvmIrqRoutingEntry): Route {
  if ('msi' in entry) {
    const { addressLo, addressHi, data } = entry.msi;
    return { to: 'msi', address: (addressHi >>> 0) * 2 ** 32 + (addressLo >>> 0), data };
  }
  const { irqchip, pin } = entry.irqchip;
  const pins = irqchip === KVM_IRQCHIP_IOAPIC ? IOAPIC_NUM_PINS : PIC_PINS;
  const known = [KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC].includes(irqchip);
  if (!known || !Number.isInteger(pin) || pin < 0 || pin >= pins) invalid(`chip ${irqchip} has no pin ${pin}`);
  if (irqchip === KVM_IRQCHIP_IOAPIC) return { to: 'ioapic', pin };
  return { to: 'pic', line: irqchip === KVM_IRQCHIP_PIC_SLAVE ? pin + PIC_PINS : pin };
}
