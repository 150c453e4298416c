/** The commands of xHCI. [XHCI] 4.6, 6.4.3. Not here: bandwidth negotiation, streams, forced events and headers. */
import * as U from './usb.regs.ts';
import type { UsbDevice } from './usb-device.ts';
import * as R from './xhci.regs.ts';
import {
  type Contexts,
  type EndpointState,
  join64,
  newEndpoint,
  newSlot,
  type SlotState,
  type Trb,
} from './xhci-state.ts';
import type { XhciTransfers } from './xhci-transfers.ts';

/** What a command completion event says. */
export interface Completion {
  readonly code: number;
  readonly slot: number;
}

export interface CommandPorts {
  readonly contexts: Contexts;
  readonly slots: SlotState[];
  readonly transfers: XhciTransfers;
  device(slot: SlotState): UsbDevice | undefined;
}

const endpointNumber = (trb: Trb): number => (trb.control >>> 16) & 0x1f;

export class XhciCommands {
  constructor(readonly ports: CommandPorts) {}

  /** Does one command of the command ring. */
  execute(trb: Trb): Completion {
    const slotId = trb.control >>> 24;
    if (trb.type === R.NO_OP_COMMAND) return { code: R.CC_SUCCESS, slot: 0 };
    if (trb.type === R.ENABLE_SLOT) return this.#enableSlot();
    const slot = this.ports.slots[slotId - 1];
    if (!slot?.enabled) return { code: slot ? R.CC_SLOT_NOT_ENABLED : R.CC_TRB_ERROR, slot: slotId };
    return { code: this.#slotCommand(trb, slotId, slot), slot: slotId };
  }

  #slotCommand(trb: Trb, slotId: number, slot: SlotState): number {
    switch (trb.type) {
      case R.DISABLE_SLOT:
        Object.assign(slot, newSlot());
        this.ports.contexts.setSlotState(slotId, 0, 0);
        return R.CC_SUCCESS;
      case R.ADDRESS_DEVICE:
        return this.#addressDevice(trb, slotId, slot);
      case R.CONFIGURE_ENDPOINT:
        return this.#configureEndpoint(trb, slotId, slot);
      case R.EVALUATE_CONTEXT:
        return this.#evaluateContext(trb, slotId);
      case R.RESET_DEVICE:
        this.#dropAll(slotId, slot);
        this.ports.contexts.setSlotState(slotId, R.SLOT_DEFAULT, 0);
        return R.CC_SUCCESS;
      default:
        return this.#endpointCommand(trb, slotId, slot);
    }
  }

