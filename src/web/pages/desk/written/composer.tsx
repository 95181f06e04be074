// Where an answer is written: what it costs as text messages, what makes it dear, and sending by one key. What was begun is
// there after a reload.
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks'
import { ask } from '../../api'
import { useKey } from '../../parts/keys'
import { announce } from '../../parts/live'
import { Button } from '../../parts/ui'
import type { ConversationLine } from '../../schema'
import { kept } from '../../settings'
import { count, number, t } from '../../words'
import { draft, drafts, send } from './drafts'
import { isCounted } from './lanes'
import { who } from './marks'
import { costOf, marked, nameOf, plainer } from './parts'

/** What the Enter key does; with Ctrl it sends in any case. */
export const enter = kept<'send' | 'line'>('branchline-enter', 'line')

/** How often whoever is written to is told so, and after how long of nothing that it is over. */
const SAYS_EVERY = 4000
const STOPS_AFTER = 6000

export function Composer({ talk }: { talk: ConversationLine }) {
  const { conversation } = talk
  const text = drafts.value.get(conversation) ?? ''
  const field = useRef<HTMLTextAreaElement>(null)
  const id = useId()
  const counted = isCounted(talk.way)
  const says = useTyping(conversation)
  const write = (words: string): void => draft(conversation, words)
  const ready = !!text.trim()
  const go = (): void => {
    if (!ready) return
    send(conversation, { text: text.trim() })
    write('')
    says(false)
    announce(t('line.going'))
    field.current?.focus()
  }
  useKey('i', 'keys.talk.write', () => field.current?.focus())
  useLayoutEffect(() => {
    // Whoever takes a conversation writes: unless a call is being worked, the field is where the keys go.
    if (document.activeElement === document.body) field.current?.focus({ preventScroll: true })
  }, [conversation])
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        go()
      }}
    >
      <label class="unseen" for={`${id}text`}>
        {t('composer.to', { name: who(talk) })}
      </label>
      <div class="ink">
        <div class="under-ink" aria-hidden="true">
          {counted ? marked(text).map((piece, at) => (piece.dear ? <mark key={at}>{piece.text}</mark> : piece.text)) : text}
          {'\n'}
        </div>
        <textarea
          ref={field}
          id={`${id}text`}
          value={text}
          rows={1}
          placeholder={t('composer.to', { name: who(talk) })}
          maxLength={4096}
          aria-describedby={`${id}cost`}
          onInput={({ currentTarget: own }) => {
            write(own.value)
            says(!!own.value)
          }}
          onBlur={() => says(false)}
          onKeyDown={(event) => {
            if (event.isComposing) return
            if (event.key === 'Escape') return field.current?.blur()
            if (event.key !== 'Enter' || event.shiftKey) return
            if (!(event.ctrlKey || event.metaKey || enter.value === 'send')) return
            event.preventDefault()
            go()
          }}
        />
      </div>
      <div class="tools">
        <div class="cost" id={`${id}cost`}>
          {counted && <Cost text={text} plain={write} />}
        </div>
        <label class="check small">
          <input type="checkbox" checked={enter.value === 'send'} onChange={(event) => (enter.value = event.currentTarget.checked ? 'send' : 'line')} />
          {t('composer.enter')}
        </label>
        <Button kind="main" icon="send" type="submit" disabled={!ready} hint={enter.value === 'send' ? 'Enter' : 'Ctrl+Enter'}>
          {t('composer.send')}
        </Button>
      </div>
    </form>
  )
}

/** Parts, what is left in the last one, and what makes the text dear. */
function Cost({ text, plain }: { text: string; plain: (text: string) => void }) {
  const { parts, left, wide, forced } = costOf(text)
  const other = wide ? plainer(text) : null
  const char = forced === null ? '' : nameOf(forced)
  // Said when it begins to cost more, not with every key.
  useEffect(() => {
    if (char) announce(t('composer.ucs2', { char }))
  }, [char])
  if (!text) return null
  return (
    <>
      <span class="number">{t('composer.cost', { parts: count('composer.parts', parts), left: number(left) })}</span>
      {wide && (
        <span class="dear">
          {t('composer.ucs2', { char })}
          {other !== null && (
            <Button kind="quiet" onClick={() => plain(other)}>
              {t('composer.plainer')}
            </Button>
          )}
        </span>
      )}
    </>
  )
}

/** Tells that this agent writes, now and then while it is so, and when it is over. */
function useTyping(conversation: string): (on: boolean) => void {
  const last = useRef(0)
  const timer = useRef<number | undefined>(undefined)
  const say = (on: boolean): void => {
    last.current = on ? Date.now() : 0
    void ask('POST', `/conversations/${conversation}/typing`, { on }).catch(() => undefined)
  }
  const says = (on: boolean): void => {
    clearTimeout(timer.current)
    if (!on) {
      if (last.current) say(false)
      return
    }
    if (Date.now() - last.current > SAYS_EVERY) say(true)
    timer.current = window.setTimeout(() => last.current && say(false), STOPS_AFTER)
  }
  useEffect(() => () => says(false), [conversation])
  return says
}
