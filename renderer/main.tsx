/** Start of the page: connect to the host, draw. The kit's styles come first, so that a feature's win. */
import './ui/tokens.css';
import './ui/base.css';
import './ui/controls.css';
import './ui/collections.css';
import './ui/overlays.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from './api/connect.ts';
import { App } from './app/app.tsx';
import { followTheme } from './app/theme.ts';
import { SessionProvider } from './state/context.tsx';
import { Session } from './state/session.ts';
import { showToast } from './ui/toast.tsx';

const session = new Session({ api: connect(), notify: showToast, storage: window.localStorage });
followTheme(session, document.documentElement);
session.start();

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element with the id root');
createRoot(root).render(
  <StrictMode>
    <SessionProvider session={session}>
      <App />
    </SessionProvider>
  </StrictMode>,
);
