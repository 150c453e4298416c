/**
 * The guest's screen: noVNC over the VM's RFB stream. The keyboard belongs to the guest while the screen is grabbed
 * (a click, or Enter on the focused screen) and comes back with left Ctrl+Alt, as does the pointer of a guest without a
 * tablet (use-pointer-grab.ts). Connects again while the VM is active.
 */
import type RFB from '@novnc/novnc';
import { type KeyboardEvent, type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';
import type { VmSummary } from '../../../core/contracts/calls.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { ReleaseChord } from './release-chord.ts';
import { displaySize, type Size } from './scaling.ts';
import { type KeyCombination, keyStrokes } from './send-keys.ts';
import { usePointerGrab } from './use-pointer-grab.ts';

export interface DisplayHandle {
  send(combination: KeyCombination): void;
  screenshot(): Promise<Blob | null>;
  grab(): void;
}

export interface DisplayProps {
  readonly vm: VmSummary;
  readonly fit: boolean;
  readonly pixelExact: boolean;
  readonly onStatus: (status: DisplayStatus) => void;
  readonly onGrab: (grabbed: boolean) => void;
  readonly ref: Ref<DisplayHandle>;
}
export type DisplayStatus = 'connecting' | 'connected';

const RETRY_MS = 1000;

export function Display(props: DisplayProps) {
  const { vm, fit, pixelExact, onStatus, onGrab } = props;
  const stage = useRef<HTMLDivElement>(null);
  const target = useRef<HTMLDivElement>(null);
  const [grabbed, setGrabbed] = useState(false);
  const [chord] = useState(() => new ReleaseChord());
  const rfb = useRfb(vm.id, target, onStatus);
  useDisplaySize(stage, target, fit, pixelExact);

  const grab = () => rfb.current?.focus({ preventScroll: true });
  usePointerGrab(stage, vm, grab);
  const release = () => {
    if (document.pointerLockElement === stage.current) document.exitPointerLock();
    rfb.current?.blur();
    stage.current?.focus();
  };
  useImperativeHandle(props.ref, () => ({
    grab,
    send: (combination) => {
      for (const { keysym, code, down } of keyStrokes(combination)) rfb.current?.sendKey(keysym, code, down);
      // What is typed next is meant for the guest; the closing menu first gives the focus back to its button.
      requestAnimationFrame(() => requestAnimationFrame(grab));
    },
    screenshot: () =>
      new Promise((resolve) => {
        if (rfb.current) rfb.current.toBlob(resolve, 'image/png');
        else resolve(null);
      }),
  }));

  const changeGrab = (now: boolean) => {
    setGrabbed(now);
    onGrab(now);
    chord.reset();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== stage.current || event.key !== 'Enter') return;
    event.preventDefault();
    grab();
  };

  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both of its roles have names
    // biome-ignore lint/a11y/noStaticElementInteractions: Enter on it is how the keyboard gets in
    <div
      ref={stage}
      className="display-stage"
      tabIndex={grabbed ? -1 : 0}
      role={grabbed ? 'application' : 'group'}
      aria-label={`Screen of ${vm.name}`}
      aria-describedby="display-help"
      data-grabbed={grabbed || undefined}
      data-guest-keys={grabbed || undefined}
      onKeyDown={onKeyDown}
      onKeyDownCapture={(event) => grabbed && chord.keyDown(event.code)}
      onKeyUpCapture={(event) => {
        // noVNC still gets this event, and so the guest sees the key go up.
        if (grabbed && chord.keyUp(event.code)) release();
      }}
      onFocus={(event) => event.target !== stage.current && changeGrab(true)}
      onBlur={(event) => event.target !== stage.current && changeGrab(false)}
    >
      <div ref={target} className="display-target" />
    </div>
  );
}

/** One RFB session as long as the component lives, opened again when it ends. */
function useRfb(
  id: VmSummary['id'],
  target: React.RefObject<HTMLDivElement | null>,
  onStatus: DisplayProps['onStatus'],
) {
  const session = useSession();
  const online = useAppState((state) => state.connection === 'online');
  const rfb = useRef<RFB | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: onStatus is a state setter
  useEffect(() => {
    if (!online) return;
    let over = false;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const connect = async () => {
      onStatus('connecting');
      const { default: Rfb } = await import('@novnc/novnc');
      // Only now: bytes that come before noVNC listens would be lost.
      const channel = await session.api.openStream({ kind: 'rfb', vmId: id });
      if (over || !target.current) return channel.close();
      const next = new Rfb(target.current, channel, { shared: true });
      next.scaleViewport = true;
      next.background = 'transparent';
      next.addEventListener('connect', () => !over && onStatus('connected'));
      next.addEventListener('disconnect', () => {
        if (rfb.current === next) rfb.current = null;
        if (over) return;
        onStatus('connecting');
        retry = setTimeout(attempt, RETRY_MS);
      });
      rfb.current = next;
    };
    const attempt = () => {
      connect().catch(() => {
        if (!over) retry = setTimeout(attempt, RETRY_MS);
      });
    };
    attempt();
    return () => {
      over = true;
      clearTimeout(retry);
      rfb.current?.disconnect();
      rfb.current = null;
    };
  }, [session, id, target, online]);
  return rfb;
}

/** Sizes the element that noVNC fills, so that noVNC's own scaling arrives at exactly the factor we want. */
function useDisplaySize(
  stage: React.RefObject<HTMLDivElement | null>,
  target: React.RefObject<HTMLDivElement | null>,
  fit: boolean,
  pixelExact: boolean,
): void {
  useEffect(() => {
    const [outer, inner] = [stage.current, target.current];
    if (!outer || !inner) return;
    const apply = () => {
      const canvas = inner.querySelector('canvas');
      const guest: Size = { width: canvas?.width ?? 0, height: canvas?.height ?? 0 };
      const area: Size = { width: outer.clientWidth, height: outer.clientHeight };
      if (!canvas || guest.width * guest.height * area.width * area.height === 0) return;
      const size = displaySize(guest, area, { fit, pixelExact, devicePixelRatio: window.devicePixelRatio });
      inner.style.width = `${size.width}px`;
      inner.style.height = `${size.height}px`;
      canvas.style.imageRendering = size.sharp ? 'pixelated' : 'auto';
    };
    // noVNC adds its canvas later, and the guest changes its mode: both show as changes of the tree or of width, height.
    const watchTree = new MutationObserver(apply);
    watchTree.observe(inner, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ['width', 'height'],
    });
    const watchSize = new ResizeObserver(apply);
    watchSize.observe(outer);
    apply();
    return () => {
      watchTree.disconnect();
      watchSize.disconnect();
    };
  }, [stage, target, fit, pixelExact]);
}
