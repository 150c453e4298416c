/** A small line of the last samples, newest at the right edge. Decoration: the value stands beside it as text. */
import { sparklinePoints } from './sparkline-points.ts';

const WIDTH = 96;
const HEIGHT = 20;

export function Sparkline(props: { readonly samples: readonly number[]; readonly capacity: number }) {
  const points = sparklinePoints(props.samples, { capacity: props.capacity, width: WIDTH, height: HEIGHT, max: 100 });
  const line = points.map(([x, y]) => `${x},${y}`).join(' ');
  const first = points[0];
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      {first && (
        <>
          <polygon points={`${first[0]},${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} fill="currentColor" opacity="0.18" />
          <polyline points={line} fill="none" stroke="currentColor" strokeWidth="1.25" strokeLinejoin="round" />
        </>
      )}
    </svg>
  );
}
