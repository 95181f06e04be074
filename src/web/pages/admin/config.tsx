// The configuration: edited with its comments, checked while one types, compared with what runs, applied on trial.
import { computed, signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, me, Problem } from '../api'
import { now } from '../parts/tick'
import { Button, Dialog, Field, Lamp, Notice, Section, Tag, wordsOf } from '../parts/ui'
import type { ConfigApplied, ConfigChecked, ConfigShown, OnTrial } from '../schema'
import { clock, count, t, when } from '../words'
import { Diff } from './diff'
import { Editor, places } from './editor'
import { History } from './history'

/** How long nobody types before what stands there is checked. */
const PAUSE = 600

// What is being written outlives a look at another page.
const shown = signal<ConfigShown | null>(null)
const text = signal('')
const checked = signal<ConfigChecked | null>(null)
const trouble = signal<string | null>(null)
/** Whether somebody else has changed the file since it was read here. */
const stale = signal(false)
const applying = signal<{ text: string; why: string } | null>(null)
const edited = computed(() => shown.value !== null && text.value !== shown.value.text)

/** Reads the file anew; what is being written stays, unless it is nothing or is to be given up. */
async function read(over = false): Promise<void> {
  try {
    const keep = edited.value && !over
    const got = await ask<ConfigShown>('GET', '/config')
    if (keep && shown.value && got.digest !== shown.value.digest) {
      stale.value = true
      shown.value = { ...got, text: shown.value.text, digest: shown.value.digest }
      return
    }
    shown.value = got
    stale.value = false
    if (!keep) text.value = got.text
    trouble.value = null
  } catch (why) {
    trouble.value = wordsOf(why)
  }
}

async function check(): Promise<void> {
  const own = text.value
  try {
    const got = await ask<ConfigChecked>('POST', '/config/check', { text: own })
    if (text.value === own) checked.value = got
  } catch (why) {
    trouble.value = wordsOf(why)
  }
}

export function Configuration() {
  const may = me.value?.role === 'admin'
  const again = useSignal(0)
  useEffect(() => void read(), [])
  useEffect(() => {
    if (!may || !shown.value) return
    const timer = window.setTimeout(() => void check(), PAUSE)
    return () => clearTimeout(timer)
  }, [text.value, shown.value, may])
  const changed = async (): Promise<void> => {
    await read(true)
    again.value += 1
  }
  const trial = shown.value?.trial
  return (
    <>
      {trouble.value && <Notice shade="bad">{trouble.value}</Notice>}
      {trial && <Trial trial={trial} may={may} done={changed} />}
      {stale.value && (
        <Notice shade="warn" actions={<Button onClick={() => void read(true)}>{t('config.reread')}</Button>}>
          {t('config.stale')}
        </Notice>
      )}
      {shown.value?.unapplied && !edited.value && <Notice shade="warn">{t('config.unapplied')}</Notice>}
      <Section title={t('config')} side={<State />}>
        <div class="body stack">
          <Editor text={text} problems={checked.value?.problems ?? []} readOnly={!may} />
          <Problems />
          {may && <Buttons trial={Boolean(trial)} />}
        </div>
      </Section>
      {checked.value && may && (
        <Section title={t('config.diff')} side={<Waits />}>
          <Diff text={checked.value.diff} name={t('config.diff')} none={t('config.same')} />
        </Section>
      )}
      <History key={again.value} may={may && !trial} go={(old, version) => (applying.value = { text: old, why: t('config.back', { version }) })} />
      {applying.value && <Apply close={() => (applying.value = null)} done={changed} />}
    </>
  )
}

function State() {
  const version = shown.value?.version
  return (
    <>
      {version != null && <Tag>{t('config.version', { version })}</Tag>}
      {edited.value && <Tag shade="note">{t('config.edited')}</Tag>}
    </>
  )
}

function Buttons({ trial }: { trial: boolean }) {
  return (
    <div class="row">
      <Button
        kind="main"
        disabled={trial || !checked.value?.good || checked.value.diff === ''}
        onClick={() => (applying.value = { text: text.value, why: '' })}
      >
        {t('config.apply')}
      </Button>
      <Button disabled={!edited.value} onClick={() => void read(true)}>
        {t('config.giveup')}
      </Button>
      {trial && <span class="small soft">{t('config.first')}</span>}
    </div>
  )
}

