// Trunks, phones and where they are registered, mailboxes.
import { useEffect } from 'preact/hooks'
import { listen } from '../feed'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { Empty, Lamp, Section, Tag } from '../parts/ui'
import type { Mailbox, MailboxPage, Phone, PhonePage, Trunk, TrunkPage } from '../schema'
import { number, t, when } from '../words'
import { shadeOf } from './overview'

export function Lines() {
  const trunks = useLoaded<TrunkPage>('/trunks', 30)
  const phones = useLoaded<PhonePage>('/phones', 10)
  const boxes = useLoaded<MailboxPage>('/mailboxes', 30)
  // A trunk's lamp is told at once.
  useEffect(
    () =>
      listen((event) => {
        if (event.event !== 'trunk' || !trunks.value.value) return
        const items = trunks.value.value.items.map((own) => (own.trunk === event.trunk ? event : own))
        trunks.value.value = { items }
      }),
    [],
  )
  return (
    <>
      <Section title={t('lines.trunks')}>
        {trunks.problem.value && <Empty>{trunks.problem.value}</Empty>}
        <Table<Trunk>
          name={t('lines.trunks')}
          rows={trunks.value.value?.items}
          id={({ trunk }) => trunk}
          empty={t('lines.trunks.none')}
          columns={[
            { name: t('column.trunk'), show: ({ trunk, lamp }) => <Lamp shade={shadeOf(lamp)}>{trunk}</Lamp> },
            { name: t('column.words'), show: ({ words }) => words },
            { name: t('column.calls'), number: true, show: ({ calls }) => number(calls) },
          ]}
        />
      </Section>
      <Section title={t('lines.phones')}>
        {phones.problem.value && <Empty>{phones.problem.value}</Empty>}
        <Table<Phone>
          name={t('lines.phones')}
          rows={phones.value.value?.items}
          id={({ extension }) => extension}
          empty={t('lines.phones.none')}
          columns={[
            {
              name: t('column.extension'),
              show: ({ extension, bindings }) => <Lamp shade={bindings.length > 0 ? 'good' : 'none'}>{extension}</Lamp>,
            },
            { name: t('column.name'), show: ({ name }) => name },
            {
              name: t('column.registered'),
              show: ({ bindings }) => (bindings.length > 0 ? <span class="mono">{bindings.join(', ')}</span> : <span class="soft">{t('lines.nowhere')}</span>),
            },
            { name: t('column.set'), show: ({ set }) => set?.map((own) => <Tag key={own}>{own}</Tag>) },
            {
              name: t('column.sheets'),
              show: ({ sheets }) => sheets?.map((own) => `${own.make} ${own.model}${own.fetched ? `, ${when(own.fetched)}` : ''}`).join('; '),
            },
          ]}
        />
      </Section>
      <Section title={t('lines.boxes')}>
        <Table<Mailbox>
          name={t('lines.boxes')}
          rows={boxes.value.value?.items}
          id={({ mailbox }) => mailbox}
          empty={t('lines.boxes.none')}
          columns={[
            { name: t('column.extension'), show: ({ mailbox }) => mailbox },
            { name: t('column.new'), number: true, show: ({ new: n }) => number(n) },
            { name: t('column.old'), number: true, show: ({ old }) => number(old) },
          ]}
        />
      </Section>
    </>
  )
}
