// One conversation: what both sides wrote and how it stands, who has it, and what can be done with it.
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { ask, me } from '../../api'
import { Icon } from '../../parts/icon'
import { useKey } from '../../parts/keys'
import { announce } from '../../parts/live'
import { Button, Empty, Lamp, Notice, Tag, wordsOf } from '../../parts/ui'
import type { ConversationLine, MessageLine, MomentLine, PersonRecord, PhoneCode, TurnLine } from '../../schema'
import { clock, count, day, named, t, timeOf } from '../../words'
import { talk as call } from '../state'
import { titleOf } from '../timeline'
import { Composer } from './composer'
import { draft, drafts, leave, pending, retry, unshown } from './drafts'
import { Line } from './line'
import { addressOf, channelOf, gist, iconOf, nameOfActor, who } from './marks'
import { Close, Transfer } from './orders'
import { inFront, isOwn, left, leaveIt, lookBack, lookAtMessage, lookAtTalk, open, talks, threads, typing, claim } from './state'

/** Lines of one side within so many milliseconds stand together. */
const TOGETHER = 5 * 60 * 1000

type Window = 'transfer' | 'close' | null

/** `reads`: it is looked at, and nothing is done. */
export function Conversation({ conversation, record, reads }: { conversation: string; record: PersonRecord | null; reads?: boolean }) {
  const talk = talks.value.get(conversation)
  const over = useSignal<Window>(null)
  const problem = useSignal<string | null>(null)
  const invited = useSignal<string | null>(null)
  const mine = !reads && isOwn(talk)
  const order = async (act: () => Promise<unknown>): Promise<void> => {
    problem.value = null
    await act().catch((why: unknown) => (problem.value = wordsOf(why)))
  }
  const giveBack = (): Promise<void> =>
    order(async () => {
      await ask('POST', `/conversations/${conversation}/release`, {})
      await lookAtTalk(conversation)
    })
  /** What the customer is to do stands in the field, behind what was begun there: the agent sends it. */
  const byPhone = (): Promise<void> =>
    order(async () => {
      const { code, number, until } = await ask<PhoneCode>('POST', `/conversations/${conversation}/phone`)
      const minutes = Math.round((new Date(until).getTime() - Date.now()) / 60_000)
      const words = t('talk.phone.text', { number, code, for: count('talk.phone.minutes', minutes) })
      draft(conversation, [drafts.value.get(conversation)?.trim(), words].filter(Boolean).join('\n'))
      document.querySelector<HTMLElement>('.composer textarea')?.focus()
      announce(t('talk.phone.said', { code: [...code].join(' ') }))
    })
  /** The customer's page shows it; the call comes as any other, with this conversation. */
  const byVoice = (): Promise<void> =>
    order(async () => {
      await ask('POST', `/conversations/${conversation}/call`)
      announce(t('talk.call.said', { name: talk ? who(talk) : '' }))
      invited.value = conversation
    })
  useKey('x', 'keys.talk.close', () => (over.value = 'close'), mine)
  useKey('t', 'keys.talk.transfer', () => (over.value = 'transfer'), mine && (!call.value || !!call.value.over))
  if (!talk) return <Empty>{t('loading')}</Empty>
  return (
    <section class="section conversation" aria-label={t('talk.with', { name: who(talk) })}>
      <header>
        <div class="whom">
          <Icon name={iconOf(talk.way.counts_as)} />
          <h2>{who(talk)}</h2>
          <span class="soft small">{[talk.person.name ? addressOf(talk.way) : null, channelOf(talk.way)].filter(Boolean).join(' · ')}</span>
          {talk.closed && <Tag>{t('talk.closed')}</Tag>}
        </div>
        {mine && (
          <div class="side" role="group" aria-label={t('talk.doing')}>
            <Button kind="quiet" icon="back" label={t('written.release')} onClick={() => void giveBack()} />
            <Button kind="quiet" icon="phone" label={t('talk.phone')} onClick={() => void byPhone()} />
            {talk.way.counts_as === 'chat' && talk.way.kind === 'visitor' && (
              <Button kind="quiet" icon="voice" label={t('talk.call')} onClick={() => void byVoice()} />
            )}
            <Button kind="quiet" icon="transfer" hint="t" onClick={() => (over.value = 'transfer')}>
              {t('call.transfer')}
            </Button>
            <Button icon="check" hint="x" onClick={() => (over.value = 'close')}>
              {t('talk.close')}
            </Button>
          </div>
        )}
        {!reads && (
          <Button kind="quiet" icon="close" label={t('talk.away')} onClick={() => open(null)} />
        )}
      </header>
      {talk.subject && <p class="subject">{talk.subject}</p>}
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
      {invited.value === conversation && mine && <p class="soft small">{t('talk.call.said', { name: who(talk) })}</p>}
      <Lines talk={talk} mine={mine} moments={record?.timeline ?? []} />
      {mine ? <Composer key={conversation} talk={talk} /> : !reads && <Locked talk={talk} />}
      {over.value === 'transfer' && <Transfer talk={talk} close={() => (over.value = null)} />}
      {over.value === 'close' && <Close talk={talk} close={() => (over.value = null)} />}
    </section>
  )
}

