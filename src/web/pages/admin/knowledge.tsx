// What the branch says again and again: articles and replies, for agents, flows in writing and callers.
import { useSignal } from '@preact/signals'
import { ask, me } from '../api'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { Button, Dialog, Empty, Field, Section, Tag, wordsOf } from '../parts/ui'
import type { ArticleLine, ArticleLinePage } from '../schema'
import { named, t, when } from '../words'

const CHANNELS = ['chat', 'message', 'mail', 'voice'] as const

export function Knowledge() {
  const { value, problem, again } = useLoaded<ArticleLinePage>('/knowledge?limit=500')
  const open = useSignal<ArticleLine | 'new' | null>(null)
  const may = me.value?.role === 'admin'
  return (
    <Section
      title={t('knowledge')}
      side={
        may && (
          <Button icon="plus" onClick={() => (open.value = 'new')}>
            {t('knowledge.new')}
          </Button>
        )
      }
    >
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<ArticleLine>
        name={t('knowledge')}
        rows={value.value?.items}
        id={({ article }) => article}
        empty={t('knowledge.empty')}
        columns={[
          { name: t('knowledge.title'), show: ({ title, text }) => <><strong>{title}</strong><p class="small soft cut">{text}</p></> },
          { name: t('knowledge.short'), show: ({ short }) => (short ? <kbd>/{short}</kbd> : '–') },
          { name: t('knowledge.for'), show: ({ channels, language }) => [language, channels.length ? channels.map((one) => named('channel', one)).join(', ') : t('knowledge.all')].filter(Boolean).join(' · ') },
          { name: t('knowledge.tags'), show: ({ tags }) => tags.map((tag) => <Tag key={tag}>{tag}</Tag>) },
          { name: t('knowledge.changed'), show: ({ at, by, version }) => <span class="small soft">{`${when(at)} · ${by.replace(/^user[ :]/, '')} · ${version}`}</span> },
          {
            name: '',
            show: (one) =>
              may && (
                <Button kind="quiet" onClick={() => (open.value = one)}>
                  {t('edit')}
                </Button>
              ),
          },
        ]}
      />
      {open.value && <One article={open.value === 'new' ? null : open.value} close={() => (open.value = null)} done={again} />}
    </Section>
  )
}

/** `Opening hours` → `opening-hours`. */
function nameOf(title: string): string {
  return title.normalize('NFD').toLowerCase().replace(/[\u0300-\u036f]/g, '').replace(/ß/g, 'ss').replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 64)
}

function One({ article, close, done }: { article: ArticleLine | null; close: () => void; done: () => Promise<void> }) {
  const problem = useSignal<string | null>(null)
  const order = async (act: () => Promise<unknown>): Promise<void> => {
    problem.value = null
    try {
      await act()
      await done()
      close()
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  const save = (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const text = (name: string): string => String(given.get(name) ?? '').trim()
    const name = article?.article ?? (nameOf(text('title')) || 'article')
    const body = {
      title: text('title'),
      text: text('text'),
      short: text('short') || null,
      language: text('language') || null,
      prompt: text('prompt') || null,
      template: text('template') ? { name: text('template'), language: text('template_language') } : null,
      channels: CHANNELS.filter((channel) => given.has(channel)),
      tags: text('tags').toLowerCase().split(/[\s,]+/).filter(Boolean),
      version: article?.version ?? null,
    }
    return order(() => ask('PUT', `/knowledge/${name}`, body))
  }
  return (
    <Dialog title={article?.title ?? t('knowledge.new')} close={close} wide>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void save(event.currentTarget)
        }}
      >
        <Field label={t('knowledge.title')}>
          <input name="title" required maxLength={200} defaultValue={article?.title ?? ''} autocomplete="off" />
        </Field>
        <Field label={t('knowledge.text')} hint={t('knowledge.places')}>
          <textarea name="text" required rows={5} maxLength={4096} defaultValue={article?.text ?? ''} />
        </Field>
        <div class="form two">
          <Field label={t('knowledge.short')} hint={t('knowledge.short.hint')}>
            <input name="short" maxLength={64} pattern="[a-z0-9._\-]*" defaultValue={article?.short ?? ''} autocomplete="off" autocapitalize="none" />
          </Field>
          <Field label={t('knowledge.tags')}>
            <input name="tags" maxLength={400} defaultValue={article?.tags.join(' ') ?? ''} autocomplete="off" autocapitalize="none" />
          </Field>
          <Field label={t('knowledge.language')}>
            <input name="language" maxLength={16} pattern="[A-Za-z]{2,3}(-[A-Za-z0-9]+)*" defaultValue={article?.language ?? ''} autocomplete="off" />
          </Field>
          <Field label={t('knowledge.prompt')} hint={t('knowledge.prompt.hint')}>
            <input name="prompt" maxLength={64} pattern="[a-z0-9._\-]*" defaultValue={article?.prompt ?? ''} autocomplete="off" autocapitalize="none" />
          </Field>
          <Field label={t('knowledge.template')} hint={t('knowledge.template.hint')}>
            <input name="template" maxLength={512} defaultValue={article?.template?.name ?? ''} autocomplete="off" autocapitalize="none" />
          </Field>
          <Field label={t('knowledge.template.language')}>
            <input name="template_language" maxLength={16} defaultValue={article?.template?.language ?? ''} autocomplete="off" autocapitalize="none" placeholder="en_US" />
          </Field>
        </div>
        <fieldset class="row">
          <legend class="small">{t('knowledge.channels')}</legend>
          {CHANNELS.map((channel) => (
            <label key={channel} class="check">
              <input type="checkbox" name={channel} defaultChecked={article?.channels.includes(channel) ?? false} />
              {named('channel', channel)}
            </label>
          ))}
        </fieldset>
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row apart">
          {article ? (
            <Button kind="bad" onClick={() => void order(() => ask('DELETE', `/knowledge/${article.article}`))}>
              {t('knowledge.remove')}
            </Button>
          ) : (
            <span />
          )}
          <Button kind="main" type="submit">
            {t('save')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
