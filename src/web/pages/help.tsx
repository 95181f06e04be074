// The keyboard map of the page that is shown.
import { letters } from './settings'
import { later, map } from './parts/keys'
import { Dialog } from './parts/ui'
import { t, type Key } from './words'

export function Help({ close }: { close: () => void }) {
  const shown = [...new Map(map.value.map((own) => [own.key, own])).values()]
  const others = later.value.filter(({ key }) => !shown.some((own) => own.key === key))
  return (
    <Dialog title={t('keys.help')} close={close}>
      <Keys keys={shown} />
      {others.length > 0 && (
        <>
          <h3>{t('keys.later')}</h3>
          <Keys keys={others} />
        </>
      )}
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

function Keys({ keys }: { keys: ReadonlyArray<{ key: string; words: Key }> }) {
  return (
    <dl class="keys">
      {keys.map(({ key, words }) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{t(words)}</dd>
        </div>
      ))}
    </dl>
  )
}
