// Calls that are over, the newest first, with what became of each and how it sounded.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask } from '../api'
import { Table } from '../parts/table'
import { Button, Section, Tag, wordsOf } from '../parts/ui'
import type { CallLine, CallLinePage } from '../schema'
import { clock, named, number, t, when } from '../words'

export function Calls() {
  const rows = useSignal<readonly CallLine[] | undefined>(undefined)
  const next = useSignal<string | null>(null)
  const problem = useSignal<string | null>(null)
  const more = async (): Promise<void> => {
    try {
      const after = next.value ? `&after=${encodeURIComponent(next.value)}` : ''
      const page = await ask<CallLinePage>('GET', `/calls?limit=50${after}`)
      rows.value = [...(rows.value ?? []), ...page.items]
      next.value = page.next ?? null
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  useEffect(() => void more(), [])
  return (
    <Section title={t('watch.calls')}>
      {problem.value && <p class="wrong body" role="alert">{problem}</p>}
      <Table<CallLine>
        name={t('watch.calls')}
        rows={rows.value}
        id={({ call }) => call}
        empty={t('calls.none')}
        columns={[
          { name: t('column.at'), show: ({ call, arrived }) => <a href={`/watch/calls/${call}`}>{when(arrived)}</a> },
          { name: t('column.from'), show: ({ from }) => <span class="number">{from}</span> },
          { name: t('column.to'), show: ({ to }) => <span class="number">{to}</span> },
          { name: t('column.queue'), show: ({ queue }) => queue ?? '' },
          { name: t('column.agent'), show: ({ agent, reached }) => agent ?? reached ?? '' },
          { name: t('column.waited'), number: true, show: ({ wait_s: wait }) => clock(wait) },
          { name: t('column.talked'), number: true, show: ({ talk_s: talk }) => (talk > 0 ? clock(talk) : '–') },
          { name: t('column.cause'), show: ({ cause, class: whose }) => <Tag shade={shadeOf(whose)}>{named('cause', cause)}</Tag> },
          { name: t('column.mos'), number: true, show: ({ mos }) => (mos == null ? '–' : number(mos, 1)) },
        ]}
      />
      {next.value && (
        <div class="body">
          <Button onClick={() => void more()}>{t('more')}</Button>
        </div>
      )}
    </Section>
  )
}

/** By whose doing a call ended as it did. */
export function shadeOf(whose: string): 'good' | 'warn' | 'bad' | 'none' {
  if (whose === 'success') return 'good'
  return whose === 'caller' ? 'none' : whose === 'us' ? 'bad' : 'warn'
}
