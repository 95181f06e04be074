// A text that the provider has approved: what may be sent when the person has been silent for long.
import { useSignal } from '@preact/signals'
import { Button, Dialog, Empty, Field } from '../../parts/ui'
import type { ConversationLine } from '../../schema'
import { t } from '../../words'
import { send } from './drafts'
import { carries } from './lanes'

export function Templates({ talk, close }: { talk: ConversationLine; close: () => void }) {
  const all = carries(talk.way).templated
  const name = useSignal(all[0]?.name ?? '')
  const own = all.find((one) => one.name === name.value)
  return (
    <Dialog title={t('composer.template')} close={close}>
      {!own && <Empty>{t('template.none')}</Empty>}
      {own && (
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault()
            const given = new FormData(event.currentTarget)
            const values = Array.from({ length: own.values }, (_, at) => String(given.get(`value-${at}`) ?? '').trim())
            send(talk.conversation, { text: '', template: { name: own.name, language: own.language, values } })
            close()
          }}
        >
          <Field label={t('composer.template')}>
            <select value={name.value} onChange={(event) => (name.value = event.currentTarget.value)}>
              {all.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.name}
                </option>
              ))}
            </select>
          </Field>
          {own.text && <p class="text">{own.text}</p>}
          {Array.from({ length: own.values }, (_, at) => (
            <Field key={at} label={t('template.value', { n: at + 1 })}>
              <input name={`value-${at}`} required maxLength={500} autocomplete="off" />
            </Field>
          ))}
          <div class="row end">
            <Button onClick={close}>{t('cancel')}</Button>
            <Button kind="main" icon="send" type="submit">
              {t('composer.send')}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  )
}
