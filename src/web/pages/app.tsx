// The frame around every page: who is here, where they can go, and what is wrong with the line to the box.
import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { expired, me, nameOf } from './api'
import { heard, listen } from './feed'
import { Help } from './help'
import { Button, Notice } from './parts/ui'
import { useKey } from './parts/keys'
import { Live } from './parts/live'
import { Own } from './own'
import { go, path } from './route'
import type { Me } from './schema'
import { SignIn } from './sign_in'
import { t, type Key } from './words'

type Page = { at: '/desk' | '/watch' | '/admin'; words: Key; load: () => Promise<ComponentType> }

const PAGES: readonly Page[] = [
  { at: '/desk', words: 'page.desk', load: async () => (await import('./desk/page')).Desk },
  { at: '/watch', words: 'page.watch', load: async () => (await import('./watch/page')).Watch },
  { at: '/admin', words: 'page.admin', load: async () => (await import('./admin/page')).Admin },
]

/** Which pages are somebody's: the first of them is where they begin. */
export function pagesOf(who: Me): readonly Page[] {
  const own = (page: Page): boolean => {
    if (page.at === '/desk') return !!who.agent
    if (page.at === '/watch') return who.role !== 'agent'
    return who.role === 'admin' || who.role === 'auditor'
  }
  return PAGES.filter(own)
}

const helping = signal(false)
const choosing = signal(false)

export function App() {
  const who = me.value
  if (!who) return <SignIn />
  return (
    <>
      <Frame who={who} />
      {expired.value && <SignIn over={nameOf(who)} />}
      {helping.value && <Help close={() => (helping.value = false)} />}
      {choosing.value && <Own who={who} close={() => (choosing.value = false)} />}
      <Live />
    </>
  )
}

function Frame({ who }: { who: Me }) {
  const pages = pagesOf(who)
  const here = pages.find((page) => path.value === page.at || path.value.startsWith(`${page.at}/`))
  useEffect(() => {
    if (!here && pages[0]) go(pages[0].at + location.search, true)
  }, [here, who])
  // Whatever page is shown: that the box or the session is gone is told on every one.
  useEffect(() => listen(() => undefined), [])
  useKey('?', 'keys.help', () => (helping.value = true))
  return (
    <div class={`frame at${here?.at.replace('/', '-') ?? ''}`}>
      <a class="skip" href="#main">
        {t('skip')}
      </a>
      <header class="bar">
        <span class="brand">
          <img src="/favicon.svg" alt="" width="24" height="24" />
          <span>Branchline</span>
        </span>
        {pages.length > 1 && (
          <nav aria-label={t('pages')}>
            {pages.map((page) => (
              <a key={page.at} href={page.at} aria-current={page === here ? 'page' : undefined}>
                {t(page.words)}
              </a>
            ))}
          </nav>
        )}
        <div id="bar-middle" class="grow" />
        <Button kind="quiet" label={t('keys.help')} hint="?" icon="help" onClick={() => (helping.value = true)} />
        <Button kind="quiet" icon="person" onClick={() => (choosing.value = true)} aria-haspopup="dialog">
          {nameOf(who)}
        </Button>
      </header>
      {!heard.value && !expired.value && <Notice shade="warn">{t('line.lost')}</Notice>}
      <main id="main" tabIndex={-1}>
        {here ? <Loaded key={here.at} page={here} /> : pages.length === 0 && <Notice shade="warn">{t('page.none')}</Notice>}
      </main>
    </div>
  )
}

function Loaded({ page }: { page: Page }) {
  const [Shown, show] = useState<{ it: ComponentType } | null>(null)
  const [lost, lose] = useState(false)
  useEffect(() => {
    document.title = `${t(page.words)} – Branchline`
    // A box of another version has other files: the page begins anew with them.
    page.load().then(
      (it) => show({ it }),
      () => lose(true),
    )
  }, [page])
  if (lost)
    return (
      <Notice shade="bad" actions={<Button onClick={() => location.reload()}>{t('again')}</Button>}>
        {t('page.lost')}
      </Notice>
    )
  return Shown ? <Shown.it /> : null
}
