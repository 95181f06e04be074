// The desk of an agent: on one side who they are and what waits, in the middle the call and its person, on the other what
// is known of that person.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
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
import { Person, Stranger } from './person'
import * as phone from './phone'
import { Search } from './search'
import { Side } from './side'
import { begin, changed, offers, shown, talk } from './state'

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
]

export type Window = 'search' | 'dial' | 'devices' | null

export function Desk() {
  const over = useSignal<Window>(null)
  const record = useSignal<PersonRecord | null>(null)
  useEffect(() => {
    const ends = [begin(), alert.begin(), phone.begin()]
    meanwhile.value = GoesOn
    later.value = LATER
    return () => {
      meanwhile.value = null
      later.value = []
      ends.forEach((end) => end())
    }
  }, [])
  const contact = shown.value?.contact ?? null
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
    <div class="desk">
      <h1 class="unseen">{t('page.desk')}</h1>
      <Side open={(which) => (over.value = which)} />
      <div class="middle">
        <Call dial={() => (over.value = 'dial')} record={record.value} />
        {shown.value ? (
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
      <Details record={record.value} />
      {over.value === 'search' && <Search close={() => (over.value = null)} />}
      {over.value === 'dial' && <Dial close={() => (over.value = null)} />}
      {over.value === 'devices' && <Devices close={() => (over.value = null)} />}
      <Far />
    </div>
  )
}
