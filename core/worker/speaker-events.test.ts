import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../testing/fake-clock.ts';
import { SpeakerEvents } from './speaker-events.ts';

function makeSpeaker() {
  const timers = new FakeTimers();
  const tones: (number | undefined)[] = [];
  const speaker = new SpeakerEvents(timers, (event) => event.type === 'speaker' && tones.push(event.frequencyHz));
  return { speaker, timers, tones };
}

describe('SpeakerEvents', () => {
  it('tells of a tone at once, and of its end', () => {
    const { speaker, timers, tones } = makeSpeaker();
    speaker.change(440);
    timers.advance(1e8);
    speaker.change(undefined);
    expect(tones).toEqual([440, undefined]);
  });

  it('tells of the last of many changes, fifty times a second at most', () => {
    const { speaker, timers, tones } = makeSpeaker();
    for (let i = 0; i < 10_000; i++) {
      speaker.change(i % 2 === 0 ? 100 + i : undefined);
      timers.advance(1e5);
    }
    expect(tones.length).toBeLessThanOrEqual(51);
    speaker.change(77);
    timers.advance(1e9);
    expect(tones.at(-1)).toBe(77);
  });

  it('arms nothing while the tone stays', () => {
    const { speaker, timers } = makeSpeaker();
    speaker.change(440);
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('is silent during a pause', () => {
    const { speaker, tones } = makeSpeaker();
    speaker.change(440);
    speaker.pause();
    speaker.resume();
    expect(tones).toEqual([440, undefined, 440]);
  });
});
