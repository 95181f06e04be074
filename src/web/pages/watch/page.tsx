// The page of whoever leads: what goes on, pushed; what went on, in figures; one call in all detail.
import type { ComponentType } from 'preact'
import { Tabs, type Tab } from '../parts/tabs'
import { path } from '../route'
import { t } from '../words'
import { Board } from './board'
import { Calls } from './calls'
import { OneCallPage } from './one_call'
import { Reports } from './reports'
import { OneTalk } from './talks'

const TABS: readonly Tab[] = [
  { at: '/watch', words: 'watch.board' },
  { at: '/watch/calls', words: 'watch.calls' },
  { at: '/watch/reports', words: 'watch.reports' },
]

export function Watch() {
  const [, , part, id] = path.value.split('/')
  const parts: Record<string, ComponentType> = { reports: Reports, calls: Calls }
  const Part = parts[part ?? ''] ?? Board
  return (
    <>
      <h1 class="unseen">{t('page.watch')}</h1>
      <Tabs tabs={TABS} name={t('page.watch')} />
      {part === 'calls' && id ? <OneCallPage key={id} call={id} /> : part === 'talks' && id ? <OneTalk key={id} conversation={id} /> : <Part />}
    </>
  )
}
