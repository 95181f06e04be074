// Who did what, the newest first; and who was erased, with nothing of whom.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask } from '../api'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { Button, Empty, Field, Lamp, Section, wordsOf } from '../parts/ui'
import type { ActLine, ActLinePage, ErasureLine, ErasureLinePage, Verdict } from '../schema'
import { number, t, when } from '../words'

export function Audit() {
  return (
    <>
      <Chain />
      <Acts />
      <Erasures />
    </>
  )
}

/** The journal, read from end to end when somebody wants to know. */
function Chain() {
  const verdict = useSignal<Verdict | null>(null)
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const verify = async (form: HTMLFormElement): Promise<void> => {
    const noted = String(new FormData(form).get('noted')).trim()
    const wanted = noted ? `?noted=${encodeURIComponent(noted)}` : ''
    problem.value = null
    busy.value = true
    try {
      verdict.value = await ask<Verdict>('GET', `/journal/verification${wanted}`)
    } catch (why) {
      problem.value = wordsOf(why)
    }
    busy.value = false
  }
  return (
    <Section title={t('chain')} side={<span class="small soft">{t('chain.words')}</span>}>
      <form
        class="body stack"
        onSubmit={(event) => {
          event.preventDefault()
          void verify(event.currentTarget)
        }}
      >
        <div class="row chain">
          <Field label={t('chain.noted')} hint={t('chain.noted.hint')}>
            <input class="mono" name="noted" pattern="[0-9]{1,18}:[0-9a-f]{64}" maxLength={83} autocomplete="off" spellcheck={false} />
          </Field>
          <Button kind="main" type="submit" busy={busy.value}>
            {t('chain.verify')}
          </Button>
        </div>
        <div role="status">
          {busy.value && <p class="soft">{t('chain.reads')}</p>}
          {problem.value && <p class="wrong">{problem}</p>}
          {verdict.value && !busy.value && <Told verdict={verdict.value} />}
        </div>
      </form>
    </Section>
  )
}

function Told({ verdict }: { verdict: Verdict }) {
  const bad = !verdict.whole || verdict.stands === false
  const facts: Array<[string, string]> = [
    [t('chain.position'), `${verdict.record}:${verdict.head}`],
    [t('chain.read'), `${when(verdict.at, true)} · ${verdict.by}`],
    [t('chain.amount'), t('chain.counts', { records: number(verdict.records), segments: number(verdict.segments) })],
    [t('chain.seals'), t('chain.holds', { good: number(verdict.seals), bad: number(verdict.broken_seals) })],
    [t('chain.damage'), t('chain.damages', { breaks: number(verdict.breaks), bytes: number(verdict.bytes), gaps: number(verdict.gaps) })],
    [t('chain.key'), verdict.key],
  ]
  return (
    <div class="stack tight">
      <Lamp shade={bad ? 'bad' : 'good'}>
        <strong>{t(verdict.whole ? 'chain.whole' : 'chain.damaged')}</strong>
        {verdict.stands != null && ` ${t(verdict.stands ? 'chain.stands' : 'chain.gone')}`}
      </Lamp>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="number">{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

function whoOf({ who }: ActLine): string {
  if (who.by === 'user') return who.name
  return who.by === 'token' ? t('audit.token', { name: who.name }) : t(`audit.${who.by}`)
}

function Acts() {
  const rows = useSignal<readonly ActLine[] | undefined>(undefined)
  const next = useSignal<string | null>(null)
  const problem = useSignal<string | null>(null)
  const words = useSignal('')
  const more = async (): Promise<void> => {
    try {
      const after = next.value ? `&after=${encodeURIComponent(next.value)}` : ''
      const page = await ask<ActLinePage>('GET', `/acts?limit=200${after}`)
      rows.value = [...(rows.value ?? []), ...page.items]
      next.value = page.next ?? null
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  useEffect(() => void more(), [])
  const wanted = words.value.trim().toLowerCase()
  const fits = (act: ActLine): boolean => `${whoOf(act)} ${act.what} ${act.on ?? ''} ${act.from ?? ''}`.toLowerCase().includes(wanted)
  return (
    <Section title={t('audit')} side={<span class="small soft">{t('audit.words')}</span>}>
      <div class="body">
        <Field label={t('audit.filter')}>
          <input type="search" value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
        </Field>
      </div>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<ActLine>
        name={t('audit')}
        rows={rows.value?.filter(fits)}
        id={({ number: n }) => String(n)}
        empty={t('audit.none')}
        columns={[
          { name: t('column.record'), number: true, show: ({ number: n }) => number(n) },
          { name: t('column.at'), show: ({ at }) => when(at) },
          { name: t('column.who'), show: (act) => <strong>{whoOf(act)}</strong> },
          { name: t('column.source'), show: ({ from }) => <span class="mono">{from ?? '–'}</span> },
          { name: t('column.what'), show: ({ what }) => what.replace(/_/g, ' ') },
          { name: t('column.on'), show: ({ on }) => <span class="mono">{on ?? '–'}</span> },
          { name: t('column.done'), show: ({ done }) => <Lamp shade={done ? 'good' : 'warn'}>{t(done ? 'audit.done' : 'audit.refused')}</Lamp> },
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

function Erasures() {
  const { value, problem } = useLoaded<ErasureLinePage>('/erasures')
  return (
    <Section title={t('erasures')}>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<ErasureLine>
        name={t('erasures')}
        rows={value.value?.items}
        id={({ erasure }) => erasure}
        empty={t('erasures.none')}
        columns={[
          { name: t('column.at'), show: ({ at }) => when(at) },
          { name: t('column.who'), show: ({ by, rule }) => rule ?? by },
          { name: t('erasures.keys'), number: true, show: ({ keys }) => number(keys) },
          { name: t('erasures.moments'), number: true, show: ({ moments }) => number(moments) },
          { name: t('erasures.recordings'), number: true, show: ({ recordings }) => number(recordings) },
        ]}
      />
    </Section>
  )
}
