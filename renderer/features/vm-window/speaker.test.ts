import { describe, expect, it } from 'vitest';
import { type SoundContext, SpeakerSound } from './speaker.ts';

function fakeContext() {
  const calls: string[] = [];
  const node = { connect: () => {}, disconnect: () => calls.push('disconnect'), gain: { value: 1 } };
  const oscillators: { frequency: { value: number } }[] = [];
  const createOscillator = () => {
    const start = () => calls.push('start');
    const stop = () => calls.push('stop');
    const oscillator = { frequency: { value: 0 }, connect: () => {}, start, stop };
    oscillators.push(oscillator);
    return oscillator;
  };
  const context = {
    createOscillator,
    createGain: () => node,
    destination: {},
    resume: async () => {},
    close: async () => void calls.push('close'),
  } as unknown as SoundContext;
  return { calls, context, oscillators, node };
}

describe('SpeakerSound', () => {
  it('has one tone at a time, changes it in place, and ends it', () => {
    const { calls, context, oscillators, node } = fakeContext();
    const sound = new SpeakerSound(() => context);
    sound.play(440);
    sound.play(880);
    expect(oscillators.map(({ frequency }) => frequency.value)).toEqual([880]);
    expect(node.gain.value).toBeLessThan(0.2);
    sound.play(undefined);
    sound.play(undefined);
    expect(calls).toEqual(['start', 'stop']);
  });

  it('makes nothing before there is a tone, and closes what it made', () => {
    const { calls, context } = fakeContext();
    let made = 0;
    const sound = new SpeakerSound(() => {
      made++;
      return context;
    });
    sound.play(undefined);
    sound.close();
    expect(made).toBe(0);
    sound.play(100);
    sound.close();
    expect(calls).toEqual(['start', 'stop', 'close']);
  });
});
