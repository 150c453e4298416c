import { describe, expect, it } from 'vitest';
import { TimerQueue } from './clock.ts';

describe('TimerQueue', () => {
  it('fires due timers in order of their deadlines and leaves later ones armed', () => {
    const fired: string[] = [];
    const queue = new TimerQueue({ nowNs: () => 0 });
    const late = queue.createTimer('late', () => fired.push('late'));
    const b = queue.createTimer('b', () => fired.push('b'));
    const a = queue.createTimer('a', () => fired.push('a'));
    late.arm(100);
    b.arm(20);
    a.arm(10);
    expect(queue.nextDeadlineNs()).toBe(10);
    queue.runDue(50);
    expect(fired).toEqual(['a', 'b']);
    expect(late.armed).toBe(true);
    expect(queue.nextDeadlineNs()).toBe(100);
  });

  it('lets a timer re-arm itself and cancel another', () => {
    const queue = new TimerQueue({ nowNs: () => 0 });
    let count = 0;
    const other = queue.createTimer('other', () => count++);
    const periodic = queue.createTimer('periodic', (deadline) => {
      other.cancel();
      periodic.arm(deadline + 10);
    });
    periodic.arm(10);
    other.arm(11);
    queue.runDue(15);
    expect(count).toBe(0);
    expect(periodic.deadlineNs).toBe(20);
  });
});
