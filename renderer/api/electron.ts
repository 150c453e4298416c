/** The Electron host: what main/electron's preload puts on the window, as an `Api`. */
import type { AppEvent, CallName, Reply, Request } from '../../core/contracts/calls.ts';
import type { StreamAddress } from '../../core/contracts/streams.ts';
import { type Api, LOST_CONNECTION } from './api.ts';
import { PortChannel } from './port-channel.ts';

/** The whole bridge: nothing else of Electron reaches the page. */
export interface Bridge {
  call<K extends CallName>(name: K, request: Request<K>): Promise<Reply<K>>;
  onEvent(listener: (event: AppEvent) => void): () => void;
  openStream(address: StreamAddress): Promise<MessagePort>;
  pathOf(file: File): string;
}

export function electronApi(bridge: Bridge): Api {
  return {
    call: (name, request) => bridge.call(name, request).catch(() => ({ ok: false, error: LOST_CONNECTION })),
    onEvent: (listener) => bridge.onEvent(listener),
    // Main and window live and die together.
    onConnection: (listener) => {
      listener('online');
      return () => {};
    },
    openStream: async (address) => new PortChannel(await bridge.openStream(address)),
    // Empty for what lies nowhere: a picture dragged out of a page.
    pathOf: (file) => bridge.pathOf(file) || undefined,
  };
}
