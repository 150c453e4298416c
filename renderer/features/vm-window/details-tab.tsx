/** The Details tab: what the VM is made of, its definition, its log. The CPUs page edits; the rest is to read. */
import type { ReactNode } from 'react';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components';
import type { LogLine, VmDetails, VmSummary } from '../../../core/contracts/calls.ts';
import { useVmDetails } from '../../state/context.tsx';
import { formatMiB, formatTime, formatUptime } from '../../state/format.ts';
import { isActive, STATE_WORDS } from '../../state/store.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Cpu, FileText, Info, Monitor } from '../../ui/icons.tsx';
import { CpuPage } from './cpu-page.tsx';

export function DetailsTab(props: { readonly vm: VmSummary }) {
  const details = useVmDetails(props.vm.id);
  if (!details) return null;
  return (
    <Tabs className="details" orientation="vertical">
      <TabList className="details-list" aria-label="Details">
        <DetailsEntry id="overview" icon={<Monitor size={14} />} label="Overview" />
        <DetailsEntry id="cpus" icon={<Cpu size={14} />} label="CPUs" />
        <DetailsEntry id="xml" icon={<FileText size={14} />} label="XML" />
        <DetailsEntry id="log" icon={<Info size={14} />} label="Log" />
      </TabList>
      <TabPanel id="overview" className="details-page">
        <Overview vm={props.vm} details={details} />
      </TabPanel>
      <TabPanel id="cpus" className="details-page">
        <CpuPage vm={props.vm} details={details} />
      </TabPanel>
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
        <Log lines={details.log} />
      </TabPanel>
    </Tabs>
  );
}

const DetailsEntry = (props: { readonly id: string; readonly icon: ReactNode; readonly label: string }) => (
  <Tab id={props.id} className="details-entry">
    {props.icon}
    {props.label}
  </Tab>
);

function Overview({ vm, details }: { readonly vm: VmSummary; readonly details: VmDetails }) {
  const state = vm.reason ? `${STATE_WORDS[vm.state]}: ${vm.reason}` : STATE_WORDS[vm.state];
  return (
    <>
      <Facts heading="Basic details">
        <Fact term="Name">{vm.name}</Fact>
        {details.title && <Fact term="Title">{details.title}</Fact>}
        {details.description && <Fact term="Description">{details.description}</Fact>}
        <Fact term="State">{state}</Fact>
        {isActive(vm.state) && <Fact term="Uptime">{formatUptime(vm.uptimeSeconds)}</Fact>}
        <Fact term="UUID" mono copy>
          {vm.id}
        </Fact>
      </Facts>
      <Facts heading="Memory and CPUs">
        <Fact term="Memory">{formatMiB(vm.memoryMiB)}</Fact>
        <Fact term="vCPUs">{String(vm.vcpus)}</Fact>
      </Facts>
      <Facts heading="Direct kernel boot">
        <Fact term="Kernel" mono copy>
          {details.boot.kernel}
        </Fact>
        {details.boot.initrd ? (
          <Fact term="Initrd" mono copy>
            {details.boot.initrd}
          </Fact>
        ) : (
          <Fact term="Initrd">None</Fact>
        )}
        {details.boot.cmdline ? (
          <Fact term="Command line" mono copy>
            {details.boot.cmdline}
          </Fact>
        ) : (
          <Fact term="Command line">None</Fact>
        )}
      </Facts>
      <Facts heading="Host">
        <Fact term="Definition" mono copy>
          {details.definitionPath}
        </Fact>
        {vm.serialPty && (
          <Fact term="Serial 1" mono copy>
            {vm.serialPty}
          </Fact>
        )}
      </Facts>
    </>
  );
}

const Facts = (props: { readonly heading: string; readonly children: ReactNode }) => (
  <section className="facts">
    <h2>{props.heading}</h2>
    <dl>{props.children}</dl>
  </section>
);

function Fact(props: {
  readonly term: string;
  readonly children: string;
  readonly mono?: boolean;
  readonly copy?: boolean;
}) {
  return (
    <div className="fact">
      <dt>{props.term}</dt>
      <dd className={props.mono ? 'mono' : ''}>
        {props.children}
        {props.copy && <CopyButton text={props.children} name={`Copy ${props.term.toLowerCase()}`} iconOnly />}
      </dd>
    </div>
  );
}

const LEVEL_WORDS = { info: 'Information', warning: 'Warning', error: 'Error' } as const;

function Log({ lines }: { readonly lines: readonly LogLine[] }) {
  const text = lines.map((line) => `${new Date(line.timeMs).toISOString()} ${line.level} ${line.message}`).join('\n');
  return (
    <>
      <header className="details-header">
        <h2>Log</h2>
        <CopyButton text={text} name="Copy log" />
      </header>
      {lines.length === 0 ? (
        <p className="muted">Nothing has happened yet.</p>
      ) : (
        <div className="log-frame">
          <table className="table log">
            <thead>
              <tr>
                <th className="column">Time</th>
                <th className="column">Level</th>
                <th className="column">Message</th>
              </tr>
            </thead>
            <tbody>
              {lines.toReversed().map((line, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the log only grows, so a line's place from its start stays
                <tr key={lines.length - index} data-level={line.level}>
                  <td className="cell">{formatTime(line.timeMs)}</td>
                  <td className="cell log-level">{LEVEL_WORDS[line.level]}</td>
                  <td className="cell">{line.message}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
