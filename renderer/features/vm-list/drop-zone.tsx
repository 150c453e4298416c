/** An ISO or image dropped on the manager window starts the wizard filled in. */
import { type DragEvent, type ReactNode, useState } from 'react';
import { useSession } from '../../state/context.tsx';
import { Disc3 } from '../../ui/icons.tsx';
import { mediumKind } from './dropped-medium.ts';

export function DropZone(props: { readonly children: ReactNode }) {
  const session = useSession();
  const [over, setOver] = useState(false);
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  const onDrop = (event: DragEvent) => {
    setOver(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    const source = file && mediumKind(file.name, file.size);
    if (!file || !source) {
      const text = 'Drop an ISO image, a disk image or a floppy image.';
      return session.notify({ kind: 'problem', title: `“${file?.name ?? 'This'}” is no install medium`, text });
    }
    const path = session.api.pathOf(file);
    session.openDialog({
      kind: 'new-vm',
      start: { source, ...(path === undefined ? { fileName: file.name } : { path }) },
    });
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: New in the toolbar does the same by keyboard
    <div
      className="screen"
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = 'copy';
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) setOver(false);
      }}
      onDrop={onDrop}
    >
      {props.children}
      {over && (
        <div className="drop-here">
          <Disc3 size={40} strokeWidth={1.5} />
          <p>Drop an ISO or a disk image to make a virtual machine of it</p>
        </div>
      )}
    </div>
  );
}
