import { describe, expect, it } from 'vitest';
import { PortChannel } from './port-channel.ts';

/** The VM's side of a channel, and what it has received. */
function pair() {
  const { port1, port2 } = new MessageChannel();
  const received: unknown[] = [];
  port2.addEventListener('message', (event) => received.push(event.data));
  port2.start();
  return { channel: new PortChannel(port1), far: port2, received };
}
const delivered = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('PortChannel', () => {
  it('opens when the other side says so, and not before', async () => {
    const { channel, far, received } = pair();
    let opened = 0;
    channel.onopen = () => opened++;
    channel.send(Uint8Array.of(1));
    far.postMessage('open');
    await delivered();
    expect(opened).toBe(1);
    expect(channel.readyState).toBe('open');
    expect(received).toEqual([]);
    channel.close();
  });

  it('passes bytes on, and sends copies', async () => {
    const { channel, far, received } = pair();
    const data: ArrayBuffer[] = [];
    channel.onmessage = (event) => data.push(event.data);
    far.postMessage('open');
    far.postMessage(Uint8Array.of(7, 8).buffer);
    await delivered();
    const reused = Uint8Array.of(1, 2, 3, 4);
    channel.send(reused.subarray(1, 3));
    reused.fill(0);
    await delivered();
    expect([...new Uint8Array(data[0] ?? new ArrayBuffer(0))]).toEqual([7, 8]);
    expect([...new Uint8Array(received[0] as ArrayBuffer)]).toEqual([2, 3]);
    channel.close();
  });

  it('closes once, from either side', async () => {
    const near = pair();
    let closes = 0;
    near.channel.onclose = () => closes++;
    near.channel.close();
    near.channel.close();
    await delivered();
    expect(closes).toBe(1);
    expect(near.received).toEqual(['close']);

    const far = pair();
    far.channel.onclose = () => closes++;
    far.far.postMessage('close');
    await delivered();
    expect(closes).toBe(2);
    expect(far.channel.readyState).toBe('closed');
  });
});
