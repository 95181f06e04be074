import { t } from '../words'

export function Admin() {
  return <h1>{t('page.admin')}</h1>
}