/** Who has it, where that is not this agent; and how this agent gets it. */
function Locked({ talk }: { talk: ConversationLine }) {
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const { owner, conversation } = talk
  const take = async (): Promise<void> => {
    busy.value = true
    problem.value = null
    try {
      await claim(conversation)
    } catch (why) {
      problem.value = wordsOf(why)
    }
    busy.value = false
  }
  useKey('a', 'keys.answer', () => void take(), !owner.agent)
  const words = talk.closed
    ? t('talk.is_over')
    : owner.agent
      ? t('talk.has', { agent: owner.agent })
      : owner.queue
        ? t('talk.waits', { queue: owner.queue })
        : owner.flow
          ? t('talk.flow', { flow: owner.flow })
          : t('talk.nobody')
  return (
    <div class="locked">
      <Lamp shade={owner.agent ? 'warn' : 'note'}>
        <span>{words}</span>
      </Lamp>
      {!owner.agent && (
        <Button kind="main" icon="check" hint="a" busy={busy.value} onClick={() => void take()}>
          {t(talk.closed || (!owner.queue && !owner.flow) ? 'talk.write' : 'written.take')}
        </Button>
      )}
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </div>
  )
}

/** What stands between the lines: that somebody called meanwhile, and what became of it. */
type Between = { at: string; words: string; key: string }

type Shown = { key: string; at: string; line: MessageLine | null; words: string | null }

function Lines({ talk, mine, moments }: { talk: ConversationLine; mine: boolean; moments: readonly MomentLine[] }) {
  const { conversation } = talk
  const thread = threads.value.get(conversation)
  const box = useRef<HTMLDivElement>(null)
  const below = useSignal(true)
  const busy = useSignal(false)
  const waits = unshown(conversation)
  const shown = merged(thread?.items ?? [], betweens(talk, moments))
  const last = thread?.items.at(-1)
  const down = (): void => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight
    below.value = true
  }
  // Whoever reads what was before is not torn away; whoever is at the end stays there.
  useLayoutEffect(() => {
    if (below.value) down()
  }, [last?.message, last?.state, waits.length, thread === undefined])
  useLayoutEffect(() => {
    const own = box.current
    if (!own) return
    // The frame gets smaller while somebody writes much, and what is in it larger when a picture has come.
    const watch = new ResizeObserver(() => below.value && down())
    watch.observe(own)
    const all = own.querySelector('ol')
    if (all) watch.observe(all)
    return () => watch.disconnect()
  }, [])
  useSeen(talk, mine, last)
  useSaid(conversation, last, who(talk))
  const more = async (): Promise<void> => {
    const own = box.current
    const from = own ? own.scrollHeight - own.scrollTop : 0
    busy.value = true
    await lookBack(conversation).catch(() => undefined)
    busy.value = false
    requestAnimationFrame(() => {
      if (own) own.scrollTop = own.scrollHeight - from
    })
  }
  const name = who(talk)
  return (
    <div class="said">
      <div
        ref={box}
        class="lines-box"
        tabIndex={0}
        role="group"
        aria-label={t('talk.lines', { name })}
        onScroll={({ currentTarget: own }) => (below.value = own.scrollHeight - own.scrollTop - own.clientHeight < 48)}
      >
        {thread?.next && (
          <p class="row middle-of">
            <Button kind="quiet" busy={busy.value} onClick={() => void more()}>
              {t('talk.before')}
            </Button>
          </p>
        )}
        {!thread && <Empty>{t('loading')}</Empty>}
        {talk.note && (
          <p class="pinned">
            <span class="unseen">{t('talk.note')}: </span>
            {talk.note}
          </p>
        )}
        <ol>
          {shown.map((one, at) => {
            const next = shown[at + 1]
            const before = shown[at - 1]
            const newDay = !before || new Date(before.at).toDateString() !== new Date(one.at).toDateString()
            return [
              newDay && (
                <li key={`day ${one.at}`} class="between day">
                  <span>{day(one.at)}</span>
                </li>
              ),
              one.line ? (
                <Line
                  key={one.key}
                  line={one.line}
                  last={!next?.line || next.line.direction !== one.line.direction || next.line.by !== one.line.by || new Date(next.at).getTime() - new Date(one.at).getTime() > TOGETHER}
                  mine={mine && !left.value.has(one.key)}
                  again={() => void ask('POST', `/messages/${one.key}/replay`, {}).then(() => lookAtMessage(one.key))}
                  leave={() => leaveIt(one.key)}
                />
              ) : (
                <li key={one.key} class="between">
                  <span>
                    {one.words} <time dateTime={one.at}>{timeOf(one.at)}</time>
                  </span>
                </li>
              ),
            ]
          })}
          {waits.map((one) => (
            <li key={one.key} class={`line out last${one.problem ? ' bad' : ''}`}>
              <div class="bubble">
                {one.text && <p class="text">{one.text}</p>}
                {one.files?.map((file) => (
                  <p key={file.content} class="file">
                    <Icon name="file" /> {file.name ?? t('piece.media')}
                  </p>
                ))}
              </div>
              {one.problem ? (
                <div class="trouble" role="alert">
                  <p>{t('line.not_given', { why: one.problem })}</p>
                  <div class="row">
                    <Button onClick={() => retry(one.key)}>{t('line.again')}</Button>
                    <Button onClick={() => leave(one.key)}>{t('line.drop')}</Button>
                  </div>
                </div>
              ) : (
                <p class="under">
                  <Icon name="clock" /> {t('line.going')}
                </p>
              )}
            </li>
          ))}
        </ol>
        <Writes conversation={conversation} name={name} />
      </div>
      {!below.value && (
        <Button kind="main" icon="down" label={t('talk.newest')} onClick={down} />
      )}
    </div>
  )
}

