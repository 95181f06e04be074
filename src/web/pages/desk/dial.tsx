// Calling somebody: in the browser where that is on, else the desk phone rings first. While a call is up, it is held, and
// the new one is to ask somebody; then both can be joined.
import { useSignal } from '@preact/signals'
import { ask } from '../api'
import { Button, Dialog, Field, wordsOf } from '../parts/ui'
import { t } from '../words'
import { Colleagues } from './call'
import * as phone from './phone'
import { own, talk } from './state'

export function Dial({ close }: { close: () => void }) {
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const here = phone.line.value === 'ready'
  const asks = talk.value && !talk.value.over
  const call = async (number: string): Promise<void> => {
    busy.value = true
    problem.value = null
    try {
      if (asks && !talk.value?.held) await ask('POST', `/calls/${talk.value?.call}/hold`)
      if (here) await phone.dial(number)
      else await ask('POST', '/calls', { from: own.value?.extension ?? '', to: number })
      close()
    } catch (why) {
      problem.value = wordsOf(why)
    }
    busy.value = false
  }
  return (
    <Dialog title={t(asks ? 'dial.ask' : 'dial')} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          const number = String(new FormData(event.currentTarget).get('number')).replace(/[\s()/-]/g, '')
          if (number) void call(number)
        }}
      >
        <Field label={t('dial.number')} hint={here ? t('dial.here') : t('dial.desk', { extension: own.value?.extension ?? '' })}>
          <input name="number" list="colleagues" inputMode="tel" autocomplete="off" maxLength={64} required autofocus />
        </Field>
        <Colleagues />
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row end">
          <Button onClick={close}>{t('cancel')}</Button>
          <Button kind="main" icon="phone" type="submit" busy={busy.value}>
            {t('dial.call')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
