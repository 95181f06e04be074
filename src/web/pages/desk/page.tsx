import { t } from '../words'

export function Desk() {
  return <h1>{t('page.desk')}</h1>
}