/** Who answers from a moment on, in words. */
function turned({ owner, by, closed }: TurnLine): string | null {
  const actor = by && by !== 'box' ? nameOfActor(by) : null
  if (closed) return actor && !actor.startsWith('flow') ? t('talk.closed.by', { name: actor }) : t('talk.closed')
  if (owner.agent) return actor && actor !== owner.agent ? t('talk.turn.given', { name: actor, agent: owner.agent }) : t('talk.turn.agent', { agent: owner.agent })
  if (owner.queue) return actor ? t('talk.turn.back', { name: actor, queue: owner.queue }) : t('talk.turn.queue', { queue: owner.queue })
  return owner.flow ? t('talk.turn.flow', { flow: owner.flow }) : null
}

function betweens({ opened, closed, calls, turns }: ConversationLine, moments: readonly MomentLine[]): Between[] {
  const during = moments.filter(({ what, at, call: own }) => what === 'call' && ((own && calls?.includes(own)) || (at >= opened && (!closed || at <= closed))))
  const all = during.map((moment) => ({
    key: `call ${moment.call ?? moment.at}`,
    at: moment.at,
    words: [titleOf(moment)[0], moment.talked ? clock(moment.talked) : null, moment.cause && moment.cause !== 'completed' ? named('cause', moment.cause) : null].filter(Boolean).join(' · '),
  }))
  for (const turn of turns ?? []) {
    const words = turned(turn)
    if (words) all.push({ key: `turn ${turn.at} ${words}`, at: turn.at, words })
  }
  // Conversations of before turns were kept.
  if (closed && !turns?.some((turn) => turn.closed && turn.at === closed)) all.push({ key: 'closed', at: closed, words: t('talk.closed') })
  return all
}

function merged(lines: readonly MessageLine[], others: readonly Between[]): Shown[] {
  const first = lines[0]?.at
  const all = [
    ...lines.map((line): Shown => ({ key: line.message, at: line.at, line, words: null })),
    // What was before the first line that is shown comes with the lines before it.
    ...others.filter(({ at }) => !first || at >= first).map(({ key, at, words }): Shown => ({ key, at, line: null, words })),
  ]
  return all.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

/** Who writes at this moment: the person, and colleagues who look at the same conversation. */
function Writes({ conversation, name }: { conversation: string; name: string }) {
  const writing = [...(typing.value.get(conversation)?.keys() ?? [])].filter((one) => one !== me.value?.agent)
  if (writing.length === 0) return null
  return (
    <p class="writes">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {writing.map((one) => t('talk.writes', { name: one === '' ? name : one })).join(' ')}
    </p>
  )
}

/** What is in front of whoever has it, in a window that is looked at, has been read. */
function useSeen(talk: ConversationLine, mine: boolean, last: MessageLine | undefined): void {
  const looks = useComputed(() => inFront.value === talk.conversation)
  const upto = last?.message
  const unread = talk.unread
  useEffect(() => {
    if (!mine || !unread || !upto || !looks.value) return
    const say = (): void => {
      if (document.hidden) return
      ask('POST', `/conversations/${talk.conversation}/seen`, { upto }).then(
        () => lookAtTalk(talk.conversation),
        () => undefined,
      )
    }
    say()
    document.addEventListener('visibilitychange', say)
    return () => document.removeEventListener('visibilitychange', say)
  }, [talk.conversation, mine, unread, upto, looks.value])
}

/** New words of the person are said to whoever does not see them; what was there before is not. */
function useSaid(conversation: string, last: MessageLine | undefined, name: string): void {
  const known = useRef<{ conversation: string; last: string | undefined } | null>(null)
  useEffect(() => {
    const before = known.current
    known.current = { conversation, last: last?.message }
    if (!before || before.conversation !== conversation || before.last === undefined) return
    if (last && last.message !== before.last && last.direction === 'in') announce(t('talk.said', { name, text: gist(last) }))
  }, [conversation, last?.message])
}

/** How much has gone wrong at sending, as a notice where the conversation is not in front. */
export function Stuck() {
  const stuck = pending.value.filter((one) => one.problem && one.conversation !== inFront.value)
  const first = stuck[0]
  if (!first) return null
  const talk = talks.value.get(first.conversation)
  return (
    <Notice shade="bad" actions={<Button onClick={() => open(first.conversation)}>{t('open.it')}</Button>}>
      {t('talk.stuck', { name: talk ? who(talk) : '' })}
    </Notice>
  )
}

