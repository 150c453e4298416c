/** Modal dialogs: Escape closes, Enter does the main thing, focus comes back to where it was. */
import type { ReactNode } from 'react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  /** Beside the title: "Step 1 of 3". */
  readonly aside?: ReactNode;
  readonly footer: ReactNode;
  /** CSS pixels; never more than the window. */
  readonly width?: number;
  readonly height?: number;
  /** An alert interrupts: it asks or says something that must be answered. */
  readonly kind?: 'dialog' | 'alertdialog';
  readonly className?: string;
}

export function Dialog(props: DialogProps) {
  const { title, onClose, children, aside, footer, width = 460, height, kind = 'dialog', className = '' } = props;
  return (
    <ModalOverlay className="dialog-overlay" isOpen onOpenChange={(open) => !open && onClose()}>
      <Modal className="dialog-modal" style={{ maxWidth: width, ...(height ? { height } : {}) }}>
        <AriaDialog className={`dialog ${className}`} role={kind}>
          <header className="dialog-header">
            <Heading slot="title" level={2} className="dialog-title">
              {title}
            </Heading>
            {aside}
          </header>
          {children}
          {footer}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

export const DialogBody = (props: { readonly children: ReactNode }) => (
  <div className="dialog-body">{props.children}</div>
);
export const DialogFooter = (props: { readonly children: ReactNode }) => (
  <footer className="dialog-footer">{props.children}</footer>
);
