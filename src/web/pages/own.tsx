// What is somebody's own: language, light or dark, and the way out.
import { signOut } from './api'
import { Button, Dialog, Field } from './parts/ui'
import type { Me } from './schema'
import { theme, type Theme } from './settings'
import { choose, language, LANGUAGES, named, t, type Language } from './words'

export function Own({ who, close }: { who: Me; close: () => void }) {
  return (
    <Dialog title={t('own')} close={close}>
      <dl class="facts">
        <dt>{t('own.role')}</dt>
        <dd>{named('role', who.role)}</dd>
        {who.agent && (
          <>
            <dt>{t('own.agent')}</dt>
            <dd>{who.agent}</dd>
          </>
        )}
      </dl>
      <div class="form two">
        <Field label={t('own.language')}>
          <select value={language.value} onChange={(event) => void choose(event.currentTarget.value as Language)}>
            {Object.entries(LANGUAGES).map(([tag, name]) => (
              <option key={tag} value={tag} lang={tag}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t('own.theme')}>
          <select value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
            {(['auto', 'light', 'dark'] as const).map((name) => (
              <option key={name} value={name}>
                {t(`theme.${name}`)}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <div class="row end">
        <Button onClick={() => void signOut()}>{t('signout')}</Button>
      </div>
    </Dialog>
  )
}
