// A text with line numbers, and a mark at each line that something is wrong with.
import { signal, type Signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { ConfigProblem } from '../schema'
import { t } from '../words'

/** Leads to where a problem stands, while there is an editor. */
export const places = signal<((problem: ConfigProblem) => void) | null>(null)

type Props = { text: Signal<string>; problems: readonly ConfigProblem[]; readOnly: boolean }

export function Editor({ text, problems, readOnly }: Props) {
  const area = useRef<HTMLTextAreaElement>(null)
  const side = useRef<HTMLPreElement>(null)
  useEffect(() => {
    places.value = (problem) => {
      const own = area.current
      if (!own) return
      const lines = own.value.split('\n')
      const before = lines.slice(0, problem.line - 1).reduce((sum, line) => sum + line.length + 1, 0)
      const start = before + problem.column - 1
      own.focus()
      own.setSelectionRange(start, Math.min(start + problem.width, own.value.length))
      const height = own.scrollHeight / Math.max(1, lines.length)
      own.scrollTop = Math.max(0, (problem.line - 5) * height)
    }
    return () => void (places.value = null)
  }, [])
  const marks = new Map<number, boolean>()
  for (const { file, line, warning } of problems) if (!file) marks.set(line, (marks.get(line) ?? true) && warning)
  const count = text.value.split('\n').length
  return (
    <div class="editor">
      <pre ref={side} aria-hidden="true">
        {Array.from({ length: count }, (_, at) => {
          const mark = marks.get(at + 1)
          return <span class={mark === undefined ? undefined : mark ? 'warn' : 'bad'}>{`${mark === undefined ? '' : '▸'}${at + 1}\n`}</span>
        })}
      </pre>
      <textarea
        ref={area}
        aria-label={t('config.text')}
        aria-invalid={[...marks.values()].includes(false) || undefined}
        spellcheck={false}
        autocapitalize="none"
        autocomplete="off"
        wrap="off"
        readOnly={readOnly}
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onScroll={(event) => {
          if (side.current) side.current.scrollTop = event.currentTarget.scrollTop
        }}
      />
    </div>
  )
}
