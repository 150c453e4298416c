/** Boot Options: the order of the drives, the menu, direct kernel boot. */
import type { VmDetails } from '../../../../core/contracts/calls.ts';
import type { Hardware } from '../../../../core/contracts/hardware.ts';
import { useSession } from '../../../state/context.tsx';
import { namedDevices } from '../../../state/hardware-words.ts';
import { Button } from '../../../ui/button.tsx';
import { Checkbox, TextField } from '../../../ui/field.tsx';
import { ArrowDown, ArrowUp } from '../../../ui/icons.tsx';
import { FileField, useFileVerdict } from '../../file-chooser/file-field.tsx';
import { type BootDraft, type BootEntry, bootDraftOf, bootOptionsOf, menuError, moved } from './boot-order.ts';
import { AfterShutdown, DetailsPage } from './details-page.tsx';
import { type Draft, useDraft } from './use-draft.ts';

export function BootPage({ details }: { readonly details: VmDetails }) {
  const session = useSession();
  const { id, hardware, activeHardware } = details;
  const draft = useDraft(bootDraftOf(hardware), (value) =>
    session.edit('vms.setBoot', { id, boot: bootOptionsOf(value) }),
  );
  const { value, change } = draft;
  const problem = menuError(value) ?? (value.direct && value.kernel.trim() === '' ? 'Choose a kernel.' : undefined);
  const active = activeHardware && { order: orderText(activeHardware), menu: menuText(activeHardware) };
  return (
    <DetailsPage
      title="Boot Options"
      draft={draft}
      problem={problem}
      fields={['boot.kernel.kernel', 'boot.kernel.initrd']}
    >
      <h3>Boot device order</h3>
      <BootList hardware={hardware} entries={value.entries} onChange={(entries) => change({ entries })} />
      <AfterShutdown saved={orderText(hardware)} active={active?.order} />
      <h3>Boot menu</h3>
      <Checkbox label="Enable boot menu" checked={value.menu} onChange={(menu) => change({ menu })} />
      {value.menu && (
        <div className="short-field">
          <TextField
            label="Wait for a choice (seconds)"
            value={value.menuSeconds}
            onChange={(menuSeconds) => change({ menuSeconds })}
            inputMode="numeric"
            note={menuError(value) ? { tone: 'bad', text: menuError(value) ?? '' } : undefined}
          />
        </div>
      )}
      <AfterShutdown saved={menuText(hardware)} active={active?.menu} />
      <DirectKernelBoot draft={draft} />
      <AfterShutdown saved={kernelText(hardware)} active={activeHardware && kernelText(activeHardware)} />
    </DetailsPage>
  );
}

function BootList(props: {
  readonly hardware: Hardware;
  readonly entries: readonly BootEntry[];
  readonly onChange: (entries: readonly BootEntry[]) => void;
}) {
  const { hardware, entries, onChange } = props;
  const labels = new Map(namedDevices(hardware).map(({ device, label }) => [device.id, label]));
  if (entries.length === 0) return <p className="muted">There is no drive to boot from.</p>;
  return (
    <ol className="boot-list" aria-label="Boot device order">
      {entries.map(({ id, enabled }, index) => {
        const label = labels.get(id) ?? id;
        return (
          <li key={id}>
            <Checkbox
              label={label}
              checked={enabled}
              onChange={(now) => onChange(entries.map((each) => (each.id === id ? { id, enabled: now } : each)))}
            />
            <Button
              label="Move up"
              name={`Move up ${label}`}
              variant="plain"
              iconOnly
              icon={<ArrowUp size={14} />}
              disabledReason={index === 0 ? 'It is the first.' : undefined}
              onPress={() => onChange(moved(entries, index, -1))}
            />
            <Button
              label="Move down"
              name={`Move down ${label}`}
              variant="plain"
              iconOnly
              icon={<ArrowDown size={14} />}
              disabledReason={index === entries.length - 1 ? 'It is the last.' : undefined}
              onPress={() => onChange(moved(entries, index, 1))}
            />
          </li>
        );
      })}
    </ol>
  );
}

function DirectKernelBoot({ draft }: { readonly draft: Draft<BootDraft> }) {
  const { value, change, errorOf } = draft;
  const kernel = useFileVerdict('kernel', value.direct ? value.kernel.trim() : '');
  const initrd = useFileVerdict('initrd', value.direct ? value.initrd.trim() : '');
  return (
    <>
      <h3>Direct kernel boot</h3>
      <Checkbox
        label="Boot a kernel directly, without firmware"
        checked={value.direct}
        onChange={(direct) => change({ direct })}
      />
      {value.direct && (
        <>
          <FileField
            label="Kernel"
            fileRole="kernel"
            value={value.kernel}
            onChange={(path) => change({ kernel: path })}
            verdict={kernel}
            error={errorOf('boot.kernel.kernel')}
          />
          <FileField
            label="Initrd"
            fileRole="initrd"
            value={value.initrd}
            onChange={(path) => change({ initrd: path })}
            verdict={initrd}
            error={errorOf('boot.kernel.initrd')}
            startAt={value.kernel}
          />
          <TextField label="Command line" value={value.cmdline} onChange={(cmdline) => change({ cmdline })} mono />
        </>
      )}
    </>
  );
}

function orderText(hardware: Hardware): string {
  const labels = new Map(namedDevices(hardware).map(({ device, label }) => [device.id, label]));
  return hardware.boot.order.map((id) => labels.get(id) ?? id).join(', ');
}

const menuText = ({ boot }: Hardware): string =>
  boot.menuTimeoutMs === undefined ? 'no menu' : `${boot.menuTimeoutMs / 1000} s`;

const kernelText = ({ boot: { kernel } }: Hardware): string =>
  kernel ? [kernel.kernel, kernel.initrd, kernel.cmdline].filter(Boolean).join(' ') : '';
