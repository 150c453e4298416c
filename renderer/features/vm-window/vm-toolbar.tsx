/** The toolbar of a VM window: its life, its keys, its picture. */
import { Separator, Toolbar } from 'react-aria-components';
import type { VmSummary } from '../../../core/contracts/calls.ts';
import { usePreferences, useSession } from '../../state/context.tsx';
import type { ScaleDisplay } from '../../state/preferences.ts';
import { isActive } from '../../state/store.ts';
import { Button } from '../../ui/button.tsx';
import { Camera, Keyboard, Maximize, View } from '../../ui/icons.tsx';
import { MenuButton, type MenuPart } from '../../ui/menu.tsx';
import { useVmActions } from '../use-vm-actions.tsx';
import { CONSOLE_COMBINATIONS, type KeyCombination, SYSTEM_COMBINATIONS } from './send-keys.ts';

export interface VmToolbarProps {
  readonly vm: VmSummary;
  /** The display is there. */
  readonly connected: boolean;
  readonly onConsole: boolean;
  readonly onSend: (combination: KeyCombination) => void;
  readonly onScreenshot: () => void;
  readonly onFullscreen: () => void;
}

const SCALES: readonly (readonly [ScaleDisplay, string])[] = [
  ['always', 'Always'],
  ['fullscreen', 'Only when fullscreen'],
  ['never', 'Never'],
];

export function VmToolbar(props: VmToolbarProps) {
  const { vm, connected, onConsole, onSend } = props;
  const { run, pause, shutdown, reset, destroy } = useVmActions(vm.id);
  const noDisplay = displayReason(vm, connected, onConsole);
  const combinations = (list: readonly KeyCombination[]): MenuPart => ({
    items: list.map((combination) => ({
      id: combination.label,
      label: combination.label,
      onAction: () => onSend(combination),
    })),
  });
  return (
    <Toolbar className="toolbar" aria-label="Virtual machine">
      <Button {...run} variant="plain" iconOnly="narrow" onPress={run.onAction} />
      <Button {...pause} variant="plain" iconOnly="narrow" toggled={vm.state === 'paused'} onPress={pause.onAction} />
      <Button {...shutdown} variant="plain" iconOnly="narrow" onPress={shutdown.onAction} />
      <Separator orientation="vertical" className="toolbar-separator" />
      <Button {...reset} variant="plain" iconOnly="medium" onPress={reset.onAction} />
      <Button {...destroy} variant="plain" iconOnly="medium" onPress={destroy.onAction} />
      <Separator orientation="vertical" className="toolbar-separator" />
      <MenuButton
        label="Send Key"
        variant="plain"
        iconOnly
        icon={<Keyboard size={16} />}
        disabledReason={noDisplay}
        parts={[combinations(SYSTEM_COMBINATIONS), combinations(CONSOLE_COMBINATIONS)]}
      />
      <Button
        label="Take Screenshot"
        variant="plain"
        iconOnly
        icon={<Camera size={16} />}
        disabledReason={noDisplay}
        onPress={props.onScreenshot}
      />
      <ViewMenu />
      <Button
        label="Fullscreen"
        variant="plain"
        iconOnly
        shortcut="F11"
        icon={<Maximize size={16} />}
        disabledReason={onConsole ? undefined : 'Only the console can fill the screen.'}
        onPress={props.onFullscreen}
      />
    </Toolbar>
  );
}

function ViewMenu() {
  const session = useSession();
  const preferences = usePreferences();
  return (
    <MenuButton
      label="View"
      variant="plain"
      iconOnly
      icon={<View size={16} />}
      parts={[
        {
          heading: 'Scale the display',
          kind: 'one',
          choices: SCALES.map(([scale, label]) => ({
            id: scale,
            label,
            chosen: preferences.scaleDisplay === scale,
            onAction: () => session.setPreferences({ scaleDisplay: scale }),
          })),
        },
        {
          heading: 'When scaled',
          kind: 'any',
          choices: [
            {
              id: 'pixel-exact',
              label: 'Whole multiples only (pixel-exact)',
              chosen: preferences.pixelExact,
              onAction: () => session.setPreferences({ pixelExact: !preferences.pixelExact }),
            },
          ],
        },
        {
          heading: 'Sound',
          kind: 'any',
          choices: [
            {
              id: 'speaker-muted',
              label: 'Mute the PC speaker',
              chosen: preferences.speakerMuted,
              onAction: () => session.setPreferences({ speakerMuted: !preferences.speakerMuted }),
            },
          ],
        },
      ]}
    />
  );
}

function displayReason(vm: VmSummary, connected: boolean, onConsole: boolean): string | undefined {
  if (!isActive(vm.state)) return 'The virtual machine is not running.';
  if (!connected) return 'The display is not connected yet.';
  return onConsole ? undefined : 'Go to the console first.';
}
