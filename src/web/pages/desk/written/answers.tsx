// Prepared answers: a slash and the beginning of a name, or any word of it, then Enter. What the site knows besides is found
// by the same words.
import { signal } from '@preact/signals'
import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'
import { ask, me, nameOf } from '../../api'
import { Icon } from '../../parts/icon'
import type { ConversationLine } from '../../schema'
import { count, t } from '../../words'

/** A prepared answer, or an article of what the site knows. */
export type Answer = { name: string; title: string; text: string; article?: boolean }

/** Answers that are shown at a time. */
const MOST = 8
/** How long a word rests before the box is asked about it. */
const RESTS = 150

const replies = signal<readonly Answer[] | null>(null)

type ReplyPage = { items: Array<{ reply?: string; name?: string; title?: string; text: string }> }

async function lookAtReplies(): Promise<void> {
  if (replies.value) return
  const page = await ask<ReplyPage>('GET', '/replies').catch(() => null)
  if (page) replies.value = page.items.map((one) => ({ name: one.reply ?? one.name ?? '', title: one.title ?? one.reply ?? one.name ?? '', text: one.text }))
}

export type OwnAnswers = {
  shown: boolean
  items: readonly Answer[]
  at: number
  look: (text: string, caret: number) => void
  key: (event: KeyboardEvent) => boolean
  hide: () => void
  begin: () => void
  take: (answer: Answer) => void
}

/** `put` gets the text with the answer in it, and where one goes on writing. */
export function useAnswers(field: RefObject<HTMLTextAreaElement | null>, talk: ConversationLine, put: (text: string, at: number) => void): OwnAnswers {
  const wanted = useSignal<string | null>(null)
  const at = useSignal(0)
  const articles = useSignal<readonly Answer[]>([])
  const word = wanted.value
  useEffect(() => {
    if (word === null) return
    void lookAtReplies()
    if (word.length < 3) {
      articles.value = []
      return
    }
    let late = false
    const timer = window.setTimeout(() => {
      ask<{ items: Array<{ title: string; text: string }> }>('GET', `/knowledge?query=${encodeURIComponent(word)}`).then(
        ({ items }) => {
          if (!late) articles.value = items.slice(0, 3).map(({ title, text }) => ({ name: '', title, text, article: true }))
        },
        () => undefined,
      )
    }, RESTS)
    return () => {
      late = true
      clearTimeout(timer)
    }
  }, [word])
  const fits = ({ name, title }: Answer): boolean => `${name} ${title}`.toLowerCase().includes((word ?? '').toLowerCase())
  const items = word === null ? [] : [...(replies.value ?? []).filter(fits).slice(0, MOST), ...articles.value]
  const take = (answer: Answer): void => {
    const own = field.current
    if (!own) return
    const caret = own.selectionStart
    const begin = own.value.slice(0, caret).replace(/\/\S*$/, '')
    const text = filled(answer.text, talk)
    wanted.value = null
    put(begin + text + own.value.slice(caret), begin.length + text.length)
  }
  return {
    shown: word !== null,
    items,
    at: Math.min(at.value, Math.max(0, items.length - 1)),
    take,
    hide: () => (wanted.value = null),
    look: (text, caret) => {
      const found = /(?:^|\s)\/(\S{0,40})$/.exec(text.slice(0, caret))
      if (found?.[1] !== wanted.value) at.value = 0
      wanted.value = found?.[1] ?? null
    },
    begin: () => {
      const own = field.current
      if (!own) return
      own.focus()
      const gap = own.value && !/\s$/.test(own.value) ? ' ' : ''
      own.setRangeText(`${gap}/`, own.selectionStart, own.selectionEnd, 'end')
      own.dispatchEvent(new InputEvent('input', { bubbles: true }))
    },
    key: (event) => {
      if (word === null) return false
      const [last, here] = [items.length - 1, Math.min(at.value, items.length - 1)]
      if (event.key === 'Escape') wanted.value = null
      else if (event.key === 'ArrowDown') at.value = Math.min(last, here + 1)
      else if (event.key === 'ArrowUp') at.value = Math.max(0, here - 1)
      else if ((event.key === 'Enter' || event.key === 'Tab') && !event.ctrlKey && items[here]) take(items[here])
      else return false
      event.preventDefault()
      return true
    },
  }
}

/** Whom it is for and who writes stands in it where the site has left places for that. */
function filled(text: string, { person }: ConversationLine): string {
  const values: Record<string, string> = { name: person.name ?? '', agent: me.value ? (me.value.agent ?? nameOf(me.value)) : '' }
  return text.replace(/\{(name|agent)\}/g, (_, name: string) => values[name] ?? '')
}

export function Answers({ own, id }: { own: OwnAnswers; id: string }) {
  const { items, at, take } = own
  return (
    <div class="answers">
      <p class="unseen" role="status">
        {count('answers.found', items.length)}
      </p>
      <ul id={`${id}answers`} role="listbox" aria-label={t('composer.canned')}>
        {items.map((answer, index) => (
          <li
            key={`${answer.name} ${answer.title}`}
            id={`${id}answer-${index}`}
            role="option"
            aria-selected={index === at}
            // Before the field loses the focus, and the list with it.
            onMouseDown={(event) => {
              event.preventDefault()
              take(answer)
            }}
          >
            <Icon name={answer.article ? 'file' : 'answers'} />
            <strong>{answer.title}</strong>
            {answer.name && answer.name !== answer.title && <span class="soft">/{answer.name}</span>}
            <span class="soft grow">{answer.text}</span>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p class="empty">{t('answers.none')}</p>}
    </div>
  )
}
