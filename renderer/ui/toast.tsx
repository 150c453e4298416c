/** Short notices in a corner: read out politely, gone by themselves unless they report a problem. */
import {
  UNSTABLE_Toast as AriaToast,
  Text,
  UNSTABLE_ToastContent as ToastContent,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from 'react-aria-components';
import { Button } from './button.tsx';
import { CircleAlert, CircleCheck, X } from './icons.tsx';

export interface ToastMessage {
  readonly kind: 'information' | 'problem';
  readonly title: string;
  readonly text?: string;
}

/** WCAG 2.2.1: time enough to read; problems stay until dismissed. */
const TIMEOUT_MS = 6000;

const queue = new ToastQueue<ToastMessage>({ maxVisibleToasts: 3 });

export function showToast(message: ToastMessage): void {
  queue.add(message, message.kind === 'information' ? { timeout: TIMEOUT_MS } : {});
}

export function Toasts() {
  return (
    <ToastRegion queue={queue} className="toast-region" aria-label="Notices">
      {({ toast }) => (
        <AriaToast toast={toast} className="toast" data-kind={toast.content.kind}>
          {toast.content.kind === 'problem' ? <CircleAlert size={16} /> : <CircleCheck size={16} />}
          <ToastContent className="toast-content">
            <Text slot="title" className="toast-title">
              {toast.content.title}
            </Text>
            {toast.content.text && <p className="muted">{toast.content.text}</p>}
          </ToastContent>
          <Button slot="close" label="Dismiss" variant="plain" iconOnly icon={<X size={14} />} />
        </AriaToast>
      )}
    </ToastRegion>
  );
}
