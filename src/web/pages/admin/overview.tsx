// The box at a glance: its parts and how each is, what it listens on, how full it is, what was counted.
import { useSignal } from '@preact/signals'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { ago, number, t, when } from '../words'
import { now } from '../parts/tick'
import { Button, Empty, Lamp, Section, type Shade } from '../parts/ui'
import type { Ban, BanPage, Lamp as Light, Part, Spending, Status } from '../schema'
import { ask, me } from '../api'
import { Facts } from '../watch/one_call'

const SHADES: Record<Light, Shade> = { green: 'good', amber: 'warn', red: 'bad' }

export function shadeOf(lamp: Light): Shade {
  return SHADES[lamp]
}

export function Overview() {
  const { value, problem } = useLoaded<Status>('/status', 5)
  const status = value.value
  if (!status) return <Empty>{problem.value ?? t('loading')}</Empty>
  const worst = (['red', 'amber'] as const).find((lamp) => status.parts.some((part) => part.lamp === lamp))
  return (
    <>
      <dl class="tiles">
        <Fill name={t('status.calls')} value={status.calls} most={status.max_calls} />
        <Fill name={t('status.phones')} value={status.phones_registered} most={status.extensions} />
        <Fill name={t('status.ports')} value={status.ports_in_use} most={status.ports} />
        <div class={worst ? 'tile hot' : 'tile'}>
          <dt>{t('status.box')}</dt>
          <dd class="number">{t(worst ? `status.${worst}` : status.draining ? 'status.draining' : 'status.green')}</dd>
          <dd class="soft small">{t('status.started', { ago: ago(status.started, now.value) })}</dd>
        </div>
      </dl>
      <div class="halves">
        <Section title={t('status.parts')}>
          <Table<Part>
            name={t('status.parts')}
            rows={status.parts}
            id={({ name }) => name}
            empty={t('none')}
            columns={[
              { name: t('column.part'), show: ({ name, lamp }) => <Lamp shade={shadeOf(lamp)}>{name}</Lamp> },
              { name: t('column.words'), show: ({ words }) => words },
            ]}
          />
        </Section>
        <div class="stack">
          <Section title={status.site}>
            <Facts
              facts={[
                [t('status.version'), status.version],
                [t('status.since'), when(status.started, true)],
                [t('status.listeners'), status.listeners.join(', ')],
              ]}
            />
          </Section>
          <Bans />
          <Money />
        </div>
      </div>
      <Counters counters={status.counters} />
    </>
  )
}

function Fill({ name, value, most }: { name: string; value: number; most: number }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd class="number">{number(value)}</dd>
      <dd class="soft small">{t('status.of', { most: number(most) })}</dd>
    </div>
  )
}

function Counters({ counters }: { counters: Status['counters'] }) {
  const all = useSignal(false)
  const own = counters.map(([name, value]) => ({ name: String(name), value: Number(value) }))
  const rows = all.value ? own : own.filter(({ value }) => value > 0)
  return (
    <Section
      title={t('status.counters')}
      side={
        <Button kind="quiet" pressed={all.value} onClick={() => (all.value = !all.value)}>
          {t('status.zeros')}
        </Button>
      }
    >
      <Table
        name={t('status.counters')}
        rows={rows}
        id={({ name }) => name}
        empty={t('status.nothing')}
        columns={[
          { name: t('column.what'), show: ({ name }) => name },
          { name: t('column.number'), number: true, show: ({ value }) => number(value) },
        ]}
      />
    </Section>
  )
}

function Bans() {
  const { value, problem, again } = useLoaded<BanPage>('/bans', 15)
  return (
    <Section title={t('bans')}>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<Ban>
        name={t('bans')}
        rows={value.value?.items}
        id={({ source }) => source}
        empty={t('bans.none')}
        columns={[
          { name: t('column.source'), show: ({ source }) => <span class="mono">{source}</span> },
          { name: t('column.words'), show: ({ why }) => why },
          { name: t('column.until'), show: ({ until }) => when(until) },
          {
            name: '',
            show: ({ source }) =>
              me.value?.role === 'admin' && (
                <Button kind="quiet" onClick={() => void ask('DELETE', `/bans/${encodeURIComponent(source)}`).then(again)}>
                  {t('bans.lift')}
                </Button>
              ),
          },
        ]}
      />
    </Section>
  )
}

function Money() {
  const spending = useLoaded<Spending>('/spending', 30).value.value
  if (!spending || spending.caps.length === 0) return null
  return (
    <Section title={t('money')}>
      <pre class="body">{JSON.stringify(spending.caps, null, 2)}</pre>
    </Section>
  )
}
