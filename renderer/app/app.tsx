/** The shell: which screen, which dialog, and whether the host is still there. */
import { lazy, Suspense, useRef } from 'react';
import { VmList } from '../features/vm-list/vm-list.tsx';
import { useAppState } from '../state/context.tsx';
import { useRoute } from '../state/route.ts';
import { CircleCheck, LoaderCircle } from '../ui/icons.tsx';
import { EmptyState, Logo } from '../ui/page.tsx';
import { Toasts } from '../ui/toast.tsx';
import './app.css';
import { MainMenu } from './main-menu.tsx';
import { type CommandGroup, useCommands, useShortcuts } from './use-commands.tsx';

const VmWindow = lazy(async () => ({ default: (await import('../features/vm-window/vm-window.tsx')).VmWindow }));
const Dialogs = lazy(async () => ({ default: (await import('./dialogs.tsx')).Dialogs }));

export function App() {
  const route = useRoute();
  const ended = useAppState((state) => state.ended);
  const filterRef = useRef<HTMLInputElement>(null);
  const commands = useCommands(route, filterRef);
  useShortcuts(commands);
  if (ended) return <EndPage />;
  return (
    <div className="app">
      <ConnectionBanner />
      {route.screen === 'list' ? (
        <VmList mainMenu={<MainMenu />} filterRef={filterRef} />
      ) : (
        <Suspense fallback={<div className="screen" />}>
          <VmWindow id={route.id} mainMenu={<MainMenu />} />
        </Suspense>
      )}
      <OpenDialogs commands={commands} />
      <Toasts />
    </div>
  );
}

/** The dialogs' code is fetched when the first one opens. */
function OpenDialogs(props: { readonly commands: readonly CommandGroup[] }) {
  const dialog = useAppState((state) => state.dialog);
  const failure = useAppState((state) => state.failure);
  if (!dialog && !failure) return null;
  return (
    <Suspense fallback={null}>
      <Dialogs dialog={dialog} failure={failure} commands={props.commands} />
    </Suspense>
  );
}

function ConnectionBanner() {
  const offline = useAppState((state) => state.connection === 'offline');
  return (
    <div role="status">
      {offline && (
        <div className="banner">
          <LoaderCircle size={16} className="spin" />
          <p>
            <strong>Vivarium does not answer.</strong> This page reconnects by itself. If Vivarium was stopped, start it
            again and open the address it prints.
          </p>
        </div>
      )}
    </div>
  );
}

function EndPage() {
  return (
    <main className="app">
      <EmptyState
        icon={<Logo size={48} />}
        level={1}
        title="Vivarium has quit"
        text={
          <>
            <CircleCheck size={14} /> Your virtual machines are kept. You can close this page.
          </>
        }
      />
    </main>
  );
}
