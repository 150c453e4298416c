import { describe, expect, it } from 'vitest';
import type { PointerMotion } from '../../../core/contracts/machine.ts';
import { MotionSender } from './pointer-motion.ts';

/** A connection that answers when the test says so. */
function connection() {
  const sent: PointerMotion[] = [];
  let answer: () => void = () => {};
  const sender = new MotionSender((motion) => {
    sent.push(motion);
    return new Promise<void>((resolve) => {
      answer = resolve;
    });
  });
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  const answerNow = async () => {
    answer();
    await settled();
  };
  return { sender, sent, answer: answerNow };
}

describe('the movement of a grabbed pointer', () => {
  it('is gathered while a message is under way', async () => {
    const { sender, sent, answer } = connection();
    sender.move(3, -1);
    sender.move(10, 10);
    sender.move(5, 5);
    sender.wheel(-1);
    expect(sent).toEqual([{ dx: 3, dy: -1, wheel: 0, buttons: 0 }]);
    await answer();
    expect(sent[1]).toEqual({ dx: 15, dy: 15, wheel: -1, buttons: 0 });
    await answer();
    expect(sent).toHaveLength(2);
  });

  it('keeps what is less than a pixel', async () => {
    const { sender, sent, answer } = connection();
    for (let n = 0; n < 4; n++) {
      sender.move(0.5, 0);
      await answer();
    }
    expect(sent.map(({ dx }) => dx)).toEqual([0, 1, 0, 1]);
  });

  it('loses no click, however quick', async () => {
    const { sender, sent, answer } = connection();
    sender.move(1, 1);
    void sender.buttons(1);
    void sender.buttons(0);
    for (let n = 0; n < 4; n++) await answer();
    expect(sent.map(({ buttons }) => buttons)).toEqual([0, 1, 0]);
  });

  it('has the size that a message can have', async () => {
    const { sender, sent } = connection();
    sender.move(1e9, -1e9);
    expect(sent[0]).toMatchObject({ dx: 32_767, dy: -32_767 });
  });
});
