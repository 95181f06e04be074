// Where an answer is written: what it costs as text messages, what makes it dear, and sending by one key. What was begun is
// there after a reload.
import { useSignal } from '@preact/signals'
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks'
import { ask } from '../../api'
import { useKey } from '../../parts/keys'
import { announce } from '../../parts/live'
import { Button } from '../../parts/ui'
import type { ArticleLine, ConversationLine } from '../../schema'
import { kept } from '../../settings'
import { count, number, t } from '../../words'
import { Attach, Attached, useAttaching } from './attach'
import { attach, draft, drafts, files, send } from './drafts'
import { isCounted } from './lanes'
import { who } from './marks'
import { costOf, marked, nameOf, plainer } from './parts'
import { filled, Picker } from './picker'
import { TemplateForm } from './template'

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
  const attaching = useAttaching(conversation)
  const along = files.value.get(conversation) ?? []
  const ready = (!!text.trim() || along.length > 0) && attaching.busy.value === 0
  const go = (): void => {
    if (!ready) return
    send(conversation, { text: text.trim(), ...(along.length ? { files: along } : {}) })
    attach(conversation, [])
    write('')
    says(false)
    announce(t('line.going'))
    field.current?.focus()
  }
  const picks = useSignal(false)
  const closePicker = (): void => {
    picks.value = false
    field.current?.focus()
  }
  /** In the place of what is marked, or where the mark stands. */
  const insert = (words: string): void => {
    const [from, to] = [field.current?.selectionStart ?? text.length, field.current?.selectionEnd ?? text.length]
    write(text.slice(0, from) + words + text.slice(to))
    closePicker()
    announce(t('replies.put'))
  }
  /** A reply goes into the text; a template of the service is filled in by itself. */
  const form = useSignal<ArticleLine | null>(null)
  const pick = (one: ArticleLine): void => {
    if (!one.template) return insert(filled(one, talk))
    picks.value = false
    form.value = one
  }
  const closeForm = (): void => {
    form.value = null
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
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        void attaching.add([...(event.dataTransfer?.files ?? [])])
      }}
      onSubmit={(event) => {
        event.preventDefault()
        go()
      }}
    >
      <label class="unseen" for={`${id}text`}>
        {t('composer.to', { name: who(talk) })}
      </label>
      {picks.value && <Picker talk={talk} pick={pick} close={closePicker} />}
      {form.value && <TemplateForm key={form.value.article} article={form.value} conversation={conversation} close={closeForm} />}
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
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])]
            if (pasted.length === 0) return
            event.preventDefault()
            void attaching.add(pasted)
          }}
          onBlur={() => says(false)}
          onKeyDown={(event) => {
            if (event.isComposing) return
            if (event.key === 'Escape') return field.current?.blur()
            if (event.key === '/' && !text && !event.ctrlKey && !event.metaKey) {
              event.preventDefault()
              picks.value = true
              return
            }
            if (event.key !== 'Enter' || event.shiftKey) return
            if (!(event.ctrlKey || event.metaKey || enter.value === 'send')) return
            event.preventDefault()
            go()
          }}
        />
      </div>
      <Attached conversation={conversation} state={attaching} />
      <div class="tools">
        <div class="cost" id={`${id}cost`}>
          {counted && <Cost text={text} plain={write} />}
        </div>
        <Attach state={attaching} />
        <Button kind="quiet" icon="note" label={t('replies.open')} pressed={picks.value} onClick={() => (picks.value ? closePicker() : (picks.value = true))} />
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