/** What goes back by itself, when, and the two ways out. */
function Trial({ trial, may, done }: { trial: OnTrial; may: boolean; done: () => Promise<void> }) {
  const problem = useSignal<string | null>(null)
  const left = Math.max(0, (new Date(trial.until).getTime() - now.value) / 1000)
  useEffect(() => {
    // It goes back by itself, at the end or before: the page says so when it is so.
    const timer = window.setInterval(() => void read().then(() => (shown.value?.trial ? undefined : done())), 3000)
    return () => clearInterval(timer)
  }, [trial.version])
  const order = async (path: string): Promise<void> => {
    problem.value = null
    try {
      await ask('POST', path)
    } catch (why) {
      problem.value = wordsOf(why)
    }
    await done()
  }
  return (
    <Notice
      shade="warn"
      actions={
        may && (
          <>
            <Button kind="main" onClick={() => void order('/config/confirm')}>
              {t('config.confirm')}
            </Button>
            <Button onClick={() => void order('/config/rollback')}>{t('config.rollback')}</Button>
          </>
        )
      }
    >
      <strong>{t('config.trial', { version: trial.version, until: when(trial.until) })}</strong>{' '}
      <span class="number" aria-hidden="true">
        {clock(left)}
      </span>
      <p class="small">
        {trial.watched.length > 0 ? t('config.watched', { trunks: trial.watched.join(', ') }) : t('config.unwatched')}
      </p>
      {problem.value && <p class="wrong">{problem}</p>}
    </Notice>
  )
}

function Waits() {
  const waits = checked.value?.changes.filter(({ live }) => !live) ?? []
  if (waits.length === 0) return null
  return <Lamp shade="warn">{t('config.waits', { keys: waits.map(({ key }) => key).join(', ') })}</Lamp>
}

/** Each with the way to its line. */
function Problems() {
  const all = checked.value?.problems ?? []
  const errors = all.filter(({ warning }) => !warning).length
  return (
    <div class="stack tight">
      <p role="status">
        {checked.value && (
          <Lamp shade={errors > 0 ? 'bad' : 'good'}>{errors > 0 ? count('config.errors', errors) : t('config.good')}</Lamp>
        )}
      </p>
      {all.length > 0 && (
        <ul class="problems">
          {all.map((problem, at) => (
            <li key={at} class={problem.warning ? 'warn' : 'bad'}>
              <Button kind="quiet" onClick={() => places.value?.(problem)} disabled={Boolean(problem.file)}>
                {problem.file ?? t('config.place', { line: problem.line, column: problem.column })}
              </Button>
              <div>
                <strong>{t(problem.warning ? 'config.warning' : 'config.error')}</strong> {problem.what}
                {problem.allowed && <p class="small soft">{t('config.allowed', { allowed: problem.allowed })}</p>}
                {problem.nearest && <p class="small soft">{t('config.nearest', { nearest: problem.nearest })}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** The last question before a change runs. */
function Apply({ close, done }: { close: () => void; done: () => Promise<void> }) {
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const [least = 10, most = 3600] = shown.value?.confirm_within_s ?? []
  const what = applying.value
  const run = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const body = {
      text: what?.text ?? '',
      why: String(given.get('why')).trim(),
      confirm_within_s: Math.round(Number(given.get('minutes')) * 60),
    }
    problem.value = null
    busy.value = true
    try {
      await ask<ConfigApplied>('PUT', '/config', body, shown.value?.digest)
      text.value = body.text
      await done()
      close()
    } catch (why) {
      problem.value = why instanceof Problem && why.status === 412 ? t('config.stale') : wordsOf(why)
    }
    busy.value = false
  }
  return (
    <Dialog title={t('config.apply')} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void run(event.currentTarget)
        }}
      >
        <p>{t('config.applying')}</p>
        {checked.value && what?.text === text.value && <Waits />}
        <Field label={t('config.why')} hint={t('config.why.hint')}>
          <input name="why" required maxLength={300} autocomplete="off" defaultValue={what?.why} />
        </Field>
        <Field label={t('config.minutes')} hint={t('config.minutes.hint')}>
          <input name="minutes" type="number" required min={Math.ceil(least / 6) / 10} max={Math.floor(most / 60)} step="any" defaultValue="5" />
        </Field>
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row end">
          <Button onClick={close}>{t('cancel')}</Button>
          <Button kind="main" type="submit" busy={busy.value}>
            {t('config.run')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
