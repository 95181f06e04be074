// After the call: how it came out, what is worth knowing next time, and on to the next.
import { useSignal } from '@preact/signals'
import { ask } from '../api'
import { useKey } from '../parts/keys'
import { useLoaded } from '../parts/load'
import { since } from '../parts/tick'
import { Button, Field, wordsOf } from '../parts/ui'
import type { PersonRecord } from '../schema'
import { clock, t } from '../words'
import { changed, own, setPresence, state, talk, type Talk } from './state'

type Dispositions = { items: Array<{ code: string; requires: string[] }> }

export function WrapUp({ call, record }: { call: Talk; record: PersonRecord | null }) {
  const known = useLoaded<Dispositions>('/dispositions').value.value?.items ?? []
  const code = useSignal('')
  const busy = useSignal(false)
  const problem = useSignal<string | null>(null)
  const contact = record?.person ?? call.caller?.contact ?? null
  const requires = known.find((one) => one.code === code.value)?.requires ?? []
  const working = state.value === 'wrap-up'

  const done = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const note = String(given.get('note') ?? '').trim()
    busy.value = true
    problem.value = null
    try {
      if (contact && code.value) {
        const fields = Object.fromEntries(requires.map((name) => [name, String(given.get(`field-${name}`) ?? '')]))
        await ask('POST', `/people/${contact}/dispositions`, { code: code.value, fields, call: call.about })
      }
      if (contact && note) await ask('POST', `/people/${contact}/notes`, { text: note })
      changed.value += 1
      if (working) await setPresence('ready')
      talk.value = null
    } catch (why) {
      problem.value = wordsOf(why)
    }
    busy.value = false
  }
  useKey('w', 'keys.wrapup', () => document.querySelector<HTMLElement>('#disposition')?.focus())

  return (
    <section class="wrapup" aria-label={t('wrapup')}>
      <form
        class="stack tight"
        onSubmit={(event) => {
          event.preventDefault()
          void done(event.currentTarget)
        }}
      >
        <div class="row apart">
          <h2>{t('wrapup.of', { name: call.caller?.name ?? call.from })}</h2>
          {working && own.value && <time class="clock">{clock(since(own.value.since))}</time>}
        </div>
        {!contact && <p class="small soft">{t('wrapup.nobody')}</p>}
        {contact && (
          <div class="form two">
            <Field label={t('wrapup.code')}>
              {known.length > 0 ? (
                <select id="disposition" value={code.value} onChange={(event) => (code.value = event.currentTarget.value)}>
                  <option value="">{t('wrapup.none')}</option>
                  {known.map((one) => (
                    <option key={one.code} value={one.code}>
                      {one.code}
                    </option>
                  ))}
                </select>
              ) : (
                <input
                  id="disposition"
                  value={code.value}
                  maxLength={64}
                  pattern="[a-z0-9._\-]*"
                  placeholder={t('wrapup.example')}
                  onInput={(event) => (code.value = event.currentTarget.value)}
                />
              )}
            </Field>
            {requires.map((name) => (
              <Field key={name} label={name}>
                <input name={`field-${name}`} required maxLength={200} />
              </Field>
            ))}
            <Field label={t('note')} wide>
              <textarea name="note" maxLength={16384} rows={2} />
            </Field>
          </div>
        )}
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row end">
          {working && <span class="grow small soft">{t('wrapup.words')}</span>}
          <Button kind="main" icon="check" type="submit" busy={busy.value}>
            {t(working ? 'wrapup.done' : 'save')}
          </Button>
        </div>
      </form>
    </section>
  )
}
