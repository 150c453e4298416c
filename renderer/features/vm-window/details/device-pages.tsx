/** The pages of devices with one setting or none: input, display, serial, video, watchdog, USB controller, and others. */
import type { VmDetails, VmSummary } from '../../../../core/contracts/calls.ts';
import { type DeviceSettings, type HardwareDevice, VIDEO_MEMORY_MIB } from '../../../../core/contracts/hardware.ts';
import { useSession } from '../../../state/context.tsx';
import { formatMiB } from '../../../state/format.ts';
import { type NamedDevice, USB_CONTROLLERS, WATCHDOG_ACTION_WORDS } from '../../../state/hardware-words.ts';
import { Select, type SelectOption } from '../../../ui/select.tsx';
import { AfterShutdown, DetailsPage, Facts, PageNote } from './details-page.tsx';
import { Fact } from './fact.tsx';
import { removalScope } from './live-devices.ts';
import { useDraft } from './use-draft.ts';

export interface DevicePageProps {
  readonly vm: VmSummary;
  readonly details: VmDetails;
  readonly named: NamedDevice;
  readonly onRemove: () => void;
}

type ChoiceSettings = Extract<DeviceSettings, { kind: 'video' | 'watchdog' | 'usb-controller' }>;

export function DevicePage(props: DevicePageProps) {
  const { settings } = props.named.device;
  if (settings?.kind === 'video' || settings?.kind === 'watchdog' || settings?.kind === 'usb-controller')
    return <ChoicePage {...props} settings={settings} />;
  return <FactsPage {...props} />;
}

interface Choice {
  readonly model: string;
  readonly label: string;
  readonly options: readonly SelectOption[];
  readonly value: string;
  readonly with: (id: string) => DeviceSettings;
}

function choiceOf(settings: ChoiceSettings): Choice {
  switch (settings.kind) {
    case 'video':
      return {
        model: 'VGA, with Bochs VBE and a linear framebuffer',
        label: 'Video memory',
        options: VIDEO_MEMORY_MIB.map((mib) => ({ id: String(mib), label: formatMiB(mib) })),
        value: String(settings.memoryMiB),
        with: (id) => ({ kind: 'video', memoryMiB: Number(id) }),
      };
    case 'watchdog':
      return {
        model: 'i6300esb',
        label: 'Action',
        options: WATCHDOG_ACTION_WORDS,
        value: settings.action,
        with: (id) => ({ kind: 'watchdog', action: id as typeof settings.action }),
      };
    case 'usb-controller':
      return {
        model: 'USB host controller',
        label: 'Controller model',
        options: USB_CONTROLLERS,
        value: settings.model,
        with: (id) => ({ kind: 'usb-controller', model: id as typeof settings.model }),
      };
  }
}

/** One thing to choose. */
function ChoicePage({ details, named, onRemove, settings }: DevicePageProps & { readonly settings: ChoiceSettings }) {
  const session = useSession();
  const choice = choiceOf(settings);
  const draft = useDraft({ choice: choice.value }, (value) =>
    session.edit('vms.editDevice', { id: details.id, device: named.device.id, settings: choice.with(value.choice) }),
  );
  const active = activeTwin(details, named.device)?.settings;
  const running = active?.kind === settings.kind ? choiceOf(active as ChoiceSettings) : undefined;
  const word = (each: Choice): string => each.options.find(({ id }) => id === each.value)?.label ?? each.value;
  return (
    <DetailsPage title={named.label} draft={draft} onRemove={named.device.removable ? onRemove : undefined}>
      {details.activeHardware && !running && <AddedLater />}
      <Facts>
        <Fact term="Model">{choice.model}</Fact>
      </Facts>
      <Select
        label={choice.label}
        options={choice.options}
        value={draft.value.choice}
        onChange={(id) => draft.change({ choice: id })}
      />
      <AfterShutdown saved={word(choice)} active={running && word(running)} />
    </DetailsPage>
  );
}

const AddedLater = () => <PageNote>It is added to the machine after the next shutdown.</PageNote>;

const activeTwin = ({ activeHardware }: VmDetails, { id }: HardwareDevice): HardwareDevice | undefined =>
  activeHardware?.devices.find((device) => device.id === id);

function FactsPage({ vm, details, named, onRemove }: DevicePageProps) {
  const { device, label } = named;
  const facts = factsOf(device, vm);
  return (
    <DetailsPage title={label} onRemove={device.removable ? onRemove : undefined}>
      {details.activeHardware && !activeTwin(details, device) && <AddedLater />}
      {device.limit && <PageNote>{device.limit}</PageNote>}
      {facts.length > 0 && (
        <Facts>
          {facts.map(([term, value]) => (
            <Fact key={term} term={term} copy={term === 'Host device'} mono={term === 'Host device'}>
              {value}
            </Fact>
          ))}
        </Facts>
      )}
    </DetailsPage>
  );
}

/** Only the running machine has it. */
export function LeavingPage({ details, named, onRemove }: Omit<DevicePageProps, 'vm'>) {
  const goes = removalScope(details, named.device) === 'live';
  return (
    <DetailsPage title={named.label} onRemove={goes ? onRemove : undefined}>
      <PageNote>
        {goes
          ? 'Only the running machine has it, until its guest lets go of it or is shut down.'
          : 'Only the running machine has it, until its next shutdown.'}
      </PageNote>
    </DetailsPage>
  );
}

const INPUT_TYPES = {
  tablet: 'Graphics tablet: the pointer follows the host’s, without a grab',
  mouse: 'Mouse: relative movement; the viewer grabs the pointer',
  keyboard: 'Keyboard',
} as const;

function factsOf({ element, settings, model, target, listens }: HardwareDevice, vm: VmSummary): [string, string][] {
  if (settings?.kind === 'input') {
    const facts: [string, string][] = [
      ['Type', INPUT_TYPES[settings.type]],
      ['Bus', settings.bus === 'ps2' ? 'PS/2: every PC has it' : 'USB'],
    ];
    return facts;
  }
  if (settings?.kind === 'panic')
    return [
      ['Model', 'pvpanic (ISA)'],
      ['Purpose', 'A guest that knows it tells when its kernel has failed'],
    ];
  if (element === 'graphics' && model === 'vnc')
    return [
      ['Type', 'VNC server'],
      ['Address', listens ? 'This window, and the port in the log' : 'Only this window: no port is opened'],
    ];
  if (element === 'serial')
    return [
      ['Type', 'Pseudo terminal (pty), and the Serial tab'],
      ['Host device', vm.serialPty ?? 'Made when the machine starts'],
    ];
  return [
    ...(model ? [['Model', model] as [string, string]] : []),
    ...(target ? [['Target', target] as [string, string]] : []),
  ];
}