  /** [XHCI] 4.6.3 */
  #enableSlot(): Completion {
    const index = this.ports.slots.findIndex((slot) => !slot.enabled);
    const slot = this.ports.slots[index];
    if (!slot) return { code: R.CC_NO_SLOTS, slot: 0 };
    const endpoints = Array.from({ length: R.ENDPOINTS }, newEndpoint);
    Object.assign(slot, { ...newSlot(), enabled: true, endpoints });
    return { code: R.CC_SUCCESS, slot: index + 1 };
  }

  /** [XHCI] 4.6.5. A device's address is its slot's number. */
  #addressDevice(trb: Trb, slotId: number, slot: SlotState): number {
    const { contexts } = this.ports;
    const [, add = 0] = contexts.input(trb.parameter, 0);
    if ((add & 3) !== 3) return R.CC_PARAMETER_ERROR;
    const slotContext = contexts.input(trb.parameter, 1);
    slot.route = (slotContext[0] ?? 0) & R.SLOT_ROUTE;
    slot.port = ((slotContext[1] ?? 0) >>> R.SLOT_PORT_SHIFT) & 0xff;
    const device = this.ports.device(slot);
    if (!device) return R.CC_TRANSACTION_ERROR;
    const only = (trb.control & R.TRB_BSR) !== 0;
    if (!only) {
      device.setup(Uint8Array.of(0, U.SET_ADDRESS & 0xff, slotId, 0, 0, 0, 0, 0));
      device.packetIn(0);
    }
    slotContext[3] = ((only ? R.SLOT_DEFAULT : R.SLOT_ADDRESSED) << R.SLOT_STATE_SHIFT) | (only ? 0 : slotId);
    contexts.dma.writeWords(contexts.address(slotId, 0), slotContext);
    this.#open(slotId, slot, 1, contexts.input(trb.parameter, 2));
    return R.CC_SUCCESS;
  }

  /** [XHCI] 4.6.6 */
  #configureEndpoint(trb: Trb, slotId: number, slot: SlotState): number {
    const { contexts } = this.ports;
    if (trb.control & R.TRB_DC) {
      this.#dropAll(slotId, slot);
      contexts.setSlotState(slotId, R.SLOT_ADDRESSED, slotId);
      return R.CC_SUCCESS;
    }
    const [drop = 0, add = 0] = contexts.input(trb.parameter, 0);
    if (!(add & 1) || add & 2 || drop & 3) return R.CC_PARAMETER_ERROR;
    for (let index = 2; index <= R.ENDPOINTS; index++) {
      const added = (add >>> index) & 1 ? contexts.input(trb.parameter, index + 1) : undefined;
      if (added && ((added[1] ?? 0) >>> R.EP_TYPE_SHIFT) % 8 === 0) return R.CC_PARAMETER_ERROR;
    }
    for (let index = 2; index <= R.ENDPOINTS; index++) {
      if ((drop >>> index) & 1) this.#drop(slotId, slot, index);
      if ((add >>> index) & 1) this.#open(slotId, slot, index, contexts.input(trb.parameter, index + 1));
    }
    const slotContext = contexts.input(trb.parameter, 1);
    slotContext[3] = (R.SLOT_CONFIGURED << R.SLOT_STATE_SHIFT) | slotId;
    contexts.dma.writeWords(contexts.address(slotId, 0), slotContext.subarray(0, 4));
    return R.CC_SUCCESS;
  }

  /** [XHCI] 4.6.7: exit latency and interrupter of the slot, packet size of endpoint 0. */
  #evaluateContext(trb: Trb, slotId: number): number {
    const { contexts } = this.ports;
    const [, add = 0] = contexts.input(trb.parameter, 0);
    const replace = (entry: number, word: number, mask: number, inputEntry: number): void => {
      const at = contexts.address(slotId, entry) + 4 * word;
      const value = contexts.input(trb.parameter, inputEntry)[word] ?? 0;
      contexts.dma.write32(at, (contexts.dma.read32(at) & ~mask) | (value & mask));
    };
    if (add & 1) {
      replace(0, 1, 0xffff, 1);
      replace(0, 2, 0xffc0_0000, 1);
    }
    if (add & 2) replace(1, 1, 0xffff_0000, 2);
    return R.CC_SUCCESS;
  }

  /** [XHCI] 4.6.8 to 4.6.10 */
  #endpointCommand(trb: Trb, slotId: number, slot: SlotState): number {
    const index = endpointNumber(trb);
    const endpoint = slot.endpoints[index - 1];
    if (!endpoint) return R.CC_TRB_ERROR;
    if (endpoint.state === R.EP_DISABLED) return R.CC_ENDPOINT_NOT_ENABLED;
    switch (trb.type) {
      case R.RESET_ENDPOINT:
        if (endpoint.state !== R.EP_HALTED) return R.CC_CONTEXT_STATE_ERROR;
        endpoint.done = 0;
        break;
      case R.STOP_ENDPOINT:
        if (endpoint.state !== R.EP_RUNNING) return R.CC_CONTEXT_STATE_ERROR;
        this.ports.transfers.stopped(slotId, index, endpoint);
        break;
      case R.SET_TR_DEQUEUE:
        if (endpoint.state !== R.EP_STOPPED && endpoint.state !== R.EP_ERROR) return R.CC_CONTEXT_STATE_ERROR;
        Object.assign(endpoint, ring(trb.words[0] ?? 0, trb.words[1] ?? 0), { done: 0 });
        break;
      default:
        return R.CC_TRB_ERROR;
    }
    endpoint.state = R.EP_STOPPED;
    endpoint.pending = false;
    this.ports.contexts.setEndpointState(slotId, index, endpoint);
    return R.CC_SUCCESS;
  }

  /** Makes an endpoint run as its input context says. */
  #open(slotId: number, slot: SlotState, index: number, context: Uint32Array): void {
    const { contexts } = this.ports;
    const start = ring(context[2] ?? 0, context[3] ?? 0);
    slot.endpoints[index - 1] = { ...newEndpoint(), ...start, state: R.EP_RUNNING };
    context[0] = ((context[0] ?? 0) & ~R.EP_STATE) | R.EP_RUNNING;
    contexts.dma.writeWords(contexts.address(slotId, index), context);
  }

  #drop(slotId: number, slot: SlotState, index: number): void {
    const disabled = newEndpoint();
    slot.endpoints[index - 1] = disabled;
    this.ports.contexts.setEndpointState(slotId, index, disabled);
  }

  #dropAll(slotId: number, slot: SlotState): void {
    for (let index = 2; index <= R.ENDPOINTS; index++) {
      if (slot.endpoints[index - 1]?.state !== R.EP_DISABLED) this.#drop(slotId, slot, index);
    }
  }
}

/** A dequeue pointer with its cycle state in bit 0. */
function ring(low: number, high: number): Pick<EndpointState, 'dequeue' | 'cycle'> {
  return { dequeue: join64((low & ~0xf) >>> 0, high), cycle: (low & 1) !== 0 };
}
