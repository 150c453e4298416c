/** The window of one VM: its toolbar, and Console, Serial and Details. */
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components';
import type { VmId, VmSummary } from '../../../core/contracts/calls.ts';
import { useAppState, usePreferences, useSession } from '../../state/context.tsx';
import { screenshotFileName } from '../../state/format.ts';
import { navigate } from '../../state/route.ts';
import { STATE_WORDS } from '../../state/store.ts';
import { Button } from '../../ui/button.tsx';
import { ArrowLeft, Minimize } from '../../ui/icons.tsx';
import { EmptyState, Logo } from '../../ui/page.tsx';
import { StateIcon } from '../../ui/state-icon.tsx';
import { ConsoleTab } from './console-tab.tsx';
import { useUnapplied } from './details/unapplied.tsx';
import { DetailsTab } from './details-tab.tsx';
import type { DisplayHandle, DisplayStatus } from './display.tsx';
import { SerialTab } from './serial-tab.tsx';
import { useSpeaker } from './speaker.ts';
import { useFullscreen } from './use-fullscreen.ts';
import './vm-window.css';
import { VmToolbar } from './vm-toolbar.tsx';

type TabId = 'console' | 'serial' | 'details';

export function VmWindow(props: { readonly id: VmId; readonly mainMenu: ReactNode }) {
  const vm = useAppState((state) => state.vms.get(props.id));
  const loaded = useAppState((state) => state.loaded);
  if (vm) return <OpenVm key={vm.id} vm={vm} mainMenu={props.mainMenu} />;
  if (!loaded) return null;
  return (
    <main className="screen">
      <EmptyState
        icon={<Logo size={48} />}
        level={1}
        title="This virtual machine does not exist"
        text="It may have been deleted. Nothing else was changed."
      >
        <Button label="Back to list" variant="primary" onPress={() => navigate({ screen: 'list' })} />
      </EmptyState>
    </main>
  );
}

function OpenVm({ vm, mainMenu }: { readonly vm: VmSummary; readonly mainMenu: ReactNode }) {
  const session = useSession();
  const preferences = usePreferences();
  const [tab, setTab] = useState<TabId>('console');
  const [serialOpened, setSerialOpened] = useState(false);
  const [detailsOpened, setDetailsOpened] = useState(false);
  const unapplied = useUnapplied();
  const [status, setStatus] = useState<DisplayStatus>('connecting');
  const display = useRef<DisplayHandle>(null);
  const panel = useRef<HTMLDivElement>(null);
  const serialTab = useRef<HTMLDivElement>(null);
  const fullscreen = useFullscreen(panel);
  useSpeaker(vm.speakerHz, preferences.speakerMuted);
  const fit = preferences.scaleDisplay === 'always' || (preferences.scaleDisplay === 'fullscreen' && fullscreen.active);

  const canFill = tab === 'console';
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'F11' || event.defaultPrevented || !canFill) return;
      event.preventDefault();
      if (fullscreen.active) fullscreen.leave();
      else fullscreen.enter();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  });

  const screenshot = async () => {
    const image = await display.current?.screenshot();
    if (!image) {
      session.notify({ kind: 'problem', title: 'There is no screen to take a picture of' });
      return;
    }
    const name = screenshotFileName(vm.name, new Date());
    download(image, name);
    session.notify({ kind: 'information', title: 'Screenshot saved', text: `${name}, in the folder for downloads.` });
  };

  return (
    <div className="screen">
      <header className="window-bar">
        <Button
          label="Back to list"
          variant="plain"
          iconOnly
          icon={<ArrowLeft size={16} />}
          onPress={() => navigate({ screen: 'list' })}
        />
        <div className="vm-title">
          <StateIcon state={vm.state} />
          <h1>{vm.name}</h1>
          <span className="muted">{STATE_WORDS[vm.state]}</span>
        </div>
        <VmToolbar
          vm={vm}
          connected={status === 'connected'}
          onConsole={tab === 'console'}
          onSend={(combination) => display.current?.send(combination)}
          onScreenshot={() => void screenshot()}
          onFullscreen={fullscreen.enter}
        />
        {mainMenu}
      </header>
      <main className="vm-main">
        <Tabs
          className="tabs"
          selectedKey={tab}
          // Arrow keys only move the focus: Serial takes the keyboard once it is shown.
          keyboardActivation="manual"
          onSelectionChange={(key) => {
            setTab(key as TabId);
            if (key === 'serial') setSerialOpened(true);
            if (key === 'details') setDetailsOpened(true);
          }}
        >
          <TabList className="tab-list vm-tabs" aria-label="Views">
            <Tab id="console" className="tab">
              Console
            </Tab>
            <Tab id="serial" className="tab" ref={serialTab}>
              Serial
            </Tab>
            <Tab id="details" className="tab">
              Details
            </Tab>
          </TabList>
          <TabPanel id="console" className="tab-panel" shouldForceMount ref={panel}>
            {fullscreen.active && (
              <div className="fullscreen-bar">
                <strong>{vm.name}</strong>
                <span>Left Ctrl and left Alt together release the keyboard.</span>
                <Button label="Leave fullscreen" icon={<Minimize size={16} />} onPress={fullscreen.leave} />
              </div>
            )}
            <ConsoleTab
              vm={vm}
              fit={fit}
              pixelExact={preferences.pixelExact}
              displayRef={display}
              onStatus={setStatus}
            />
          </TabPanel>
          <TabPanel id="serial" className="tab-panel" shouldForceMount>
            {serialOpened && (
              <SerialTab vm={vm} visible={tab === 'serial'} onLeave={() => serialTab.current?.focus()} />
            )}
          </TabPanel>
          {/* Stays there: changes that wait for Apply are not lost by a look at the console. */}
          <TabPanel id="details" className="tab-panel" shouldForceMount>
            {detailsOpened && unapplied.provide(<DetailsTab vm={vm} leave={unapplied.leave} />)}
          </TabPanel>
        </Tabs>
      </main>
      {unapplied.question}
    </div>
  );
}

function download(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has the URL by then; keeping it would keep the picture in memory.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
