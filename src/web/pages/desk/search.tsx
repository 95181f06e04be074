// Finding people, cases and moments by words, or by how a number ends; with the arrow keys.
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { ask } from '../api'
import { Icon, type IconName } from '../parts/icon'
import { Dialog, Empty, wordsOf } from '../parts/ui'
import type { HitLine, HitLinePage } from '../schema'
import { count, t, when } from '../words'
import { show } from './state'
import { titleOf } from './timeline'

export function Search({ close }: { close: () => void }) {
  const words = useSignal('')
  const hits = useSignal<readonly HitLine[] | null>(null)
  const at = useSignal(0)
  const problem = useSignal<string | null>(null)
  const field = useRef<HTMLInputElement>(null)
  // Before the next key: whoever pressed one to search types on.
  useLayoutEffect(() => field.current?.focus(), [])
  useEffect(() => {
    const wanted = words.value.trim()
    if (wanted.length < 2) {
      hits.value = null
      return
    }
    // Whoever types on is not asked about what they typed before.
    let late = false
    const timer = window.setTimeout(() => {
      ask<HitLinePage>('GET', `/search?limit=20&q=${encodeURIComponent(wanted)}`).then(
        ({ items }) => {
          if (late) return
          hits.value = items
          at.value = 0
          problem.value = null
        },
        (why: unknown) => {
          if (!late) problem.value = wordsOf(why)
        },
      )
    }, 120)
    return () => {
      late = true
      clearTimeout(timer)
    }
  }, [words.value])
  const take = (hit: HitLine | undefined): void => {
    if (!hit) return
    const number = hit.identities?.find((one) => one.startsWith('phone:'))?.slice(6) ?? null
    show({ contact: hit.person, name: hit.name ?? null, number })
    close()
  }
  const move = (by: number): void => {
    const last = (hits.value?.length ?? 0) - 1
    at.value = Math.min(Math.max(0, at.value + by), Math.max(0, last))
  }
  return (
    <Dialog title={t('search')} close={close} wide>
      <input
        ref={field}
        type="text"
        list={undefined}
        enterkeyhint="search"
        role="combobox"
        aria-label={t('search.words')}
        aria-expanded={!!hits.value?.length}
        aria-controls="hits"
        aria-activedescendant={hits.value?.length ? `hit-${at.value}` : undefined}
        placeholder={t('search.words')}
        value={words.value}
        maxLength={200}
        onInput={(event) => (words.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') move(1)
          else if (event.key === 'ArrowUp') move(-1)
          else if (event.key === 'Enter') take(hits.value?.[at.value])
          else return
          event.preventDefault()
        }}
      />
      <p class="unseen" role="status">
        {hits.value ? count('search.found', hits.value.length) : ''}
      </p>
      {problem.value && <p class="wrong">{problem}</p>}
      {hits.value?.length === 0 && <Empty>{t('search.nothing')}</Empty>}
      <ul class="hits" id="hits" role="listbox" aria-label={t('search.results')}>
        {hits.value?.map((hit, index) => (
          <li
            key={index}
            id={`hit-${index}`}
            role="option"
            aria-selected={index === at.value}
            onClick={() => take(hit)}
            onMouseMove={() => (at.value = index)}
          >
            <Icon name={iconOf(hit)} />
            <span class="grow">
              <strong>{hit.name ?? hit.identities?.[0]?.split(':')[1] ?? t('person.nameless')}</strong>
              <span class="soft small"> {aboutOf(hit)}</span>
            </span>
            {hit.moment && <time class="soft small">{when(hit.moment.at)}</time>}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function iconOf(hit: HitLine): IconName {
  if (hit.moment) return titleOf(hit.moment)[1]
  return hit.found === 'case' ? 'file' : 'person'
}

function aboutOf(hit: HitLine): string {
  if (hit.moment) return hit.moment.text ?? titleOf(hit.moment)[0]
  if (hit.found === 'case') return hit.title ?? t('case.untitled')
  return (hit.identities ?? []).map((one) => one.split(/:(.*)/)[1]).join(' · ')
}
