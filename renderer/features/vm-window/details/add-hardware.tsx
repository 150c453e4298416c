/** Add Hardware: what kind of device at the left, its fields at the right. */
import { type FormEvent, useState } from 'react';
import { ListBox, ListBoxItem } from 'react-aria-components';
import type { CallFailure, FileRole, VmDetails } from '../../../../core/contracts/calls.ts';
import type { DeviceSettings } from '../../../../core/contracts/hardware.ts';
import type {
  DiskBus,
  DiskConfig,
  InputConfig,
  UsbControllerModel,
  WatchdogAction,
} from '../../../../core/contracts/machine.ts';
import { useSession } from '../../../state/context.tsx';
import { BUS_WORDS, USB_CONTROLLERS, WATCHDOG_ACTION_WORDS } from '../../../state/hardware-words.ts';
import { Button } from '../../../ui/button.tsx';
import { Dialog, DialogFooter } from '../../../ui/dialog.tsx';
import { Checkbox } from '../../../ui/field.tsx';
import { CircleAlert } from '../../../ui/icons.tsx';
import { Select } from '../../../ui/select.tsx';
import { FileField, useFileVerdict } from '../../file-chooser/file-field.tsx';
import { plugsIn } from './live-devices.ts';
import {
  freeBuses,
  freeInputs,
  missingOf,
  NEW_DEVICE_KINDS,
  type NewDevice,
  type NewDeviceKind,
  newDevice,
  newSettings,
  unavailableKind,
} from './new-device.ts';
import { textOf } from './use-draft.ts';

const FORM = 'add-hardware-form';

export function AddHardware(props: {
  readonly details: VmDetails;
  readonly onClose: () => void;
  readonly onAdded: (device: string) => void;
}) {
  const { details, onClose } = props;
  const session = useSession();
  const [draft, setDraft] = useState(() => newDevice(details.hardware, firstKind(details)));
  const [failure, setFailure] = useState<CallFailure>();
  const [busy, setBusy] = useState(false);
  const [atOnce, setAtOnce] = useState(true);
  const unavailable = unavailableKind(details.hardware, draft.kind);
  const settings = newSettings(draft);
  const plugs = plugsIn(details, settings);
  const missing = missingOf(draft);
  const change = (part: Partial<NewDevice>) => {
    setFailure(undefined);
    setDraft({ ...draft, ...part });
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || unavailable || missing) return;
    setBusy(true);
    const affect = atOnce && plugs ? 'both' : 'config';
    const reply = await session.edit('vms.addDevice', { id: details.id, device: settings, affect });
    setBusy(false);
    if (reply.ok) props.onAdded(reply.value.device);
    else setFailure(reply.error);
  };
  return (
    <Dialog
      title="Add hardware"
      width={680}
      height={440}
      onClose={onClose}
      footer={
        <DialogFooter>
          <Button label="Cancel" onPress={onClose} />
          <Button
            label="Finish"
            variant="primary"
            type="submit"
            form={FORM}
            disabledReason={unavailable ?? missing ?? (busy ? 'Just a moment…' : undefined)}
          />
        </DialogFooter>
      }
    >
      <div className="add-hardware">
        <ListBox
          className="add-hardware-kinds"
          aria-label="Kind of hardware"
          selectionMode="single"
          disallowEmptySelection
          selectedKeys={[draft.kind]}
          autoFocus="first"
          onSelectionChange={(keys) => {
            const [kind] = keys === 'all' ? [] : [...keys];
            if (kind !== undefined) setDraft(newDevice(details.hardware, kind as NewDeviceKind));
            setFailure(undefined);
          }}
        >
          {NEW_DEVICE_KINDS.map(({ id, label }) => (
            <ListBoxItem key={id} id={id} textValue={label} className="details-entry">
              {label}
            </ListBoxItem>
          ))}
        </ListBox>
        <form id={FORM} className="add-hardware-fields" onSubmit={(event) => void submit(event)} noValidate>
          {unavailable ? <p className="muted">{unavailable}</p> : <Fields {...{ details, draft, change, failure }} />}
          {failure && failure.field !== 'source' && (
            <p className="field-note" data-tone="bad" role="alert">
              <CircleAlert size={14} />
              <span>{textOf(failure)}</span>
            </p>
          )}
          {details.activeHardware && !unavailable && (
            <WhenItComes {...{ settings, plugs, atOnce }} onChange={setAtOnce} />
          )}
        </form>
      </div>
    </Dialog>
  );
}

