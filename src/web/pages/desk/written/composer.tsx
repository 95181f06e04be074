// Where an answer is written: what it costs as text messages, what makes it dear, prepared answers by a slash, files, and
// sending by one key. What was begun is there after a reload.
import { useSignal } from '@preact/signals'
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks'
import { ask } from '../../api'
import { Icon } from '../../parts/icon'
import { useKey } from '../../parts/keys'
import { announce } from '../../parts/live'
import { Button, wordsOf } from '../../parts/ui'
import type { ConversationLine } from '../../schema'
import { kept } from '../../settings'
import { count, number, t } from '../../words'
import { Answers, useAnswers } from './answers'
import { draft, drafts, send, type Attached } from './drafts'
import { give, MOST_FILE } from './files'
import { carries } from './lanes'
import { who } from './marks'
import { costOf, marked, nameOf, plainer } from './parts'
import { Templates } from './templates'

/** What the Enter key does; with Ctrl it sends in any case. */
export const enter = kept<'send' | 'line'>('branchline-enter', 'line')

/** How often whoever is written to is told so, and after how long of nothing that it is over. */
const SAYS_EVERY = 4000
const STOPS_AFTER = 6000
/** Files of one message: more than anybody looks through. */
const MOST_FILES = 10

export function Composer({ talk }: { talk: ConversationLine }) {
  const { conversation } = talk
  const text = drafts.value.get(conversation) ?? ''
  const field = useRef<HTMLTextAreaElement>(null)
  const files = useSignal<readonly Attached[]>([])
  const busy = useSignal(0)
  const problem = useSignal<string | null>(null)
  const templates = useSignal(false)
  const id = useId()
  const lane = carries(talk.way)
  const says = useTyping(conversation)
  const write = (words: string): void => draft(conversation, words)
  const answers = useAnswers(field, talk, (next, at) => {
    write(next)
    requestAnimationFrame(() => {
      field.current?.focus()
      field.current?.setSelectionRange(at, at)
    })
  })
  const closed = lane.closedSince !== null
  const ready = (!!text.trim() || files.value.length > 0) && busy.value === 0 && !closed
  const go = (): void => {
    if (!ready) return
    send(conversation, { text: text.trim(), files: files.value })
    write('')
    files.value = []
    says(false)
    announce(t('line.going'))
    field.current?.focus()
  }
  const attach = async (all: Iterable<File>): Promise<void> => {
    problem.value = null
    for (const file of [...all].slice(0, MOST_FILES - files.value.length)) {
      if (file.size > MOST_FILE) {
        problem.value = t('composer.large', { name: file.name, n: number(MOST_FILE >> 20) })
        continue
      }
      busy.value++
      try {
        files.value = [...files.value, await give(file)]
      } catch (why) {
        problem.value = `${file.name}: ${wordsOf(why)}`
      }
      busy.value--
    }
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
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        if (event.dataTransfer?.files.length) void attach(event.dataTransfer.files)
      }}
    >
      {closed && (
        <p class="small window">
          <Icon name="clock" /> {t('composer.window')}
        </p>
      )}
      {answers.shown && <Answers own={answers} id={id} />}
      <label class="unseen" for={`${id}text`}>
        {t('composer.to', { name: who(talk) })}
      </label>
      <div class="ink">
        <div class="under-ink" aria-hidden="true">
          {lane.texts && !closed ? marked(text).map((piece, at) => (piece.dear ? <mark key={at}>{piece.text}</mark> : piece.text)) : text}
          {'\n'}
        </div>
        <textarea
          ref={field}
          id={`${id}text`}
          value={text}
          rows={1}
          placeholder={t('composer.to', { name: who(talk) })}
          maxLength={4096}
          disabled={closed}
          aria-describedby={`${id}cost`}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={answers.shown ? `${id}answers` : undefined}
          aria-activedescendant={answers.shown && answers.items.length > 0 ? `${id}answer-${answers.at}` : undefined}
          onInput={({ currentTarget: own }) => {
            write(own.value)
            answers.look(own.value, own.selectionStart)
            says(!!own.value)
          }}
          onBlur={() => {
            says(false)
            answers.hide()
          }}
          onPaste={(event) => {
            const own = event.clipboardData?.files
            if (!own?.length) return
            event.preventDefault()
            void attach(own)
          }}
          onKeyDown={(event) => {
            if (event.isComposing || answers.key(event)) return
            if (event.key === 'Escape') return field.current?.blur()
            if (event.key !== 'Enter' || event.shiftKey) return
            if (!(event.ctrlKey || event.metaKey || enter.value === 'send')) return
            event.preventDefault()
            go()
          }}
        />
      </div>
      {files.value.length > 0 && (
        <ul class="row attached">
          {files.value.map((file) => (
            <li key={file.content} class="row tagged">
              <Icon name="file" />
              <span class="small">{file.name}</span>
              <Button kind="quiet" icon="close" label={t('composer.without', { name: file.name })} onClick={() => (files.value = files.value.filter((one) => one !== file))} />
            </li>
          ))}
        </ul>
      )}
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
      <div class="tools">
        {lane.files && <Attach give={attach} busy={busy.value > 0} />}
        <Button kind="quiet" icon="answers" label={t('composer.canned')} hint="/" onClick={answers.begin} />
        {lane.templates && <Button kind="quiet" icon="template" label={t('composer.template')} onClick={() => (templates.value = true)} />}
        <div class="cost" id={`${id}cost`}>
          {lane.texts && <Cost text={text} plain={write} />}
          {!lane.texts && lane.longest > 0 && text.length > lane.longest * 0.8 && <span class="number">{t('composer.left', { n: number(lane.longest - text.length) })}</span>}
        </div>
        <label class="check small">
          <input type="checkbox" checked={enter.value === 'send'} onChange={(event) => (enter.value = event.currentTarget.checked ? 'send' : 'line')} />
          {t('composer.enter')}
        </label>
        <Button kind="main" icon="send" type="submit" disabled={!ready} hint={enter.value === 'send' ? 'Enter' : 'Ctrl+Enter'}>
          {t('composer.send')}
        </Button>
      </div>
      {templates.value && <Templates talk={talk} close={() => (templates.value = false)} />}
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

function Attach({ give: attach, busy }: { give: (files: Iterable<File>) => Promise<void>; busy: boolean }) {
  const own = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={own}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget: field }) => {
          if (field.files) void attach(field.files).then(() => (field.value = ''))
        }}
      />
      <Button kind="quiet" icon="attach" label={t('composer.attach')} busy={busy} onClick={() => own.current?.click()} />
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
