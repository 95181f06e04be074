// Programs elsewhere that are told what happens, journeys that run by rules, and tasks that they have made.
import { ask, me } from '../api'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { Button, Empty, Lamp, Section } from '../parts/ui'
import type { JourneyLine, JourneyLinePage, TaskLine, TaskLinePage, WebhookLine, WebhookLinePage } from '../schema'
import { number, t, when } from '../words'

export function Programs() {
  return (
    <>
      <Webhooks />
      <Journeys />
      <Tasks />
    </>
  )
}

function Webhooks() {
  const { value, problem, again } = useLoaded<WebhookLinePage>('/webhooks', 10)
  const pause = (name: string, paused: boolean): void => {
    void ask('PUT', `/webhooks/${encodeURIComponent(name)}/paused`, { paused }).then(again)
  }
  return (
    <Section title={t('webhooks')}>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<WebhookLine>
        name={t('webhooks')}
        rows={value.value?.items}
        id={({ name }) => name}
        empty={t('webhooks.none')}
        columns={[
          {
            name: t('column.name'),
            show: ({ name, paused, trouble }) => <Lamp shade={paused ? 'warn' : trouble ? 'bad' : 'good'}>{name}</Lamp>,
          },
          { name: t('webhooks.url'), show: ({ url }) => <span class="mono">{url}</span> },
          { name: t('webhooks.behind'), number: true, show: ({ behind }) => number(behind) },
          { name: t('webhooks.given'), number: true, show: ({ given_up: given }) => number(given) },
          { name: t('column.words'), show: ({ paused, trouble }) => paused ?? trouble ?? '' },
          {
            name: '',
            show: ({ name, paused }) =>
              me.value?.role === 'admin' && (
                <Button kind="quiet" onClick={() => pause(name, !paused)}>
                  {t(paused ? 'webhooks.on' : 'webhooks.pause')}
                </Button>
              ),
          },
        ]}
      />
    </Section>
  )
}

function Journeys() {
  const { value, problem, again } = useLoaded<JourneyLinePage>('/journeys', 10)
  return (
    <Section title={t('journeys')}>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<JourneyLine>
        name={t('journeys')}
        rows={value.value?.items}
        id={({ journey }) => journey}
        empty={t('journeys.none')}
        columns={[
          { name: t('journeys.rule'), show: ({ rule }) => <strong>{rule}</strong> },
          { name: t('journeys.step'), number: true, show: ({ step, steps }) => `${step}/${steps}` },
          { name: t('journeys.does'), show: ({ does }) => does },
          { name: t('column.until'), show: ({ until }) => (until ? when(until) : '–') },
          { name: t('column.words'), show: ({ words }) => words },
          {
            name: '',
            show: ({ journey }) =>
              me.value?.role === 'admin' && (
                <Button kind="quiet" onClick={() => void ask('DELETE', `/journeys/${journey}`).then(again)}>
                  {t('journeys.stop')}
                </Button>
              ),
          },
        ]}
      />
    </Section>
  )
}

function Tasks() {
  const { value, problem } = useLoaded<TaskLinePage>('/tasks', 10)
  return (
    <Section title={t('tasks')}>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<TaskLine>
        name={t('tasks')}
        rows={value.value?.items}
        id={({ task }) => task}
        empty={t('tasks.none')}
        columns={[
          { name: t('column.queue'), show: ({ queue }) => queue },
          { name: t('column.since'), show: ({ since }) => when(since) },
          { name: t('journeys.rule'), show: ({ rule }) => rule },
          { name: t('column.what'), show: ({ text }) => text },
        ]}
      />
    </Section>
  )
}
