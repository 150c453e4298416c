/** The guest's PC speaker: its tone as a quiet square wave of Web Audio. */
import { useEffect, useRef } from 'react';

const GAIN = 0.05;

/** The parts of AudioContext this needs. */
export type SoundContext = Pick<AudioContext, 'createOscillator' | 'createGain' | 'destination' | 'resume' | 'close'>;

export class SpeakerSound {
  #context: SoundContext | undefined;
  #oscillator: OscillatorNode | undefined;

  constructor(readonly createContext: () => SoundContext = () => new AudioContext()) {}

  /** undefined: silence. A browser that has seen no click or key yet plays nothing. */
  play(frequencyHz: number | undefined): void {
    if (frequencyHz === undefined) {
      this.#oscillator?.stop();
      this.#oscillator = undefined;
      return;
    }
    this.#oscillator ??= this.#start();
    this.#oscillator.frequency.value = frequencyHz;
  }

  close(): void {
    this.play(undefined);
    this.#context?.close().catch(() => {});
    this.#context = undefined;
  }

  #start(): OscillatorNode {
    this.#context ??= this.createContext();
    this.#context.resume().catch(() => {});
    const gain = this.#context.createGain();
    gain.gain.value = GAIN;
    gain.connect(this.#context.destination);
    const oscillator = this.#context.createOscillator();
    oscillator.type = 'square';
    oscillator.connect(gain);
    oscillator.onended = () => gain.disconnect();
    oscillator.start();
    return oscillator;
  }
}

/** Sounds while the component is there. */
export function useSpeaker(frequencyHz: number | undefined, muted: boolean): void {
  const sound = useRef<SpeakerSound>(undefined);
  useEffect(() => {
    const mine = new SpeakerSound();
    sound.current = mine;
    return () => mine.close();
  }, []);
  useEffect(() => sound.current?.play(muted ? undefined : frequencyHz), [frequencyHz, muted]);
}
