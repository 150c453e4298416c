/** An interrupt input that remembers: its level, and how often it rose. */
export class FakeLine {
  level = false;
  edges = 0;

  set(level: boolean): void {
    if (level && !this.level) this.edges++;
    this.level = level;
  }
}
