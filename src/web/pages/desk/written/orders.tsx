// What is done with a whole conversation: handed over with a word about it, closed with how it came out.
import { useSignal } from '@preact/signals'
import { ask, me } from '../../api'
import { useLoaded } from '../../parts/load'
import { Button, Dialog, Field, wordsOf } from '../../parts/ui'
import type { ConversationLine } from '../../schema'
import { stateOf } from '../../parts/agent_state'
import { t } from '../../words'
import { agents, changed, queues } from '../state'
import { draft, drafts } from './drafts'
import { who } from './marks'
import { lookAtTalk, open, own, workOf } from './state'

type Props = { talk: ConversationLine; close: () => void }

/** To the next conversation of this agent, where the one in front is theirs no longer. */
function onwards(conversation: string): void {
  open(own.value.find((talk) => talk.conversation !== conversation)?.conversation ?? null)
}

export function Transfer({ talk, close }: Props) {
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const others = [...agents.value.values()].filter(({ agent, state }) => agent !== me.value?.agent && state !== 'signed out')
  const send = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const [kind, name] = String(given.get('to')).split(/:(.*)/)
    const note = String(given.get('note') ?? '').trim()
    busy.value = true
    problem.value = null
    try {
      await ask('POST', `/conversations/${talk.conversation}/transfer`, { [kind === 'agent' ? 'agent' : 'queue']: name, ...(note ? { note } : {}) })
      await lookAtTalk(talk.conversation)
      close()
      onwards(talk.conversation)
    } catch (why) {
      problem.value = wordsOf(why)
    }
    busy.value = false
  }
  return (
    <Dialog title={t('talk.transfer', { name: who(talk) })} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void send(event.currentTarget)
        }}
      >
        <Field label={t('talk.to')}>
          <select name="to" required autofocus>
            <optgroup label={t('queues')}>
              {[...queues.value.keys()].map((queue) => (
                <option key={queue} value={`queue:${queue}`}>
                  {queue}
                </option>
              ))}
            </optgroup>
            {others.length > 0 && (
              <optgroup label={t('colleagues')}>
                {others.map(({ agent, state }) => (
                  <option key={agent} value={`agent:${agent}`}>
                    {agent} · {stateOf(state)}
                  </option>
                ))}
              </optgroup>
            )}
          </select>
        </Field>
        <Field label={t('talk.note')} hint={t('talk.note.words')}>
          <textarea name="note" rows={3} maxLength={2000} />
        </Field>
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row end">
          <Button onClick={close}>{t('cancel')}</Button>
          <Button kind="main" icon="transfer" type="submit" busy={busy.value}>
            {t('transfer.send')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

type Dispositions = { items: Array<{ code: string; requires: string[] }> }

export function Close({ talk, close }: Props) {
  const known = useLoaded<Dispositions>('/dispositions').value.value?.items ?? []
  const code = useSignal('')
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const requires = known.find((one) => one.code === code.value)?.requires ?? []
  const done = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const note = String(given.get('note') ?? '').trim()
    busy.value = true
    problem.value = null
    try {
      const fields = Object.fromEntries(requires.map((name) => [name, String(given.get(`field-${name}`) ?? '')]))
      const how = code.value ? { code: code.value, fields } : {}
      const line = workOf(talk.conversation)
      // Before it is over: what is left to be said of somebody does not get lost on the way.
      if (note) await ask('POST', `/people/${talk.person.contact}/notes`, { text: note })
      await ask('POST', `/conversations/${talk.conversation}/close`, how)
      // With nothing asked there is nothing left to do afterwards either.
      if (line && !code.value) await ask('POST', `/agents/${encodeURIComponent(me.value?.agent ?? '')}/wrap-up`, { item: line.item }).catch(() => undefined)
      draft(talk.conversation, '')
      changed.value += 1
      await lookAtTalk(talk.conversation)
      close()
      onwards(talk.conversation)
    } catch (why) {
      problem.value = wordsOf(why)
    }
    busy.value = false
  }
  return (
    <Dialog title={t('talk.close.of', { name: who(talk) })} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void done(event.currentTarget)
        }}
      >
        {drafts.value.get(talk.conversation) && <p class="wrong">{t('talk.close.draft')}</p>}
        <Field label={t('wrapup.code')}>
          {known.length > 0 ? (
            <select value={code.value} onChange={(event) => (code.value = event.currentTarget.value)} autofocus>
              <option value="">{t('wrapup.none')}</option>
              {known.map((one) => (
                <option key={one.code} value={one.code}>
                  {one.code}
                </option>
              ))}
            </select>
          ) : (
            <input
              value={code.value}
              maxLength={64}
              pattern="[a-z0-9._\-]*"
              placeholder={t('wrapup.example')}
              autocomplete="off"
              autofocus
              onInput={(event) => (code.value = event.currentTarget.value)}
            />
          )}
        </Field>
        {requires.map((name) => (
          <Field key={name} label={name}>
            <input name={`field-${name}`} required maxLength={200} />
          </Field>
        ))}
        <Field label={t('note')}>
          <textarea name="note" rows={2} maxLength={16384} />
        </Field>
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row end">
          <Button onClick={close}>{t('cancel')}</Button>
          <Button kind="main" icon="check" type="submit" busy={busy.value}>
            {t('talk.close')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
