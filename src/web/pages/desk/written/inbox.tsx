// Conversations at a glance: those of this agent with what is new in them, and those that wait, who waits longest first.
import type { ComponentChildren } from 'preact'
import { useKey } from '../../parts/keys'
import { Icon } from '../../parts/icon'
import { Lamp, Section } from '../../parts/ui'
import type { ConversationLine } from '../../schema'
import { count, t, when } from '../../words'
import { drafts } from './drafts'
import { brief, channelOf, iconOf, lateness, waitsSince, who } from './marks'
import { inFront, open, own, tasks, typing, waiting } from './state'
import { Task } from './task'

/** How many that wait are shown: nobody takes more than the first few. */
const MOST_WAITING = 12

export function Inbox() {
  const [mine, others] = [own.value, waiting.value]
  const all = [...mine, ...others.slice(0, MOST_WAITING)]
  const move = (by: number): void => {
    const at = all.findIndex(({ conversation }) => conversation === inFront.value)
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]
    if (next) open(next.conversation)
  }
  useKey('j', 'keys.talk.next', () => move(1), all.length > 0)
  useKey('k', 'keys.talk.before', () => move(-1), all.length > 0)
  return (
    <Section title={t('written')} class="inbox" side={mine.length > 0 && <span class="soft small">{count('written.mine', mine.length)}</span>}>
      {all.length + tasks.value.length === 0 && <p class="empty">{t('written.none')}</p>}
      <List>{mine.map((talk) => <Row key={talk.conversation} talk={talk} />)}</List>
      {tasks.value.length > 0 && (
        <List>
          {tasks.value.map((line) => (
            <Task key={line.item} line={line} />
          ))}
        </List>
      )}
      {others.length > 0 && (
        <>
          <h3 class="inner">{count('written.waiting', others.length)}</h3>
          <List>
            {others.slice(0, MOST_WAITING).map((talk) => (
              <Row key={talk.conversation} talk={talk} />
            ))}
          </List>
          {others.length > MOST_WAITING && <p class="empty">{t('written.more', { n: others.length - MOST_WAITING })}</p>}
        </>
      )}
    </Section>
  )
}

function List({ children }: { children: ComponentChildren }) {
  return <ul class="talks">{children}</ul>
}

export function Row({ talk }: { talk: ConversationLine }) {
  const { conversation, unread, way, preview } = talk
  const front = inFront.value === conversation
  const draft = drafts.value.get(conversation)
  const writes = (typing.value.get(conversation)?.size ?? 0) > 0
  const since = waitsSince(talk)
  const late = lateness(talk)
  return (
    <li class={`talk ${late}${front ? ' on' : ''}`}>
      <button type="button" aria-current={front} onClick={() => open(conversation)}>
        <span class="mark" title={channelOf(way)}>
          <Icon name={iconOf(way.counts_as)} />
          <span class="unseen">{channelOf(way)}: </span>
        </span>
        <strong>{who(talk)}</strong>
        <span class="age">
          {(late === 'warn' || late === 'bad') && <Lamp shade={late} />}
          <time class="number" dateTime={since ?? talk.last} title={when(since ?? talk.last, true)}>
            {brief(since ?? talk.last)}
          </time>
          {late === 'bad' && <span class="unseen">{t('written.late')}</span>}
        </span>
        <span class="words">
          {writes ? <em>{t('written.writes')}</em> : draft && !front ? <em>{t('written.draft', { text: draft })}</em> : (preview ?? '')}
        </span>
        {unread > 0 && (
          <span class="unread">
            {unread}
            <span class="unseen"> {t('written.unread')}</span>
          </span>
        )}
      </button>
    </li>
  )
}
