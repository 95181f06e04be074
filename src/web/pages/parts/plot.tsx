// A plot of one figure over intervals, drawn by hand: bars with their values to be read by whoever cannot see them.
import { t } from '../words'

export type Point = { name: string; value: number | null; words: string }

const [WIDE, HIGH, START, FOOT, TOP] = [640, 180, 44, 22, 10]

/** A round number at or above. */
function ceiling(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value
}

export function Bars({ title, points, most, show }: { title: string; points: readonly Point[]; most?: number; show: (value: number) => string }) {
  // Below two, the lines between would be named alike.
  const top = most ?? ceiling(Math.max(2, ...points.map(({ value }) => value ?? 0)))
  const step = (WIDE - START) / Math.max(1, points.length)
  const y = (value: number): number => TOP + (HIGH - TOP - FOOT) * (1 - Math.min(1, value / top))
  // No more names than can be read beside each other.
  const every = Math.ceil(points.length / 12)
  return (
    <figure class="figure">
      <svg class="plot" viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={title}>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line class={part === 0 ? 'axis' : 'grid'} x1={START} x2={WIDE} y1={y(top * part)} y2={y(top * part)} />
            <text x={START - 6} y={y(top * part) + 4} text-anchor="end">
              {show(top * part)}
            </text>
          </g>
        ))}
        {points.map((point, at) => (
          <g key={point.name}>
            {point.value !== null && (
              <rect
                class="bar"
                x={START + at * step + step * 0.15}
                width={Math.min(step * 0.7, 48)}
                y={y(point.value)}
                height={Math.max(1.5, y(0) - y(point.value))}
                rx="2"
              >
                <title>{`${point.name}: ${point.words}`}</title>
              </rect>
            )}
            {at % every === 0 && (
              <text x={START + at * step + step * 0.15} y={HIGH - 6}>
                {point.name}
              </text>
            )}
          </g>
        ))}
      </svg>
      <figcaption class="unseen">
        {points.every(({ value }) => value === null) ? t('plot.nothing') : points.map(({ name, words }) => `${name}: ${words}`).join('; ')}
      </figcaption>
    </figure>
  )
}
