/** A channel of the ISA DMA controller as the device on it sees it. */
export interface IsaDmaChannel {
  /** Moves bytes to memory while the channel is open and counts. */
  toMemory(bytes: Uint8Array): IsaDmaProgress;
  fromMemory(target: Uint8Array): IsaDmaProgress;
  /** Told when the guest has opened the channel, or set it up anew. */
  onOpen: (() => void) | undefined;
}

export interface IsaDmaProgress {
  /** Bytes; fewer than all while the channel is masked, and at the terminal count. */
  readonly moved: number;
  /** The controller raised TC: the transfer that the guest asked for is complete. */
  readonly terminalCount: boolean;
}
