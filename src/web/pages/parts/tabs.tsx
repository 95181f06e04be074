// Parts of a page, each with an address of its own.
import { path } from '../route'
import { t, type Key } from '../words'

export type Tab = { at: string; words: Key }

export function Tabs({ tabs, name }: { tabs: readonly Tab[]; name: string }) {
  // The longest that fits: `/watch` fits everywhere.
  const here = tabs.filter(({ at }) => path.value === at || path.value.startsWith(`${at}/`)).at(-1)
  return (
    <nav class="tabs" aria-label={name}>
      {tabs.map((tab) => (
        <a key={tab.at} href={tab.at} aria-current={tab === here ? 'page' : undefined}>
          {t(tab.words)}
        </a>
      ))}
    </nav>
  )
}
