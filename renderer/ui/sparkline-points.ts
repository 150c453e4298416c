/** Where the samples of a sparkline lie, in the SVG's units. */
export interface SparklineBox {
  /** Samples across the whole width. */
  readonly capacity: number;
  readonly width: number;
  readonly height: number;
  /** The value at the top; more is drawn there too. */
  readonly max: number;
}

/** Right-aligned; half a unit of air above and below keeps the line whole. */
export function sparklinePoints(samples: readonly number[], box: SparklineBox): readonly (readonly [number, number])[] {
  const shown = samples.slice(-box.capacity);
  const step = box.width / (box.capacity - 1);
  const round = (value: number) => Math.round(value * 100) / 100;
  return shown.map((sample, index) => {
    const share = Math.min(1, Math.max(0, sample / box.max));
    return [round(box.width - (shown.length - 1 - index) * step), round(box.height - 1 - share * (box.height - 2))];
  });
}
