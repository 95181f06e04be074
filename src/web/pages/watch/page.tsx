import { t } from '../words'

export function Watch() {
  return <h1>{t('page.watch')}</h1>
}
