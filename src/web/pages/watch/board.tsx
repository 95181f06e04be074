// The wallboard: how it stands in one line, then queues with who waits, agents, calls.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, me } from '../api'
import { shadeOf, stateOf } from '../parts/agent_state'
import { doingOf, partyOf } from '../parts/call_words'
import { now, since } from '../parts/tick'
import { Table } from '../parts/table'
import { Button, Dialog, Empty, Lamp, Section, Tag, wordsOf } from '../parts/ui'
import { lateness } from '../desk/written/marks'
import type { Agent, ConversationLine, Explanation, Queue, WaitingItem } from '../schema'
import { clock, count, named, number, percent, t } from '../words'
import { ListenIn } from './listen'
import { agents, begin, calls, levels, LEVEL, lookAtWork, queues, said, talks, waiting } from './state'
import { Talks } from './talks'

export function Board() {
  useEffect(begin, [])
  return (
    <>
      <Tiles />
      <div class="board">
        <div class="stack">
          <Queues />
          <Waiting />
          <Live />
          {talks.value && <Talks />}
        </div>
        <Agents />
      </div>
    </>
  )
}

/** Orders are a supervisor's and an admin's; an auditor looks. */
function mayOrder(): boolean {
  return me.value?.role === 'supervisor' || me.value?.role === 'admin'
}

function Tile({ name, value, words, hot }: { name: string; value: string; words: string; hot?: boolean }) {
  return (
    <div class={hot ? 'tile hot' : 'tile'}>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
      <dd class="soft small">{words}</dd>
    </div>
  )
}

function longest(): number {
  const waits = [...queues.value.values()].filter((queue) => queue.waiting > 0)
  if (waits.length === 0) return 0
  return Math.max(...waits.map((queue) => queue.longest_wait_s)) + Math.floor((now.value - said.value) / 1000)
}

function Tiles() {
  const all = [...agents.value.values()]
  const there = all.filter(({ state }) => state !== 'signed out')
  const ready = all.filter(({ state }) => state === 'ready')
  const waits = [...queues.value.values()].reduce((sum, queue) => sum + queue.waiting, 0)
  const level = levels.value.get('')
  return (
    <dl class={talks.value ? 'tiles five' : 'tiles'}>
      <Tile name={t('tile.waiting')} value={number(waits)} words={t('tile.longest', { time: clock(Math.max(0, longest())) })} hot={waits > 0 && ready.length === 0} />
      <Tile name={t('tile.calls')} value={number(calls.value.length)} words={t('tile.calls.words')} />
      {talks.value && <Written all={talks.value} />}
      <Tile name={t('tile.ready')} value={number(ready.length)} words={t('tile.there', { n: there.length, all: all.length })} hot={ready.length === 0 && waits > 0} />
      <Tile
        name={t('tile.level')}
        value={level?.value == null ? '–' : percent(level.value)}
        words={level?.denominator ? t('tile.level.words', { formula: LEVEL, above: number(level.numerator), below: number(level.denominator) }) : t('tile.level.none', { formula: LEVEL })}
      />
    </dl>
  )
}

/** What is written: in hand, and how many wait for an answer too long. */
function Written({ all }: { all: readonly ConversationLine[] }) {
  const late = all.filter((talk) => lateness(talk) === 'bad').length
  const taken = all.filter(({ owner }) => owner.agent).length
  return <Tile name={t('tile.written')} value={number(all.length)} words={late > 0 ? count('tile.written.late', late) : t('tile.written.words', { n: number(taken) })} hot={late > 0} />
}