/** For a machine that runs. */
function WhenItComes(props: {
  readonly settings: DeviceSettings;
  readonly plugs: boolean;
  readonly atOnce: boolean;
  readonly onChange: (atOnce: boolean) => void;
}) {
  const { settings, plugs } = props;
  const another = settings.kind === 'disk' && settings.bus === 'ide' ? ' On SATA it can have it at once.' : '';
  if (!plugs) return <p className="muted">The running machine has it after its next shutdown.{another}</p>;
  return <Checkbox label="Plug it into the running machine now" checked={props.atOnce} onChange={props.onChange} />;
}

const firstKind = ({ hardware }: VmDetails): NewDeviceKind =>
  NEW_DEVICE_KINDS.find(({ id }) => unavailableKind(hardware, id) === undefined)?.id ?? 'disk';

interface FieldsProps {
  readonly details: VmDetails;
  readonly draft: NewDevice;
  readonly change: (part: Partial<NewDevice>) => void;
  readonly failure: CallFailure | undefined;
}

function Fields(props: FieldsProps) {
  const { details, draft, change } = props;
  switch (draft.kind) {
    case 'disk':
    case 'cdrom':
    case 'floppy':
      return <DriveFields {...props} device={draft.kind} />;
    case 'input':
      return (
        <Select
          label="Type"
          options={INPUTS.filter(({ id }) => freeInputs(details.hardware).includes(id))}
          value={draft.input}
          onChange={(input) => change({ input: input as InputConfig['type'] })}
          note="A tablet lets the pointer move in and out of the screen freely."
        />
      );
    case 'usb-controller':
      return (
        <Select
          label="Controller model"
          options={USB_CONTROLLERS}
          value={draft.controller}
          onChange={(controller) => change({ controller: controller as UsbControllerModel })}
        />
      );
    case 'watchdog':
      return (
        <Select
          label="Action"
          options={WATCHDOG_ACTION_WORDS}
          value={draft.action}
          onChange={(action) => change({ action: action as WatchdogAction })}
          note="Model i6300esb. The guest arms it; when it no longer answers, this is done."
        />
      );
    case 'panic':
      return <p>A guest that knows the pvpanic device tells Vivarium when its kernel has failed.</p>;
  }
}

const INPUTS: readonly { readonly id: InputConfig['type']; readonly label: string }[] = [
  { id: 'tablet', label: 'USB graphics tablet' },
  { id: 'mouse', label: 'USB mouse' },
  { id: 'keyboard', label: 'USB keyboard' },
];

const DRIVE_FIELDS: Readonly<Record<DiskConfig['device'], readonly [role: FileRole, label: string, hint: string]>> = {
  disk: ['disk', 'Disk image', 'A raw image of a disk.'],
  cdrom: ['iso', 'ISO image', 'Optional: a drive can be empty.'],
  floppy: ['floppy', 'Floppy image', 'Optional: a drive can be empty.'],
};

function DriveFields({
  details,
  draft,
  change,
  failure,
  device,
}: FieldsProps & { readonly device: DiskConfig['device'] }) {
  const [role, label, hint] = DRIVE_FIELDS[device];
  const verdict = useFileVerdict(role, draft.source.trim());
  const buses = freeBuses(details.hardware, device);
  return (
    <>
      <FileField
        key={device}
        label={label}
        fileRole={role}
        value={draft.source}
        onChange={(source) => change({ source })}
        verdict={verdict}
        error={failure?.field === 'source' ? textOf(failure) : undefined}
        hint={hint}
      />
      {device !== 'floppy' && (
        <Select
          label="Disk bus"
          options={buses.map((bus) => ({ id: bus, label: BUS_WORDS[bus] }))}
          value={draft.bus}
          onChange={(bus) => change({ bus: bus as DiskBus })}
        />
      )}
      {device !== 'cdrom' && (
        <Checkbox label="Read-only" checked={draft.readOnly} onChange={(readOnly) => change({ readOnly })} />
      )}
    </>
  );
}
