// Parts of a page, each with an address of its own.
import { useLayoutEffect, useRef } from 'preact/hooks'
import { path } from '../route'
import { t, type Key } from '../words'

export type Tab = { at: string; words: Key }

export function Tabs({ tabs, name }: { tabs: readonly Tab[]; name: string }) {
  // The longest that fits: `/watch` fits everywhere.
  const here = tabs.filter(({ at }) => path.value === at || path.value.startsWith(`${at}/`)).at(-1)
  const own = useRef<HTMLElement>(null)
  // On a telephone not all of them fit: the one that is shown is seen.
  useLayoutEffect(() => own.current?.querySelector('[aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' }), [here])
  return (
    <nav ref={own} class="tabs" aria-label={name}>
      {tabs.map((tab) => (
        <a key={tab.at} href={tab.at} aria-current={tab === here ? 'page' : undefined}>
          {t(tab.words)}
        </a>
      ))}
    </nav>
  )
}
