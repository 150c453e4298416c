/**
 * The Details tab: the hardware list, and the page of what is chosen in it. What a page changes waits for Apply; whoever
 * leads away from unapplied changes is asked about them (unapplied.tsx).
 */
import { type ReactNode, useState } from 'react';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components';
import type { VmDetails, VmSummary } from '../../../core/contracts/calls.ts';
import { useVmDetails } from '../../state/context.tsx';
import { type NamedDevice, namedDevices } from '../../state/hardware-words.ts';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import {
  CircuitBoard,
  Cpu,
  Disc3,
  FileText,
  HardDrive,
  Info,
  Keyboard,
  Monitor,
  Mouse,
  Plus,
  Rocket,
  Save,
  SquareTerminal,
  Timer,
  TriangleAlert,
  Usb,
} from '../../ui/icons.tsx';
import { CpuPage } from './cpu-page.tsx';
import { AddHardware } from './details/add-hardware.tsx';
import { BootPage } from './details/boot-page.tsx';
import { DevicePage, LeavingPage } from './details/device-pages.tsx';
import './details/details.css';
import { DiskPage } from './details/disk-page.tsx';
import { leavingDevices, useRemoveDevice } from './details/live-devices.ts';
import { LogPage } from './details/log-page.tsx';
import { OverviewPage } from './details/overview-page.tsx';

const FIXED_PAGES = ['overview', 'cpus', 'boot', 'xml', 'log'];

export function DetailsTab(props: {
  readonly vm: VmSummary;
  /** Goes on once nothing waits for Apply. */
  readonly leave: (go: () => void) => void;
}) {
  const details = useVmDetails(props.vm.id);
  return details ? <HardwareDetails {...props} details={details} /> : null;
}

function HardwareDetails(props: {
  readonly vm: VmSummary;
  readonly details: VmDetails;
  readonly leave: (go: () => void) => void;
}) {
  const { vm, details, leave } = props;
  const remove = useRemoveDevice(details);
  const [page, setPage] = useState('overview');
  const [adding, setAdding] = useState(false);
  const leaving = leavingDevices(details);
  const devices = namedDevices({ devices: [...details.hardware.devices, ...leaving] });
  const shown = [...FIXED_PAGES, ...devices.map(({ device }) => device.id)].includes(page) ? page : 'overview';
  return (
    <>
      <Tabs
        className="details"
        orientation="vertical"
        selectedKey={shown}
        onSelectionChange={(key) => key !== shown && leave(() => setPage(String(key)))}
      >
        <div className="details-side">
          <TabList className="details-list" aria-label="Details">
            <DetailsEntry id="overview" icon={<Info size={14} />} label="Overview" />
            <DetailsEntry id="cpus" icon={<Cpu size={14} />} label="CPUs" />
            <DetailsEntry id="boot" icon={<Rocket size={14} />} label="Boot Options" />
            {devices.map(({ device, label }) => (
              <DetailsEntry
                key={device.id}
                id={device.id}
                icon={iconOf({ device, label })}
                label={label}
                warned={device.limit !== undefined}
                leaving={leaving.includes(device)}
              />
            ))}
            <DetailsEntry id="xml" icon={<FileText size={14} />} label="XML" />
            <DetailsEntry id="log" icon={<SquareTerminal size={14} />} label="Log" />
          </TabList>
          <div className="details-side-bar">
            <Button label="Add Hardware" icon={<Plus size={14} />} onPress={() => leave(() => setAdding(true))} />
          </div>
        </div>
        <TabPanel id="overview" className="details-page">
          <OverviewPage vm={vm} details={details} />
        </TabPanel>
        <TabPanel id="cpus" className="details-page">
          <CpuPage vm={vm} details={details} />
        </TabPanel>
        <TabPanel id="boot" className="details-page">
          <BootPage details={details} />
        </TabPanel>
        {devices.map((named) => (
          <TabPanel key={named.device.id} id={named.device.id} className="details-page">
            {leaving.includes(named.device) ? (
              <LeavingPage details={details} named={named} onRemove={() => void remove(named)} />
            ) : named.device.settings?.kind === 'disk' ? (
              <DiskPage
                details={details}
                named={named}
                settings={named.device.settings}
                onRemove={() => void remove(named)}
                onMoved={setPage}
              />
            ) : (
              <DevicePage vm={vm} details={details} named={named} onRemove={() => void remove(named)} />
            )}
          </TabPanel>
        ))}
        <TabPanel id="xml" className="details-page">
          <header className="details-header">
            <h2>Domain XML</h2>
            <CopyButton text={details.domainXml} name="Copy XML" />
          </header>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a block that scrolls must be reachable by keyboard */}
          <pre className="code-block" tabIndex={0}>
            {details.domainXml}
          </pre>
        </TabPanel>
        <TabPanel id="log" className="details-page">
          <LogPage lines={details.log} />
        </TabPanel>
      </Tabs>
      {adding && (
        <AddHardware
          details={details}
          onClose={() => setAdding(false)}
          onAdded={(device) => {
            setAdding(false);
            setPage(device);
          }}
        />
      )}
    </>
  );
}

function DetailsEntry(props: {
  readonly id: string;
  readonly icon: ReactNode;
  readonly label: string;
  readonly warned?: boolean;
  /** Only the running machine has it. */
  readonly leaving?: boolean;
}) {
  return (
    <Tab id={props.id} className="details-entry" data-leaving={props.leaving || undefined}>
      {props.icon}
      <span className="details-entry-label">{props.label}</span>
      {props.warned && <TriangleAlert size={12} className="details-entry-warning" aria-label="Not all of it works" />}
    </Tab>
  );
}

const ELEMENT_ICONS: Readonly<Record<string, ReactNode>> = {
  graphics: <Monitor size={14} />,
  video: <Monitor size={14} />,
  serial: <SquareTerminal size={14} />,
  watchdog: <Timer size={14} />,
  controller: <Usb size={14} />,
  disk: <HardDrive size={14} />,
};
const DISK_ICONS = { disk: <HardDrive size={14} />, cdrom: <Disc3 size={14} />, floppy: <Save size={14} /> } as const;

function iconOf({ device: { element, settings } }: NamedDevice): ReactNode {
  if (settings?.kind === 'disk') return DISK_ICONS[settings.device];
  if (settings?.kind === 'input') return settings.type === 'keyboard' ? <Keyboard size={14} /> : <Mouse size={14} />;
  return ELEMENT_ICONS[element] ?? <CircuitBoard size={14} />;
}
