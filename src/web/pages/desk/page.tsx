// The desk of an agent: on one side who they are and what waits, in the middle the call and its person, on the other what
// is known of that person.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ask } from '../api'
import { later, useKey } from '../parts/keys'
import { meanwhile } from '../parts/meanwhile'
import { Button } from '../parts/ui'
import type { PersonRecord } from '../schema'
import { t, type Key } from '../words'
import * as alert from './alert'
import { Call } from './call'
import { Devices } from './devices'
import { Dial } from './dial'
import { Far } from './far'
import { Details } from './details'
import { GoesOn } from './goes_on'
import { History, Person, Stranger } from './person'
import * as phone from './phone'
import { Search } from './search'
import { Side } from './side'
import { begin, changed, offers, shown, talk } from './state'
import { Conversation, Stuck } from './written/conversation'
import { goOn } from './written/drafts'
import { Offer } from './written/offer'
import * as written from './written/state'

/** What else can be pressed when there is a call, or something is left to do. */
const LATER: ReadonlyArray<{ key: string; words: Key }> = [
  { key: 'a', words: 'keys.answer' },
  { key: 'd', words: 'keys.decline' },
  { key: 'h', words: 'keys.hold' },
  { key: 'm', words: 'keys.mute' },
  { key: 't', words: 'keys.transfer' },
  { key: 'p', words: 'keys.pay' },
  { key: 'n', words: 'keys.note' },
  { key: 'w', words: 'keys.wrapup' },
  { key: 'r', words: 'keys.ready' },
  { key: 'j', words: 'keys.talk.next' },
  { key: 'k', words: 'keys.talk.before' },
  { key: 'i', words: 'keys.talk.write' },
  { key: 'x', words: 'keys.talk.close' },
]

export type Window = 'search' | 'dial' | 'devices' | null

export function Desk() {
  const over = useSignal<Window>(null)
  const record = useSignal<PersonRecord | null>(null)
  useEffect(() => {
    const ends = [begin(), written.begin(), alert.begin(), phone.begin()]
    goOn()
    meanwhile.value = GoesOn
    later.value = LATER
    return () => {
      meanwhile.value = null
      later.value = []
      ends.forEach((end) => end())
    }
  }, [])
  const contact = shown.value?.contact ?? null
  const front = useInFront(contact)
  const version = changed.value
  useEffect(() => {
    if (record.value?.person !== contact) record.value = null
    if (!contact) return
    let late = false
    ask<PersonRecord>('GET', `/people/${contact}`).then(
      (got) => {
        if (!late) record.value = got
      },
      () => undefined,
    )
    return () => {
      late = true
    }
  }, [contact, version])
  useKey('/', 'keys.search', () => (over.value = 'search'))
  useKey('Ctrl+k', 'keys.search', () => (over.value = 'search'))
  useKey('c', 'keys.dial', () => (over.value = 'dial'))
  const stranger = !contact && (offers.value[0] ?? talk.value)
  return (
    <div class={front ? 'desk writes' : 'desk'}>
      <h1 class="unseen">{t('page.desk')}</h1>
      <Side open={(which) => (over.value = which)} />
      <div class="middle">
        <Call dial={() => (over.value = 'dial')} record={record.value} />
        {written.offered.value.map((offer, at) => (
          <Offer key={offer.work.item} offer={offer} first={at === 0 && offers.value.length === 0} />
        ))}
        <Stuck />
        {front ? (
          <Conversation key={front} conversation={front} record={record.value} />
        ) : shown.value ? (
          <Person key={contact} open={shown.value} record={record.value} />
        ) : stranger ? (
          <Stranger key={stranger.call} offer={stranger} />
        ) : (
          <section class="section quiet" aria-label={t('desk.nobody')}>
            <p class="empty">{t('desk.nobody.words')}</p>
            <div class="row">
              <Button icon="search" hint="/" onClick={() => (over.value = 'search')}>
                {t('search')}
              </Button>
              <Button icon="phone" hint="c" onClick={() => (over.value = 'dial')}>
                {t('dial')}
              </Button>
            </div>
          </section>
        )}
      </div>
      <Details record={record.value}>{front && shown.value && <History key={contact} open={shown.value} record={record.value} />}</Details>
      {over.value === 'search' && <Search close={() => (over.value = null)} />}
      {over.value === 'dial' && <Dial close={() => (over.value = null)} />}
      {over.value === 'devices' && <Devices close={() => (over.value = null)} />}
      <Far />
    </div>
  )
}

/** The conversation that is in front: as long as the person whom it is with is the one who is shown. */
function useInFront(contact: string | null): string | null {
  const front = written.inFront.value
  const whose = front ? written.talks.value.get(front)?.person.contact : undefined
  const before = useRef(contact)
  useEffect(() => {
    const turned = before.current !== contact
    before.current = contact
    if (turned && whose && contact !== whose) written.open(null)
  }, [contact, whose])
  return front
}
