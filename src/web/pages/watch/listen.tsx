// Listening in to a call: which phone rings for it, in which of three parts, and the end of it.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, me } from '../api'
import { partyOf } from '../parts/call_words'
import { Button, Dialog, Field, wordsOf } from '../parts/ui'
import type { Mode } from '../schema'
import { t } from '../words'
import { agents, calls, lookAtWork } from './state'

const MODES: readonly Mode[] = ['monitor', 'whisper', 'barge']
/** The phone that was named last, on this machine. */
const KEPT = 'branchline-listening-phone'

export function ListenIn({ call, close }: { call: string; close: () => void }) {
  const problem = useSignal<string | null>(null)
  const own = agents.value.get(me.value?.agent ?? '')?.extension
  const phone = useSignal(localStorage.getItem(KEPT) ?? own ?? '')
  const line = calls.value.find((one) => one.call === call)
  const gone = !line?.with
  useEffect(() => {
    if (gone) close()
  }, [gone])
  const order = async (act: () => Promise<unknown>): Promise<void> => {
    problem.value = null
    try {
      await act()
      await lookAtWork()
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  const listen = (mode: Mode): Promise<void> => {
    const named = phone.value.trim()
    localStorage.setItem(KEPT, named)
    return order(() => ask('PUT', `/calls/${call}/${mode}`, named ? { phone: named } : {}))
  }
  if (!line) return null
  return (
    <Dialog title={t('listen.title', { from: line.from, whom: partyOf(line.with ?? '') })} close={close}>
      <p class="soft">{t('listen.words')}</p>
      <Field label={t('listen.phone')}>
        <input inputMode="tel" autocomplete="off" maxLength={8} value={phone.value} onInput={(event) => (phone.value = event.currentTarget.value)} />
      </Field>
      <div class="row" role="group" aria-label={t('listen')}>
        {MODES.map((mode) => (
          <Button key={mode} pressed={line.supervised === mode} onClick={() => void listen(mode)}>
            {t(`listen.${mode}`)}
          </Button>
        ))}
        {line.supervised && (
          <Button kind="bad" icon="hangup" onClick={() => void order(() => ask('DELETE', `/calls/${call}/supervision`))}>
            {t('listen.end')}
          </Button>
        )}
      </div>
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </Dialog>
  )
}
