// The keyboard map of the page that is shown.
import { letters } from './settings'
import { map } from './parts/keys'
import { Dialog } from './parts/ui'
import { t } from './words'

export function Help({ close }: { close: () => void }) {
  const shown = [...new Map(map.value.map((own) => [own.key, own])).values()]
  return (
    <Dialog title={t('keys.help')} close={close}>
      <dl class="keys">
        {shown.map(({ key, words }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={letters.value === 'on'}
          onChange={(event) => (letters.value = event.currentTarget.checked ? 'on' : 'off')}
        />
        {t('keys.letters')}
      </label>
    </Dialog>
  )
}
