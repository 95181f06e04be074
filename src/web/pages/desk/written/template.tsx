// A template that a service has approved: its places are filled in, and it goes as a whole. Services take it where they let
// nothing else through.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { announce } from '../../parts/live'
import { Button, Field } from '../../parts/ui'
import type { ArticleLine } from '../../schema'
import { t } from '../../words'
import { send } from './drafts'

/** What a service takes in one place: more than any of them. */
const LONGEST = 1024

/** The highest of its places `{{1}}`, `{{2}}`: as many values the service wants. */
export function placesOf(text: string): number {
  return Math.max(0, ...[...text.matchAll(/\{\{(\d{1,2})\}\}/g)].map(([, place]) => Number(place)))
}

/** Its words with what was filled in; a place that nobody filled in stays as it is. */
export function wordsWith(text: string, values: readonly string[]): string {
  return text.replace(/\{\{(\d{1,2})\}\}/g, (whole, place: string) => values[Number(place) - 1]?.trim() || whole)
}

export function TemplateForm({ article, conversation, close }: { article: ArticleLine; conversation: string; close: () => void }) {
  const { text, title, template } = article
  const values = useSignal<readonly string[]>(Array.from({ length: placesOf(text) }, () => ''))
  const first = useRef<HTMLInputElement>(null)
  const go = useRef<HTMLDivElement>(null)
  useEffect(() => (first.current ?? go.current?.querySelector('button'))?.focus(), [])
  const ready = values.value.every((value) => value.trim())
  const give = (): void => {
    if (!ready || !template) return
    const filled = values.value.map((value) => value.trim())
    send(conversation, { text: wordsWith(text, filled), template: { ...template, values: filled } })
    announce(t('line.going'))
    close()
  }
  return (
    <div
      class="picker template"
      role="group"
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' && event.key !== 'Enter') return
        if (event.key === 'Enter' && event.target instanceof HTMLButtonElement) return
        event.preventDefault()
        event.stopPropagation()
        if (event.key === 'Escape') close()
        else give()
      }}
    >
      <p class="text">{wordsWith(text, values.value)}</p>
      {values.value.map((value, at) => (
        <Field key={at} label={t('template.place', { n: String(at + 1) })}>
          <input
            ref={at === 0 ? first : undefined}
            value={value}
            maxLength={LONGEST}
            autocomplete="off"
            onInput={({ currentTarget: own }) => (values.value = values.value.map((other, place) => (place === at ? own.value : other)))}
          />
        </Field>
      ))}
      <div class="row apart" ref={go}>
        <Button kind="quiet" onClick={close}>
          {t('close')}
        </Button>
        <Button kind="main" icon="send" disabled={!ready} onClick={give}>
          {t('template.send')}
        </Button>
      </div>
    </div>
  )
}
