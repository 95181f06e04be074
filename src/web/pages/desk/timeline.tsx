// What happened with a person, by days; calls, messages, notes and what sites saw in one line of time.
import { useSignal } from '@preact/signals'
import { Icon, type IconName } from '../parts/icon'
import { Button, Empty, Tag, type Shade } from '../parts/ui'
import type { MomentLine } from '../schema'
import { clock, day, named, t, timeOf } from '../words'

const KINDS = ['all', 'call', 'message', 'note'] as const

export function Timeline({ moments }: { moments: readonly MomentLine[] | null }) {
  const kind = useSignal<(typeof KINDS)[number]>('all')
  if (!moments) return <Empty>{t('loading')}</Empty>
  const own = moments.filter(({ what }) => kind.value === 'all' || what === kind.value || (kind.value === 'note' && what === 'disposition'))
  const days = new Map<string, MomentLine[]>()
  for (const moment of own) {
    const name = new Date(moment.at).toDateString()
    days.set(name, [...(days.get(name) ?? []), moment])
  }
  return (
    <>
      <div class="filters" role="group" aria-label={t('timeline.filter')}>
        {KINDS.map((name) => (
          <Button key={name} kind="quiet" pressed={kind.value === name} onClick={() => (kind.value = name)}>
            {t(`timeline.${name}`)}
          </Button>
        ))}
      </div>
      {own.length === 0 && <Empty>{t('timeline.empty')}</Empty>}
      {[...days].map(([name, items]) => (
        <section key={name} class="day" aria-label={day(name)}>
          <h3>{day(name)}</h3>
          <ol class="timeline">
            {items.map((moment, at) => (
              <Moment key={moment.place ?? `${moment.at}${at}`} moment={moment} />
            ))}
          </ol>
        </section>
      ))}
    </>
  )
}

/** What a moment is called, and its mark. */
export function titleOf(moment: MomentLine): [string, IconName] {
  const out = moment.way === 'out'
  switch (moment.what) {
    case 'call':
      return [t(out ? 'moment.call.out' : 'moment.call.in'), out ? 'out' : 'in']
    case 'message':
      return [t(out ? 'moment.message.out' : 'moment.message.in', { channel: named('channel', moment.channel ?? '') }), 'mail']
    case 'note':
      return [t('moment.note'), 'note']
    case 'disposition':
      return [t('moment.disposition', { code: moment.name ?? '' }), 'tag']
    default:
      return [moment.name ?? named('moment', moment.what), 'clock']
  }
}

function shadeOf(cause: string): Shade {
  return cause === 'completed' ? 'none' : 'warn'
}

/** `agent:ann`, `console`: who of the branch it was. */
function byOf(moment: MomentLine): string | null {
  return moment.agent ?? (moment.by ? moment.by.replace(/^(user|agent)[ :]/, '') : null)
}

function Moment({ moment }: { moment: MomentLine }) {
  const [title, icon] = titleOf(moment)
  const by = byOf(moment)
  return (
    <li class={`moment ${moment.what}`}>
      <Icon name={icon} />
      <div class="grow">
        <p class="head">
          <strong>{title}</strong>
          {moment.queue && <Tag>{moment.queue}</Tag>}
          {by && <span class="soft">{by}</span>}
          {moment.talked ? <span class="soft number">{clock(moment.talked)}</span> : null}
          {moment.what === 'call' && moment.cause && moment.cause !== 'completed' && (
            <Tag shade={shadeOf(moment.cause)}>{named('cause', moment.cause)}</Tag>
          )}
          {!!moment.recordings?.length && <Tag shade="note">{t('moment.recorded')}</Tag>}
        </p>
        {moment.text && <p class="text">{moment.text}</p>}
        {moment.fields && Object.keys(moment.fields).length > 0 && (
          <p class="small soft">
            {Object.entries(moment.fields)
              .map(([name, value]) => `${name}: ${value}`)
              .join(' · ')}
          </p>
        )}
      </div>
      <time class="soft number" dateTime={moment.at}>
        {timeOf(moment.at)}
      </time>
    </li>
  )
}