function Queues() {
  const rows = [...queues.value.values()]
  return (
    <Section title={t('queues')}>
      <Table<Queue>
        name={t('queues')}
        rows={rows}
        id={({ queue }) => queue}
        empty={t('queues.none')}
        columns={[
          { name: t('column.queue'), show: ({ queue }) => <strong>{queue}</strong> },
          { name: t('column.waiting'), number: true, show: ({ waiting: n }) => <span class={n > 0 ? 'hot' : ''}>{number(n)}</span> },
          { name: t('column.longest'), number: true, show: (queue) => (queue.waiting > 0 ? clock(queue.longest_wait_s + (now.value - said.value) / 1000) : '–') },
          { name: t('column.expected'), number: true, show: ({ wait_s: wait }) => (wait ? `${clock(wait[0] ?? 0)}–${clock(wait[1] ?? 0)}` : '–') },
          { name: t('column.ready'), number: true, show: ({ ready }) => number(ready) },
          { name: t('column.connected'), number: true, show: ({ connected }) => number(connected) },
          { name: t('column.abandoned'), number: true, show: ({ abandoned }) => number(abandoned) },
          {
            name: t('column.level', { formula: LEVEL }),
            number: true,
            show: ({ queue }) => {
              const value = levels.value.get(queue)?.value
              return value == null ? '–' : percent(value)
            },
          },
        ]}
      />
    </Section>
  )
}

function Waiting() {
  const open = useSignal<WaitingItem | null>(null)
  return (
    <Section title={t('waiting')}>
      <Table<WaitingItem>
        name={t('waiting')}
        rows={waiting.value}
        id={({ item }) => item}
        empty={t('waiting.nobody')}
        columns={[
          { name: t('column.place'), number: true, show: ({ position }) => number(position) },
          { name: t('column.queue'), show: ({ queue }) => queue },
          { name: t('column.way'), show: ({ channel }) => <Tag>{named('channel', channel)}</Tag> },
          { name: t('column.waited'), number: true, show: ({ waited_s: waited }) => clock(waited) },
          { name: t('column.priority'), number: true, show: ({ priority }) => number(priority) },
          { name: t('column.why'), show: ({ why }) => <span class="soft">{why}</span> },
          {
            name: '',
            show: (item) => (
              <Button kind="quiet" onClick={() => (open.value = item)}>
                {mayOrder() ? t('waiting.move') : t('waiting.why')}
              </Button>
            ),
          },
        ]}
      />
      {open.value && <OneWaiting item={open.value} close={() => (open.value = null)} />}
    </Section>
  )
}

