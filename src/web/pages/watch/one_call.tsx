// One call: what is known of it, how it sounded, what was recorded, and who said what on each of its legs.
import { doingOf, partyOf } from '../parts/call_words'
import { useLoaded } from '../parts/load'
import { Button, Empty, Lamp, Section, Tag } from '../parts/ui'
import type { CallLine, OneCall } from '../schema'
import { clock, named, number, t, when } from '../words'
import { shadeOf } from './calls'
import { pageOf } from './file'
import { Player } from './player'
import { Quality } from './quality'

type Step = { at: string; us: number; leg: number | null } & (
  | { kind: 'sip'; sent: boolean; label: string; cseq: string; transport: string; local: string; peer: string }
  | { kind: 'note'; words: string }
)
type Ladder = { legs: string[]; steps: Step[]; ended: { cause: string; class: string } | null }

export function OneCallPage({ call }: { call: string }) {
  const { value, problem, again } = useLoaded<OneCall>(`/calls/${call}`)
  const one = value.value
  const ladder = one?.ladder as Ladder | null | undefined
  return (
    <>
      <div class="row">
        <a href="/watch/calls">{t('calls.back')}</a>
        <span class="mono soft">{call}</span>
        <span class="grow" />
        {one?.live && <Button onClick={() => void again()}>{t('look.again')}</Button>}
        {one && (
          <Button onClick={() => void pageOf(one, call)}>{t('calls.file')}</Button>
        )}
      </div>
      {problem.value && <Empty>{problem.value}</Empty>}
      {one?.live && (
        <Section title={t('live')}>
          <p class="body">
            <Lamp shade="good">{`${one.live.from} → ${one.live.to}: ${doingOf(one.live.doing)}${one.live.with ? ` · ${partyOf(one.live.with)}` : ''}`}</Lamp>
          </p>
        </Section>
      )}
      {one?.live && <Quality call={call} />}
      {one?.record && <Record record={one.record} />}
      {one && <Rungs ladder={ladder ?? null} />}
    </>
  )
}

function Record({ record }: { record: CallLine }) {
  const facts: Array<[string, string]> = [
    [t('column.from'), record.from],
    [t('column.to'), record.to],
    [t('column.at'), when(record.arrived, true)],
    [t('column.origin'), partyOf(record.origin)],
    [t('column.reached'), record.reached ? partyOf(record.reached) : '–'],
    [t('column.queue'), record.queue ?? '–'],
    [t('column.agent'), record.agent ?? '–'],
    [t('column.waited'), clock(record.wait_s)],
    [t('column.talked'), clock(record.talk_s)],
    [t('column.consent'), t(record.consent ? (record.consent.given ? 'consent.given' : 'consent.refused') : 'consent.none')],
  ]
  const sound: Array<[string, string]> = [
    [t('column.mos'), record.mos == null ? '–' : number(record.mos, 2)],
    [t('column.loss'), record.loss_percent == null ? '–' : `${number(record.loss_percent, 2)} %`],
    [t('column.jitter'), record.jitter_ms == null ? '–' : `${number(record.jitter_ms, 1)} ms`],
    [t('column.trip'), record.round_trip_ms == null ? '–' : `${number(record.round_trip_ms, 0)} ms`],
  ]
  return (
    <div class="halves">
      <Section title={t('calls.one')} side={<Tag shade={shadeOf(record.class)}>{named('cause', record.cause)}</Tag>}>
        <Facts facts={facts} />
      </Section>
      <Section title={t('calls.sound')} side={record.one_way ? <Tag shade="bad">{t('calls.oneway')}</Tag> : undefined}>
        <Facts facts={sound} />
        {record.recordings.map((recording) => (
          <Player key={recording} recording={recording} name={t('calls.recording')} parties={[record.from, record.agent ?? record.reached ?? '']} />
        ))}
      </Section>
    </div>
  )
}

export function Facts({ facts }: { facts: ReadonlyArray<readonly [string, string]> }) {
  return (
    <dl class="facts body">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="number">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

const [COLUMN, ROW, LEFT, HEAD] = [210, 30, 96, 34]

/** The ladder: the box on the left, each leg a line, time downwards. */
function Rungs({ ladder }: { ladder: Ladder | null }) {
  if (!ladder) return <Section title={t('ladder')}><Empty>{t('ladder.none')}</Empty></Section>
  const first = ladder.steps[0]?.us ?? 0
  const wide = LEFT + COLUMN * (ladder.legs.length + 1)
  const x = (leg: number): number => LEFT + COLUMN * leg + 40
  const names = [t('ladder.box'), ...ladder.legs]
  return (
    <Section title={t('ladder')} side={<span class="small soft">{t('ladder.words')}</span>}>
      <div class="scroll" tabIndex={0} role="group" aria-label={t('ladder')}>
        <svg class="ladder" viewBox={`0 0 ${wide} ${HEAD + ROW * (ladder.steps.length + 1)}`} width={wide} role="img" aria-label={t('ladder')}>
          <defs>
            <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">
              <path d="M0 0 8 4 0 8z" />
            </marker>
          </defs>
          {names.map((name, at) => (
            <g key={name + at}>
              <text class="name" x={x(at)} y="16" text-anchor="middle">
                {name}
              </text>
              <line class="leg" x1={x(at)} x2={x(at)} y1="24" y2={HEAD + ROW * (ladder.steps.length + 0.5)} />
            </g>
          ))}
          {ladder.steps.map((step, at) => (
            <Rung key={at} step={step} y={HEAD + ROW * (at + 0.6)} x={x} time={(step.us - first) / 1000} />
          ))}
        </svg>
      </div>
      <ol class="unseen">
        {ladder.steps.map((step, at) => (
          <li key={at}>{`${number((step.us - first) / 1000, 1)} ms: ${wordsOf(step, ladder)}`}</li>
        ))}
      </ol>
    </Section>
  )
}

function wordsOf(step: Step, ladder: Ladder): string {
  const leg = step.leg == null ? '' : (ladder.legs[step.leg] ?? '')
  if (step.kind === 'note') return `${leg} ${step.words}`
  return `${t(step.sent ? 'ladder.to' : 'ladder.from', { leg })}: ${step.label} (${step.cseq}, ${step.transport})`
}

function Rung({ step, y, x, time }: { step: Step; y: number; x: (leg: number) => number; time: number }) {
  const leg = x((step.leg ?? -1) + 1)
  const stamp = (
    <text class="time" x="6" y={y + 4}>
      {`${number(time, 1)} ms`}
    </text>
  )
  if (step.kind === 'note')
    return (
      <g>
        {stamp}
        <text class="said" x={step.leg == null ? x(0) + 8 : leg + 8} y={y + 4}>
          {step.words}
        </text>
      </g>
    )
  const [from, to] = step.sent ? [x(0), leg] : [leg, x(0)]
  const bad = /^[456]\d\d/.test(step.label)
  return (
    <g class={bad ? 'bad' : ''}>
      <title>{`${step.local} ${step.sent ? '→' : '←'} ${step.peer} ${step.transport}, CSeq ${step.cseq}`}</title>
      {stamp}
      <line class="rung" x1={from} x2={to} y1={y + 6} y2={y + 6} marker-end="url(#head)" />
      <text x={(x(0) + Math.min(leg, x(1))) / 2} y={y} text-anchor="middle">
        {step.label}
      </text>
    </g>
  )
}
