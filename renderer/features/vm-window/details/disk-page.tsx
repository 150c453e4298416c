/** A disk, CD-ROM or floppy drive. Media are changed at once, also while the VM runs; all else waits for Apply. */
import { useState } from 'react';
import type { CallFailure, VmDetails } from '../../../../core/contracts/calls.ts';
import { type DiskSettings, DRIVE_PLACES } from '../../../../core/contracts/hardware.ts';
import type { DiskBus } from '../../../../core/contracts/machine.ts';
import { useSession } from '../../../state/context.tsx';
import { BUS_WORDS, type NamedDevice } from '../../../state/hardware-words.ts';
import { Button } from '../../../ui/button.tsx';
import { Checkbox } from '../../../ui/field.tsx';
import { CircleAlert } from '../../../ui/icons.tsx';
import { Select } from '../../../ui/select.tsx';
import { FileChooser } from '../../file-chooser/file-chooser.tsx';
import { FileField, useFileVerdict } from '../../file-chooser/file-field.tsx';
import { AfterShutdown, DetailsPage, Facts, PageNote } from './details-page.tsx';
import { Fact } from './fact.tsx';
import { textOf, useDraft } from './use-draft.ts';

const BUSES: readonly DiskBus[] = ['ide', 'sata', 'usb'];

export function DiskPage(props: {
  readonly details: VmDetails;
  readonly named: NamedDevice;
  readonly settings: DiskSettings;
  readonly onRemove: () => void;
  /** The device has another id now. */
  readonly onMoved: (id: string) => void;
}) {
  const { details, named, settings } = props;
  const session = useSession();
  const { id, hardware, activeHardware } = details;
  const { target = '' } = named.device;
  const isDisk = settings.device === 'disk';
  const saved = { bus: settings.bus, source: settings.source ?? '', readOnly: settings.readOnly };
  const draft = useDraft(saved, async ({ bus, source, readOnly }) => {
    const path = isDisk ? source.trim() : settings.source;
    const changed: DiskSettings = {
      kind: 'disk',
      device: settings.device,
      bus,
      readOnly,
      ...(path && { source: path }),
    };
    const reply = await session.edit('vms.editDevice', { id, device: named.device.id, settings: changed });
    if (reply.ok && reply.value.device !== named.device.id) props.onMoved(reply.value.device);
    return reply;
  });
  const { value, change } = draft;
  const verdict = useFileVerdict('disk', isDisk ? value.source.trim() : '');
  const active = activeHardware?.devices.find((device) => device.target === target)?.settings;
  const running = active?.kind === 'disk' ? active : undefined;
  const buses = BUSES.filter((bus) => DRIVE_PLACES[hardware.machine][bus] > 0 || bus === settings.bus);
  return (
    <DetailsPage title={named.label} draft={draft} onRemove={props.onRemove} fields={['source']}>
      {activeHardware && !running && <PageNote>It is added to the machine after the next shutdown.</PageNote>}
      <Facts>
        <Fact term="Target" mono>
          {target}
        </Fact>
      </Facts>
      {isDisk ? (
        <FileField
          label="Disk image"
          fileRole="disk"
          value={value.source}
          onChange={(source) => change({ source })}
          verdict={verdict}
          error={draft.errorOf('source')}
        />
      ) : (
        <Medium details={details} target={target} settings={settings} />
      )}
      {isDisk && <AfterShutdown saved={saved.source} active={running && (running.source ?? '')} />}
      {settings.device !== 'floppy' && (
        <Select
          label="Disk bus"
          options={buses.map((bus) => ({ id: bus, label: BUS_WORDS[bus] }))}
          value={value.bus}
          onChange={(bus) => change({ bus: bus as DiskBus })}
          note={value.bus === settings.bus ? undefined : 'The drive gets a new target on that bus.'}
        />
      )}
      {settings.device !== 'cdrom' && (
        <Checkbox label="Read-only" checked={value.readOnly} onChange={(readOnly) => change({ readOnly })} />
      )}
      <AfterShutdown saved={accessText(settings)} active={running && accessText(running)} />
    </DetailsPage>
  );
}

const accessText = ({ readOnly }: DiskSettings): string => (readOnly ? 'read-only' : 'writable');

function Medium(props: { readonly details: VmDetails; readonly target: string; readonly settings: DiskSettings }) {
  const { details, target, settings } = props;
  const session = useSession();
  const [choosing, setChoosing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<CallFailure>();
  const isFloppy = settings.device === 'floppy';
  const verdict = useFileVerdict(isFloppy ? 'floppy' : 'iso', settings.source ?? '');
  const put = async (path?: string) => {
    setChoosing(false);
    setBusy(true);
    const reply = await session.edit('vms.changeMedia', { id: details.id, target, ...(path && { path }) });
    setBusy(false);
    setFailure(reply.ok ? undefined : reply.error);
  };
  const waiting = busy ? 'Just a moment…' : undefined;
  return (
    <section className="medium" aria-label="Medium">
      <h3>Medium</h3>
      <p className={settings.source ? 'mono' : 'muted'}>{settings.source ?? 'The drive is empty.'}</p>
      {settings.source && verdict && (
        <p className="muted">{verdict.ok ? verdict.description : (verdict.message ?? verdict.description)}</p>
      )}
      <div className="button-row">
        <Button
          label={settings.source ? 'Change medium…' : 'Connect…'}
          disabledReason={waiting}
          onPress={() => setChoosing(true)}
        />
        <Button
          label="Disconnect"
          disabledReason={waiting ?? (settings.source ? undefined : 'There is no medium in the drive.')}
          onPress={() => void put()}
        />
      </div>
      {failure && (
        <p className="field-note" data-tone="bad" role="alert">
          <CircleAlert size={14} />
          <span>{textOf(failure)}</span>
        </p>
      )}
      {choosing && (
        <FileChooser
          title={isFloppy ? 'Choose a floppy image' : 'Choose an install medium'}
          startAt={settings.source ?? ''}
          onCancel={() => setChoosing(false)}
          onChoose={(path) => void put(path)}
        />
      )}
    </section>
  );
}