/** Why one waits, and what can be done about it. */
function OneWaiting({ item, close }: { item: WaitingItem; close: () => void }) {
  const told = useSignal<Explanation | null>(null)
  const problem = useSignal<string | null>(null)
  const path = `/queues/${encodeURIComponent(item.queue)}/items/${item.item}`
  useEffect(() => {
    ask<Explanation>('GET', `${path}/explain`).then(
      (got) => (told.value = got),
      (why: unknown) => (problem.value = wordsOf(why)),
    )
  }, [path])
  const order = async (method: 'POST' | 'PUT', to: string, body: unknown): Promise<void> => {
    problem.value = null
    try {
      await ask(method, `${path}/${to}`, body)
      await lookAtWork()
      close()
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  const others = [...queues.value.keys()].filter((queue) => queue !== item.queue)
  return (
    <Dialog title={t('waiting.one', { place: item.position, queue: item.queue })} close={close} wide>
      <p>{item.why}</p>
      {mayOrder() && (
        <div class="row">
          {others.map((queue) => (
            <Button key={queue} icon="move" onClick={() => void order('POST', 'move', { queue })}>
              {t('waiting.to', { queue })}
            </Button>
          ))}
          {item.channel === 'voice' && (
            <Button icon="phone" onClick={() => void order('POST', 'move', { channel: 'callback' })}>
              {t('waiting.callback')}
            </Button>
          )}
          <Button icon="up" onClick={() => void order('PUT', 'priority', { priority: 100 })}>
            {t('waiting.first')}
          </Button>
          <Button onClick={() => void order('PUT', 'priority', { priority: 0 })}>{t('waiting.usual')}</Button>
        </div>
      )}
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
      {told.value && (
        <ul class="lines">
          {told.value.agents.map((agent) => (
            <li key={agent.agent}>
              <strong>{agent.agent}</strong>
              <span class="grow soft">{agent.words}</span>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  )
}

function Live() {
  const problem = useSignal<string | null>(null)
  const open = useSignal<string | null>(null)
  const end = (call: string): void => {
    ask('DELETE', `/calls/${call}`).then(lookAtWork, (why: unknown) => (problem.value = wordsOf(why)))
  }
  return (
    <Section title={t('live')}>
      {problem.value && <p class="wrong body" role="alert">{problem}</p>}
      <Table
        name={t('live')}
        rows={calls.value}
        id={({ call }) => call}
        empty={t('live.none')}
        columns={[
          { name: t('column.from'), show: ({ from }) => <span class="number">{from}</span> },
          { name: t('column.to'), show: ({ to }) => <span class="number">{to}</span> },
          { name: t('column.doing'), show: (call) => `${doingOf(call.doing)}${call.with ? ` · ${partyOf(call.with)}` : ''}` },
          { name: t('column.since'), number: true, show: ({ arrived }) => clock(since(arrived)) },
          {
            name: '',
            show: ({ call, with: whom, supervised, consent }) => (
              <span class="row end">
                {consent && !consent.given && <Tag shade="warn">{`${t('column.consent')}: ${t('consent.refused')}`}</Tag>}
                {supervised && <Tag shade="note">{t(`listen.${supervised}`)}</Tag>}
                {mayOrder() && whom && (
                  <Button kind="quiet" icon="voice" onClick={() => (open.value = call)}>
                    {t('listen')}
                  </Button>
                )}
                <a href={`/watch/calls/${call}`}>{t('open.it')}</a>
                {mayOrder() && <Button kind="quiet" icon="hangup" label={t('call.end')} onClick={() => end(call)} />}
              </span>
            ),
          },
        ]}
      />
      {open.value && <ListenIn call={open.value} close={() => (open.value = null)} />}
    </Section>
  )
}

function Agents() {
  const problem = useSignal<string | null>(null)
  const put = (agent: string, state: string): void => {
    const reason = state === 'paused' ? { reason: 'by the supervisor' } : {}
    ask('PUT', `/agents/${encodeURIComponent(agent)}/presence`, { state, ...reason }).then(
      () => (problem.value = null),
      (why: unknown) => (problem.value = wordsOf(why)),
    )
  }
  const rows = [...agents.value.values()].sort((a, b) => Number(a.state === 'signed out') - Number(b.state === 'signed out'))
  return (
    <Section title={t('agents')} class="agents">
      {rows.length === 0 && <Empty>{t('agents.none')}</Empty>}
      {problem.value && <p class="wrong body" role="alert">{problem}</p>}
      <ul class="lines">
        {rows.map((agent) => (
          <li key={agent.agent} class={agent.state === 'signed out' ? 'off' : ''}>
            <div class="grow">
              <strong>{agent.agent}</strong> <span class="soft number">{agent.extension}</span>
              <div class="row apart">
                <Lamp shade={shadeOf(agent.state)}>{stateOf(agent.state)}</Lamp>
                <Hand agent={agent.agent} />
                <time class="soft">{agent.state === 'signed out' ? '' : clock(since(agent.since))}</time>
              </div>
            </div>
            {mayOrder() && <Set agent={agent} put={put} />}
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** Conversations that an agent has in hand. */
function Hand({ agent }: { agent: string }) {
  const n = talks.value?.filter(({ owner }) => owner.agent === agent).length ?? 0
  return n > 0 ? <span class="soft small">{count('agents.talks', n)}</span> : null
}

function Set({ agent, put }: { agent: Agent; put: (agent: string, state: string) => void }) {
  return (
    <select
      class="short"
      aria-label={t('agents.set', { agent: agent.agent })}
      value=""
      onChange={(event) => {
        const state = event.currentTarget.value
        event.currentTarget.value = ''
        if (state) put(agent.agent, state)
      }}
    >
      <option value="">{t('agents.put')}</option>
      <option value="ready">{t('presence.ready')}</option>
      <option value="paused">{t('presence.pause')}</option>
      <option value="signed_out">{t('presence.off')}</option>
    </select>
  )
}
