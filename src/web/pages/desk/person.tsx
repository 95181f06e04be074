// A person: who, what happened across every channel, the newest first, and a place to write a note.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, me } from '../api'
import { useKey } from '../parts/keys'
import { Button, Empty, Field, Section, Tag, wordsOf } from '../parts/ui'
import type { ContactLine, MomentLine, MomentLinePage, PersonRecord } from '../schema'
import { t } from '../words'
import { Verified } from './call'
import * as phone from './phone'
import { changed, own, show, type Offer, type Open } from './state'
import { Timeline } from './timeline'

/** The contact under whose name a person goes. */
export function contactOf(record: PersonRecord | null): ContactLine | null {
  return record?.contacts.find(({ contact }) => contact === record.person) ?? record?.contacts[0] ?? null
}

/** What a field says. */
export function said(contact: ContactLine | null, name: string): string | null {
  return contact?.fields[name]?.now.value ?? null
}

/** What happened with a person, the newest first, in pages. */
function useMoments({ contact }: Open, record: PersonRecord | null): { moments: readonly MomentLine[] | null; more: (() => Promise<void>) | null } {
  const moments = useSignal<readonly MomentLine[] | null>(null)
  const next = useSignal<string | null>(null)
  const path = `/people/${contact}/timeline`
  const version = changed.value
  useEffect(() => {
    let late = false
    ask<MomentLinePage>('GET', `${path}?limit=50`).then(
      (page) => {
        if (late) return
        moments.value = page.items
        next.value = page.next ?? null
      },
      () => {
        if (!late) moments.value ??= record?.timeline ?? []
      },
    )
    return () => {
      late = true
    }
  }, [path, version])
  const more = async (): Promise<void> => {
    const page = await ask<MomentLinePage>('GET', `${path}?limit=50&after=${encodeURIComponent(next.value ?? '')}`)
    moments.value = [...(moments.value ?? []), ...page.items]
    next.value = page.next ?? null
  }
  return { moments: moments.value, more: next.value ? more : null }
}

/** The same beside a conversation, with what is pinned and a place for a note. */
export function History({ open, record }: { open: Open; record: PersonRecord | null }) {
  const { moments, more } = useMoments(open, record)
  return (
    <Section title={t('history')} class="history">
      {contactOf(record)?.pins.map((pin) => (
        <p key={pin.pin} class="pinned">
          {pin.fact.value}
        </p>
      ))}
      <Note contact={open.contact} />
      <Timeline moments={moments} />
      {more && (
        <div class="body">
          <Button onClick={() => void more()}>{t('more')}</Button>
        </div>
      )}
    </Section>
  )
}

export function Person({ open, record }: { open: Open; record: PersonRecord | null }) {
  const contact = contactOf(record)
  const { moments, more } = useMoments(open, record)
  const name = said(contact, 'name') ?? open.name
  const number = contact?.identities.find(({ identity }) => identity.startsWith('phone:'))?.identity.slice(6) ?? open.number
  return (
    <section class="section person" aria-label={name ?? t('person')}>
      <header>
        <div>
          <h2>{name ?? number ?? t('person.nameless')}</h2>
          <p class="soft small">
            {[said(contact, 'company'), number].filter(Boolean).join(' · ')}
          </p>
        </div>
        <div class="side">
          <Verified level={contact?.verified && new Date(contact.verified.until) > new Date() ? contact.verified.level : null} />
          {[...(contact?.tags ?? [])].map((tag) => (
            <Tag key={tag}>{tag}</Tag>
          ))}
          {number && <CallBack number={number} />}
        </div>
      </header>
      {contact?.pins.map((pin) => (
        <p key={pin.pin} class="pinned">
          {pin.fact.value}
        </p>
      ))}
      <Note contact={open.contact} />
      <Timeline moments={moments} />
      {more && (
        <div class="body">
          <Button onClick={() => void more()}>{t('more')}</Button>
        </div>
      )}
    </section>
  )
}

/** Calls a person back: in the browser where that is on, else the desk phone rings first. */
function CallBack({ number }: { number: string }) {
  const problem = useSignal<string | null>(null)
  const call = async (): Promise<void> => {
    problem.value = null
    try {
      if (phone.line.value === 'ready') await phone.dial(number)
      else await ask('POST', '/calls', { from: own.value?.extension ?? '', to: number })
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  return (
    <>
      <Button icon="phone" onClick={() => void call()}>
        {t('callback')}
      </Button>
      {problem.value && <span class="wrong" role="alert">{problem}</span>}
    </>
  )
}

function Note({ contact }: { contact: string }) {
  const text = useSignal(sessionStorage.getItem(`note-${contact}`) ?? '')
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  // What was begun is still there after a reload.
  const write = (words: string): void => {
    text.value = words
    sessionStorage.setItem(`note-${contact}`, words)
  }
  const save = async (): Promise<void> => {
    if (!text.value.trim()) return
    busy.value = true
    problem.value = null
    try {
      await ask('POST', `/people/${contact}/notes`, { text: text.value.trim() })
      write('')
      changed.value += 1
    } catch (why) {
      problem.value = wordsOf(why)
    }
    busy.value = false
  }
  useKey('n', 'keys.note', () => document.querySelector<HTMLElement>('#note')?.focus())
  return (
    <form
      class="writing"
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      <label class="unseen" for="note">
        {t('note.write')}
      </label>
      <textarea
        id="note"
        rows={1}
        value={text.value}
        placeholder={t('note.write')}
        maxLength={16384}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
          event.preventDefault()
          void save()
        }}
      />
      <Button type="submit" icon="note" busy={busy.value} disabled={!text.value.trim()}>
        {t('note.save')}
      </Button>
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </form>
  )
}

/** Somebody whom nobody knows by this number yet. */
export function Stranger({ offer }: { offer: Offer }) {
  const problem = useSignal<string | null>(null)
  const save = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    problem.value = null
    try {
      const fields: Record<string, string> = {}
      for (const name of ['name', 'company']) {
        const value = String(given.get(name) ?? '').trim()
        if (value) fields[name] = value
      }
      const made = await ask<{ contact?: string | null }>('POST', '/people', {
        fields,
        identities: [`phone:${offer.from}`],
      })
      if (made.contact) show({ contact: made.contact, name: fields['name'] ?? null, number: offer.from })
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  return (
    <section class="section person" aria-label={t('stranger')}>
      <header>
        <h2>{t('stranger.of', { number: offer.from })}</h2>
      </header>
      <form
        class="body form two"
        onSubmit={(event) => {
          event.preventDefault()
          void save(event.currentTarget)
        }}
      >
        <Field label={t('field.name')}>
          <input name="name" required maxLength={200} autocomplete="off" />
        </Field>
        <Field label={t('field.company')}>
          <input name="company" maxLength={200} autocomplete="off" />
        </Field>
        <div class="wide row">
          <Button kind="main" type="submit">
            {t('stranger.save')}
          </Button>
          {problem.value && <span class="wrong" role="alert">{problem}</span>}
        </div>
      </form>
      {me.value && <Empty>{t('stranger.words')}</Empty>}
    </section>
  )
}
