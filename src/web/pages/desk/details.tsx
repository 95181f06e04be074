// What is known of a person besides what happened: identities, fields, cases, consent; and what can be said of them.
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { ask } from '../api'
import { Button, Empty, Field, Lamp, Section, Tag, wordsOf } from '../parts/ui'
import type { ContactLine, PersonRecord } from '../schema'
import { named, t, when } from '../words'
import { contactOf } from './person'
import { changed } from './state'
import { inFront, talks } from './written/state'

/** `children`: what stands behind what is known, and before cases. */
export function Details({ record, children }: { record: PersonRecord | null; children?: ComponentChildren }) {
  const contact = contactOf(record)
  if (!record || !contact) return <aside class="details" aria-label={t('details')} />
  return (
    <aside class="details" aria-label={t('details')}>
      <Known contact={contact} />
      {children}
      <Cases record={record} />
      <Consents contact={contact} />
    </aside>
  )
}

/** What was written in the conversation that is in front: a case that is opened there is about that. */
function momentsInFront(record: PersonRecord): string[] {
  const since = talks.value.get(inFront.value ?? '')?.opened
  return record.timeline.flatMap(({ what, at, place }) => (since && what === 'message' && at >= since && place ? [place] : []))
}

/** Does something to the record, and looks at it again. */
async function change(problem: { value: string | null }, act: () => Promise<unknown>): Promise<boolean> {
  problem.value = null
  try {
    await act()
    changed.value += 1
    return true
  } catch (why) {
    problem.value = wordsOf(why)
    return false
  }
}

function Known({ contact }: { contact: ContactLine }) {
  const problem = useSignal<string | null>(null)
  const editing = useSignal(false)
  const path = `/people/${contact.contact}`
  const fields = Object.entries(contact.fields).filter(([, field]) => field.now.value || field.others?.length)
  return (
    <Section
      title={t('details')}
      side={
        <Button kind="quiet" pressed={editing.value} onClick={() => (editing.value = !editing.value)}>
          {t('edit')}
        </Button>
      }
    >
      <div class="body stack">
        {editing.value ? (
          <form
            class="form"
            onSubmit={(event) => {
              event.preventDefault()
              const given = new FormData(event.currentTarget)
              const wanted: Record<string, string | null> = {}
              for (const name of new Set(['name', 'company', ...Object.keys(contact.fields)])) {
                const value = String(given.get(name) ?? '').trim()
                if (value !== (contact.fields[name]?.now.value ?? '')) wanted[name] = value || null
              }
              void change(problem, () => ask('PATCH', path, { fields: wanted, version: contact.version })).then((done) => {
                if (done) editing.value = false
              })
            }}
          >
            {[...new Set(['name', 'company', ...Object.keys(contact.fields)])].map((name) => (
              <Field key={name} label={named('field', name)}>
                <input name={name} defaultValue={contact.fields[name]?.now.value ?? ''} maxLength={500} autocomplete="off" />
              </Field>
            ))}
            <div class="row end">
              <Button type="submit" kind="main">
                {t('save')}
              </Button>
            </div>
          </form>
        ) : (
          <dl class="facts">
            {fields.map(([name, field]) => (
              <div key={name}>
                <dt>{named('field', name)}</dt>
                <dd>
                  {field.now.value}
                  {field.now.source === 'branch' && <span class="small soft"> {t('field.from', { site: field.now.by })}</span>}
                </dd>
                {field.others?.map((other) => (
                  <dd key={`${other.site} ${other.at}`} class="other small">
                    {t('field.other', { site: other.site ?? t('field.here'), value: other.value ?? '–' })}{' '}
                    <Button
                      kind="quiet"
                      onClick={() => void change(problem, () => ask('PATCH', path, { fields: { [name]: other.value ?? null }, version: contact.version }))}
                    >
                      {t('field.right')}
                    </Button>
                  </dd>
                ))}
                {field.others?.length ? (
                  <dd class="small">
                    <Button
                      kind="quiet"
                      onClick={() => void change(problem, () => ask('PATCH', path, { fields: { [name]: field.now.value ?? null }, version: contact.version }))}
                    >
                      {t('field.keep', { value: field.now.value ?? '–' })}
                    </Button>
                  </dd>
                ) : null}
              </div>
            ))}
            {contact.identities.map(({ identity }) => {
              const [kind, value] = identity.split(/:(.*)/)
              return (
                <div key={identity}>
                  <dt>{named('identity', kind ?? '')}</dt>
                  <dd class="number">{value}</dd>
                </div>
              )
            })}
            {contact.preferred && (
              <div>
                <dt>{t('prefers')}</dt>
                <dd>{named('channel', contact.preferred)}</dd>
              </div>
            )}
          </dl>
        )}
        {contact.learned?.found && (
          <p class="small soft">
            {t('learned', { at: when(contact.learned.at) })}{' '}
            {Object.entries(contact.learned.fields)
              .map(([name, value]) => `${name}: ${value}`)
              .join(' · ')}
          </p>
        )}
        {contact.elsewhere?.map((one) => (
          <p key={one.site} class="small soft">
            {t('elsewhere', { site: one.site, at: when(one.heard) })}{' '}
            {Object.entries(one.masked ?? {})
              .map(([name, value]) => `${named('field', name)}: ${value}`)
              .join(' · ')}
          </p>
        ))}
        {contact.wanted?.map((one) => (
          <p key={one.erasure}>
            <Lamp shade="warn">{t(one.waits ? 'wanted.waits' : 'wanted.refused', { site: one.site, at: when(one.at) })}</Lamp>
          </p>
        ))}
        {contact.holds.length > 0 && <Lamp shade="warn">{t('held')}</Lamp>}
        <Reach contact={contact} />
        <Verify contact={contact} />
        <Tags contact={contact} />
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
      </div>
    </Section>
  )
}

