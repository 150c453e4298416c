/** @novnc/novnc 1.7.0 ships no types: the part of its RFB class (docs/API.md of the package) that we use. */
declare module '@novnc/novnc' {
  interface RfbEvents {
    connect: CustomEvent<undefined>;
    disconnect: CustomEvent<{ clean: boolean }>;
    securityfailure: CustomEvent<{ status: number; reason?: string }>;
    bell: CustomEvent<undefined>;
  }
  export default class RFB {
    constructor(target: HTMLElement, channel: object, options?: { shared?: boolean });
    scaleViewport: boolean;
    focusOnClick: boolean;
    background: string;
    disconnect(): void;
    sendKey(keysym: number, code: string, down: boolean): void;
    focus(options?: FocusOptions): void;
    blur(): void;
    toBlob(callback: (image: Blob | null) => void, type?: string): void;
    addEventListener<K extends keyof RfbEvents>(type: K, listener: (event: RfbEvents[K]) => void): void;
  }
}
