// The page of whoever keeps the box: how it is, lines and phones, who may do what, who did what.
import type { ComponentType } from 'preact'
import { Tabs, type Tab } from '../parts/tabs'
import { path } from '../route'
import { t } from '../words'
import { Access } from './access'
import { Audit } from './audit'
import { Configuration } from './config'
import { Knowledge } from './knowledge'
import { Lines } from './lines'
import { Overview } from './overview'
import { DialPlan } from './plan'
import { Programs } from './programs'

const TABS: readonly Tab[] = [
  { at: '/admin', words: 'admin.overview' },
  { at: '/admin/lines', words: 'admin.lines' },
  { at: '/admin/plan', words: 'admin.plan' },
  { at: '/admin/config', words: 'admin.config' },
  { at: '/admin/knowledge', words: 'knowledge' },
  { at: '/admin/access', words: 'admin.access' },
  { at: '/admin/audit', words: 'admin.audit' },
  { at: '/admin/programs', words: 'admin.programs' },
]

const PARTS: Record<string, ComponentType> = {
  lines: Lines,
  plan: DialPlan,
  config: Configuration,
  knowledge: Knowledge,
  access: Access,
  audit: Audit,
  programs: Programs,
}

export function Admin() {
  const Part = PARTS[path.value.split('/')[2] ?? ''] ?? Overview
  return (
    <>
      <h1 class="unseen">{t('page.admin')}</h1>
      <Tabs tabs={TABS} name={t('page.admin')} />
      <Part />
    </>
  )
}
