/**
 * The pointer of a guest without a tablet: it belongs to the guest from a click on the screen until the release chord
 * (pointer lock). noVNC has no relative pointer, so while it is the guest's, and before, noVNC sees none of it.
 */
import { type RefObject, useEffect, useRef } from 'react';
import type { VmSummary } from '../../../core/contracts/calls.ts';
import { useSession } from '../../state/context.tsx';
import { MotionSender } from './pointer-motion.ts';

const EVENTS = ['mousedown', 'mouseup', 'mousemove', 'click', 'contextmenu', 'wheel'] as const;
/** Scrolling that makes a notch of a wheel: browsers say about this for one. */
const PIXELS_PER_NOTCH = 100;

/** `grab` gives the guest the keyboard too. */
export function usePointerGrab(stage: RefObject<HTMLElement | null>, vm: VmSummary, grab: () => void): void {
  const session = useSession();
  const { id } = vm;
  const relative = vm.absolutePointer === false;
  const latestGrab = useRef(grab);
  useEffect(() => {
    latestGrab.current = grab;
  });

  useEffect(() => {
    const element = stage.current;
    if (!element || !relative) return;
    const sender = new MotionSender((motion) => session.api.call('vms.movePointer', { id, motion }));
    let scrolled = 0;
    const onEvent = (event: MouseEvent | WheelEvent): void => {
      // The release button of a notice, say, is not the guest's.
      if (!(event.target instanceof Element && (event.target === element || event.target.matches('canvas')))) return;
      event.stopPropagation();
      if (event.type !== 'mousemove') event.preventDefault();
      if (document.pointerLockElement !== element) {
        if (event.type === 'mousedown') {
          latestGrab.current();
          void lock(element);
        }
        return;
      }
      if (event.type === 'mousedown' || event.type === 'mouseup') void sender.buttons(event.buttons);
      if (event.type === 'mousemove') {
        const scale = guestPixels(element);
        sender.move(event.movementX * scale, event.movementY * scale);
      }
      if (event instanceof WheelEvent) {
        scrolled +=
          event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / PIXELS_PER_NOTCH : Math.sign(event.deltaY);
        const notches = Math.trunc(scrolled);
        scrolled -= notches;
        if (notches !== 0) sender.wheel(notches);
      }
    };
    for (const name of EVENTS) element.addEventListener(name, onEvent, { capture: true, passive: false });
    return () => {
      for (const name of EVENTS) element.removeEventListener(name, onEvent, { capture: true });
      if (document.pointerLockElement === element) document.exitPointerLock();
    };
  }, [stage, session, id, relative]);
}

/** Refused where the page has no focus, or just after Escape: the next click asks again. */
async function lock(element: HTMLElement): Promise<void> {
  try {
    await element.requestPointerLock();
  } catch {
    // as above
  }
}

/** Pixels of the guest to a CSS pixel. */
function guestPixels(stage: HTMLElement): number {
  const canvas = stage.querySelector('canvas');
  const shown = canvas?.getBoundingClientRect().width ?? 0;
  return canvas && shown > 0 ? canvas.width / shown : 1;
}
