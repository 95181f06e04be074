// Written conversations for whoever leads: which there are, who has each and how long somebody waits for an answer; one of
// them as it stands, to be read.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask } from '../api'
import { Conversation } from '../desk/written/conversation'
import { brief, channelOf, iconOf, lateness, waitsSince, who } from '../desk/written/marks'
import * as written from '../desk/written/state'
import { Timeline } from '../desk/timeline'
import { Icon } from '../parts/icon'
import { Table } from '../parts/table'
import { Lamp, Section, Tag } from '../parts/ui'
import type { ConversationLine, PersonRecord } from '../schema'
import { number, t, when } from '../words'
import { talks } from './state'

/** Who answers in it, in words. */
export function ownerOf({ owner, closed }: ConversationLine): string {
  if (closed) return t('talk.closed')
  return owner.agent ?? (owner.queue ? t('talks.waits', { queue: owner.queue }) : (owner.flow ?? t('talks.nobody')))
}

export function Talks() {
  return (
    <Section title={t('talks')}>
      <Table<ConversationLine>
        name={t('talks')}
        rows={talks.value}
        id={({ conversation }) => conversation}
        empty={t('talks.none')}
        columns={[
          {
            name: t('column.from'),
            show: (talk) => (
              <span class="row">
                <Icon name={iconOf(talk.way.counts_as)} />
                {who(talk)}
              </span>
            ),
          },
          { name: t('column.way'), show: ({ way }) => <Tag>{channelOf(way)}</Tag> },
          { name: t('column.has'), show: (talk) => ownerOf(talk) },
          { name: t('column.unread'), number: true, show: ({ unread }) => <span class={unread > 0 ? 'hot' : ''}>{number(unread)}</span> },
          { name: t('column.answer'), number: true, show: (talk) => <Answer talk={talk} /> },
          { name: '', show: ({ conversation }) => <a href={`/watch/talks/${conversation}`}>{t('open.it')}</a> },
        ]}
      />
    </Section>
  )
}

/** How long somebody waits for an answer. */
function Answer({ talk }: { talk: ConversationLine }) {
  const since = waitsSince(talk)
  if (!since) return <>–</>
  const late = lateness(talk)
  return (
    <time dateTime={since} title={when(since, true)}>
      {late === 'good' ? brief(since) : <Lamp shade={late}>{brief(since)}</Lamp>}
    </time>
  )
}

/** One conversation, and who it is with. */
export function OneTalk({ conversation }: { conversation: string }) {
  const record = useSignal<PersonRecord | null>(null)
  useEffect(() => {
    const end = written.begin()
    written.open(conversation)
    void written.lookAtTalk(conversation)
    return () => {
      end()
      written.open(null)
    }
  }, [conversation])
  const contact = written.talks.value.get(conversation)?.person.contact
  useEffect(() => {
    if (!contact) return
    ask<PersonRecord>('GET', `/people/${contact}`).then(
      (got) => (record.value = got),
      () => undefined,
    )
  }, [contact])
  return (
    <>
      <p>
        <a href="/watch">{t('talks.back')}</a>
      </p>
      <div class="onetalk">
        <Conversation conversation={conversation} record={record.value} reads />
        <Section title={t('history')}>
          <Timeline moments={record.value?.timeline ?? null} />
        </Section>
      </div>
    </>
  )
}
