// Replies that are ready, and what else the branch knows: found by a few letters, put into what is written by one key.
import { useSignal } from '@preact/signals'
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks'
import { ask, me, nameOf } from '../../api'
import { Button, Tag, wordsOf } from '../../parts/ui'
import type { ArticleLine, ArticleLinePage, ConversationLine } from '../../schema'
import { t } from '../../words'

/** How many are shown: more than are read. */
const MOST = 12
/** Milliseconds after the last letter until it is looked for. */
const RESTS = 120

/** What an article says to this person, by this agent. Without a name nobody is greeted by a gap. */
export function filled({ text }: ArticleLine, talk: ConversationLine): string {
  const customer = talk.person.name
  const agent = me.value ? nameOf(me.value) : ''
  const named = customer ? text.replaceAll('{customer}', customer) : text.replace(/ ?\{customer\}/g, '')
  return named.replaceAll('{agent}', agent)
}

export function Picker({ talk, pick, close }: { talk: ConversationLine; pick: (one: ArticleLine) => void; close: () => void }) {
  const words = useSignal('')
  const found = useSignal<readonly ArticleLine[] | null>(null)
  const problem = useSignal<string | null>(null)
  const at = useSignal(0)
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  const asked = words.value.trim()
  useEffect(() => {
    let late = false
    const look = async (): Promise<void> => {
      const channel = `channel=${talk.way.counts_as}&limit=${MOST}`
      const path = asked ? `/knowledge?q=${encodeURIComponent(asked)}&${channel}` : `/replies?${channel}`
      const page = await ask<ArticleLinePage>('GET', path)
      if (late) return
      // What agents call a reply is what they mean by that word.
      const first = (one: ArticleLine): number => Number(one.short === asked.toLowerCase())
      found.value = [...page.items].sort((a, b) => first(b) - first(a))
      at.value = 0
    }
    const timer = window.setTimeout(() => void look().catch((why: unknown) => (problem.value = wordsOf(why))), asked ? RESTS : 0)
    return () => {
      late = true
      clearTimeout(timer)
    }
  }, [asked])
  useLayoutEffect(() => field.current?.focus(), [])
  const own = found.value?.[at.value]
  useLayoutEffect(() => document.getElementById(`${id}${at.value}`)?.scrollIntoView({ block: 'nearest' }), [at.value])
  const take = (one: ArticleLine | undefined): void => {
    if (one) pick(one)
  }
  const move = (by: number): void => {
    const count = found.value?.length ?? 0
    if (count) at.value = (at.value + by + count) % count
  }
  return (
    <div class="picker" role="group" aria-label={t('replies')}>
      <div class="row">
        <input
          ref={field}
          role="combobox"
          aria-expanded={!!found.value?.length}
          aria-controls={`${id}list`}
          aria-activedescendant={own ? `${id}${at.value}` : undefined}
          aria-label={t('replies.find')}
          placeholder={t('replies.find')}
          value={words.value}
          maxLength={200}
          autocomplete="off"
          class="grow"
          onInput={(event) => (words.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            const { key } = event
            if (!['Escape', 'Enter', 'ArrowDown', 'ArrowUp'].includes(key)) return
            event.preventDefault()
            event.stopPropagation()
            if (key === 'Escape') close()
            else if (key === 'Enter') take(own)
            else move(key === 'ArrowDown' ? 1 : -1)
          }}
        />
        <Button kind="quiet" icon="close" label={t('close')} onClick={close} />
      </div>
      <ul role="listbox" id={`${id}list`} aria-label={t('replies')}>
        {found.value?.map((one, place) => (
          <li
            key={one.article}
            id={`${id}${place}`}
            role="option"
            aria-selected={place === at.value}
            onMouseDown={(event) => {
              event.preventDefault()
              take(one)
            }}
          >
            <strong>{one.title}</strong>
            {one.short && <kbd>/{one.short}</kbd>}
            {one.template && <Tag>{t('template')}</Tag>}
            <span class="small soft">{filled(one, talk)}</span>
          </li>
        ))}
      </ul>
      {found.value?.length === 0 && <p class="small soft">{t(asked ? 'replies.none' : 'replies.empty')}</p>}
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </div>
  )
}
