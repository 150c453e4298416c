/** Overview: what it is called, its state, its board and firmware. */
import type { VmDetails, VmSummary } from '../../../../core/contracts/calls.ts';
import type { FirmwareImage, Hardware } from '../../../../core/contracts/hardware.ts';
import type { MachineType } from '../../../../core/contracts/machine.ts';
import { useAppState, useSession } from '../../../state/context.tsx';
import { formatMiB, formatUptime } from '../../../state/format.ts';
import { MACHINE_TYPES } from '../../../state/hardware-words.ts';
import { isActive, STATE_WORDS } from '../../../state/store.ts';
import { Select } from '../../../ui/select.tsx';
import { FileField, useFileVerdict } from '../../file-chooser/file-field.tsx';
import { AfterShutdown, DetailsPage, Facts } from './details-page.tsx';
import { Fact } from './fact.tsx';
import { BIOS, CUSTOM, firmwareDraftOf, firmwareOf } from './firmware-choice.ts';
import { useDraft } from './use-draft.ts';

const NO_IMAGES: readonly FirmwareImage[] = [];
const IMAGE_TYPES = [
  { id: 'rom', label: 'ROM (BIOS)' },
  { id: 'pflash', label: 'Flash with variables (UEFI)' },
];

export function OverviewPage({ vm, details }: { readonly vm: VmSummary; readonly details: VmDetails }) {
  const session = useSession();
  const images = useAppState((state) => state.host?.firmwareImages) ?? NO_IMAGES;
  const { id, hardware, activeHardware } = details;
  const saved = { machine: hardware.machine, ...firmwareDraftOf(hardware.firmware, images) };
  const draft = useDraft(saved, ({ machine, ...firmware }) =>
    session.edit('vms.setMachine', { id, machine, firmware: firmwareOf(firmware, images) }),
  );
  const { value, change } = draft;
  const isCustom = value.firmware === CUSTOM;
  const verdict = useFileVerdict('firmware', isCustom ? value.path.trim() : '');
  return (
    <DetailsPage
      title="Overview"
      draft={draft}
      problem={isCustom && value.path.trim() === '' ? 'Choose a firmware image.' : undefined}
      fields={isCustom ? ['firmware.path'] : []}
    >
      <BasicFacts vm={vm} details={details} />
      <h3>Machine</h3>
      <Select
        label="Machine type"
        options={MACHINE_TYPES}
        value={value.machine}
        onChange={(machine) => change({ machine: machine as MachineType })}
        note={hardware.machineName === hardware.machine ? undefined : `The definition says ${hardware.machineName}.`}
      />
      <AfterShutdown saved={hardware.machine} active={activeHardware?.machine} />
      <Select
        label="Firmware"
        options={[
          { id: BIOS, label: 'BIOS (Vivarium’s own)' },
          ...images.map(({ path, label }) => ({ id: path, label })),
          { id: CUSTOM, label: 'An image of your own' },
        ]}
        value={value.firmware}
        onChange={(firmware) => change({ firmware })}
        note={hardware.boot.kernel ? 'Not used: the kernel is booted directly.' : undefined}
      />
      {isCustom && (
        <>
          <FileField
            label="Firmware image"
            fileRole="firmware"
            value={value.path}
            onChange={(path) => change({ path })}
            verdict={verdict}
            error={draft.errorOf('firmware.path')}
            hint="SeaBIOS, or the code part of OVMF."
          />
          <Select
            label="Kind of image"
            options={IMAGE_TYPES}
            value={value.type}
            onChange={(type) => change({ type: type as 'rom' | 'pflash' })}
          />
        </>
      )}
      <AfterShutdown saved={firmwareText(hardware)} active={activeHardware && firmwareText(activeHardware)} />
    </DetailsPage>
  );
}

function BasicFacts({ vm, details }: { readonly vm: VmSummary; readonly details: VmDetails }) {
  const state = vm.reason ? `${STATE_WORDS[vm.state]}: ${vm.reason}` : STATE_WORDS[vm.state];
  return (
    <Facts heading="Basic details">
      <Fact term="Name">{vm.name}</Fact>
      {details.title && <Fact term="Title">{details.title}</Fact>}
      {details.description && <Fact term="Description">{details.description}</Fact>}
      <Fact term="State">{state}</Fact>
      {isActive(vm.state) && <Fact term="Uptime">{formatUptime(vm.uptimeSeconds)}</Fact>}
      <Fact term="Memory">{formatMiB(vm.memoryMiB)}</Fact>
      <Fact term="vCPUs">{String(vm.vcpus)}</Fact>
      <Fact term="UUID" mono copy>
        {vm.id}
      </Fact>
      <Fact term="Definition" mono copy>
        {details.definitionPath}
      </Fact>
    </Facts>
  );
}

const firmwareText = ({ firmware }: Hardware): string => (firmware.kind === 'bios' ? 'BIOS' : firmware.path);
