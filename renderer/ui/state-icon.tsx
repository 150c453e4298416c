/** A VM's state as a little screen: shape and colour differ, so that neither alone has to tell. */
import type { VmState } from '../../core/contracts/calls.ts';
import { Pause, Play, Power, PowerOff, TriangleAlert } from './icons.tsx';

const GLYPHS = { running: Play, paused: Pause, 'shutting-down': PowerOff, shutoff: Power, crashed: TriangleAlert };

export function StateIcon(props: { readonly state: VmState }) {
  const Glyph = GLYPHS[props.state];
  return (
    <span className="state-icon" data-state={props.state} aria-hidden="true">
      <Glyph size={12} strokeWidth={2.5} fill={props.state === 'running' ? 'currentColor' : 'none'} />
    </span>
  );
}
