// How a call sounds while it is up: loss, jitter and the score of each party, second by second.
import { useLoaded } from '../parts/load'
import { Section } from '../parts/ui'
import type { CallQuality, LegQuality, Sample } from '../schema'
import { number, t, timeOf, type Key } from '../words'

type Figure = { name: Key; most: number; unit: string; digits: number; of: (sample: Sample) => number | null; worst: (all: number[]) => number }

const FIGURES: readonly Figure[] = [
  { name: 'column.mos', most: 4.5, unit: '', digits: 2, of: ({ mos }) => mos ?? null, worst: (all) => Math.min(...all) },
  { name: 'column.loss', most: 10, unit: ' %', digits: 1, of: ({ loss_percent }) => loss_percent, worst: (all) => Math.max(...all) },
  { name: 'column.jitter', most: 40, unit: ' ms', digits: 1, of: ({ jitter_ms }) => jitter_ms, worst: (all) => Math.max(...all) },
]

export function Quality({ call }: { call: string }) {
  const { value, problem } = useLoaded<CallQuality>(`/calls/${call}/quality`, 2)
  const legs = value.value?.legs ?? []
  if (problem.value) return null
  return (
    <Section title={t('quality.title')} side={<span class="small soft">{t('quality.words')}</span>}>
      {legs.every(({ samples }) => samples.length === 0) && <p class="empty">{t('quality.soon')}</p>}
      <div class="sounds">
        {legs.map((leg, at) => leg.samples.length > 0 && <Leg key={leg.leg + at} leg={leg} />)}
      </div>
    </Section>
  )
}

function Leg({ leg }: { leg: LegQuality }) {
  return (
    <div class="sound">
      <h3>{leg.leg}</h3>
      {FIGURES.map((figure) => (
        <Trail key={figure.name} figure={figure} leg={leg} />
      ))}
      <details>
        <summary>{t('quality.numbers')}</summary>
        <div class="scroll" tabIndex={0} role="group" aria-label={leg.leg}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t('column.at')}</th>
                {FIGURES.map(({ name }) => (
                  <th key={name} scope="col" class="number">
                    {t(name)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {leg.samples.slice(-30).map((sample) => (
                <tr key={sample.at}>
                  <td>{timeOf(sample.at)}</td>
                  {FIGURES.map((figure) => (
                    <td key={figure.name} class="number">
                      {said(figure, figure.of(sample))}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  )
}

function said({ unit, digits }: Figure, value: number | null): string {
  return value === null ? '–' : `${number(value, digits)}${unit}`
}

const [WIDE, HIGH] = [600, 44]

/** One figure as a line, what is missing as a gap; and in words what it is now and at worst. */
function Trail({ figure, leg }: { figure: Figure; leg: LegQuality }) {
  const values = leg.samples.map(figure.of)
  const known = values.filter((value): value is number => value !== null)
  const top = Math.max(figure.most, ...known)
  const step = WIDE / Math.max(59, values.length - 1)
  const parts: string[] = []
  values.forEach((value, at) => {
    if (value === null) return
    const begins = at === 0 || values[at - 1] == null
    parts.push(`${begins ? 'M' : 'L'}${(at * step).toFixed(1)} ${(HIGH - 2 - (value / top) * (HIGH - 4)).toFixed(1)}`)
  })
  const last = values[values.length - 1] ?? null
  const words = t('quality.told', {
    name: t(figure.name),
    now: said(figure, last),
    worst: known.length > 0 ? said(figure, figure.worst(known)) : '–',
  })
  return (
    <figure class="trail">
      <figcaption class="small">{words}</figcaption>
      <svg class="plot" viewBox={`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" role="img" aria-label={`${leg.leg}: ${words}`}>
        <line class="axis" x1="0" x2={WIDE} y1={HIGH - 1} y2={HIGH - 1} />
        <path class="trail" d={parts.join('')} />
      </svg>
    </figure>
  )
}