/** One more number or address by which the person is known: whoever writes or calls from there is the same. */
function Reach({ contact }: { contact: ContactLine }) {
  const problem = useSignal<string | null>(null)
  return (
    <>
      <form
      class="row reach"
      onSubmit={(event) => {
        event.preventDefault()
        const field = event.currentTarget.elements.namedItem('reach') as HTMLInputElement
        const text = field.value.trim()
        const identity = text.includes('@') ? `email:${text}` : `phone:${text.replace(/[\s()/.-]/g, '')}`
        if (text) void change(problem, () => ask('POST', `/people/${contact.contact}/identities`, { identity })).then((done) => done && (field.value = ''))
      }}
    >
      <input class="grow" name="reach" aria-label={t('identity.new')} placeholder={t('identity.new')} maxLength={200} autocomplete="off" />
      <Button type="submit" icon="plus" label={t('identity.new')} />
      </form>
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </>
  )
}

function Verify({ contact }: { contact: ContactLine }) {
  const problem = useSignal<string | null>(null)
  const holds = contact.verified && new Date(contact.verified.until) > new Date() ? contact.verified : null
  return (
    <div class="row apart">
      <span class="small">
        {holds ? t('verified.until', { level: holds.level, until: when(holds.until) }) : t('verified.not')}
      </span>
      <select
        aria-label={t('verify')}
        value=""
        class="short"
        onChange={(event) => {
          const level = event.currentTarget.value
          event.currentTarget.value = ''
          if (level) void change(problem, () => ask('PUT', `/people/${contact.contact}/verified`, { level: Number(level) }))
        }}
      >
        <option value="">{t('verify')}</option>
        {[1, 2, 3].map((level) => (
          <option key={level} value={level}>
            {t('verify.level', { level })}
          </option>
        ))}
        <option value="0">{t('verify.not')}</option>
      </select>
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </div>
  )
}

function Tags({ contact }: { contact: ContactLine }) {
  const problem = useSignal<string | null>(null)
  const path = (tag: string): string => `/people/${contact.contact}/tags/${encodeURIComponent(tag)}`
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault()
        const field = event.currentTarget.elements.namedItem('tag') as HTMLInputElement
        const tag = field.value.trim().toLowerCase()
        if (tag) void change(problem, () => ask('PUT', path(tag))).then((done) => done && (field.value = ''))
      }}
    >
      {contact.tags.map((tag) => (
        <span class="row tagged" key={tag}>
          <Tag>{tag}</Tag>
          <Button kind="quiet" icon="close" label={t('tag.off', { tag })} onClick={() => void change(problem, () => ask('DELETE', path(tag)))} />
        </span>
      ))}
      <input class="short" name="tag" aria-label={t('tag.on')} placeholder={t('tag.on')} pattern="[a-zA-Z0-9._\-]*" maxLength={64} autocomplete="off" />
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </form>
  )
}

function Cases({ record }: { record: PersonRecord }) {
  const problem = useSignal<string | null>(null)
  const cases = [...record.cases].filter((one) => !one.merged_into).sort((a, b) => Number(!!a.closed) - Number(!!b.closed))
  return (
    <Section title={t('cases')}>
      {cases.length === 0 && <Empty>{t('cases.none')}</Empty>}
      <ul class="lines">
        {cases.map((one) => (
          <li key={one.case}>
            <span class="grow">
              {one.title ?? t('case.untitled')}
              <span class="soft small"> {when(one.opened)}</span>
            </span>
            <Button
              kind="quiet"
              onClick={() => void change(problem, () => ask('PATCH', `/cases/${one.case}`, { closed: !one.closed }))}
            >
              {t(one.closed ? 'case.reopen' : 'case.close')}
            </Button>
          </li>
        ))}
      </ul>
      <form
        class="body row adding"
        onSubmit={(event) => {
          event.preventDefault()
          const field = event.currentTarget.elements.namedItem('title') as HTMLInputElement
          const title = field.value.trim()
          if (title)
            void change(problem, () => ask('POST', `/people/${record.person}/cases`, { title, moments: momentsInFront(record) })).then(
              (done) => done && (field.value = ''),
            )
        }}
      >
        <input class="grow" name="title" aria-label={t('case.new')} placeholder={t('case.new')} maxLength={200} autocomplete="off" />
        <Button type="submit" icon="plus" label={t('case.new')} />
      </form>
      {problem.value && <p class="wrong body" role="alert">{problem}</p>}
    </Section>
  )
}

function Consents({ contact }: { contact: ContactLine }) {
  if (contact.consents.length === 0) return null
  return (
    <Section title={t('consent')}>
      <ul class="lines">
        {contact.consents.map((one) => (
          <li key={one.channel + one.purpose}>
            <span class="grow">
              {named('channel', one.channel)}: {one.purpose}
            </span>
            <Lamp shade={one.given ? 'good' : 'bad'}>{t(one.given ? 'details.given' : 'details.refused')}</Lamp>
          </li>
        ))}
      </ul>
    </Section>
  )
}
