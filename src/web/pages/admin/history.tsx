// Configurations that have run: who, when, why, what became of each; and the way back to one.
import { useSignal } from '@preact/signals'
import { ask } from '../api'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { Button, Dialog, Empty, Lamp, Section, wordsOf, type Shade } from '../parts/ui'
import type { Fate, Version, VersionPage, VersionText } from '../schema'
import { t, when } from '../words'
import { Diff } from './diff'

type Props = { may: boolean; go: (text: string, version: number) => void }

export function History({ may, go }: Props) {
  const { value, problem } = useLoaded<VersionPage>('/config/versions')
  const open = useSignal<VersionText | null>(null)
  const trouble = useSignal<string | null>(null)
  const look = async (version: number): Promise<VersionText | null> => {
    try {
      trouble.value = null
      return await ask<VersionText>('GET', `/config/versions/${version}`)
    } catch (why) {
      trouble.value = wordsOf(why)
      return null
    }
  }
  const newest = value.value?.items[0]?.version
  return (
    <Section title={t('config.history')}>
      {(problem.value ?? trouble.value) && <Empty>{problem.value ?? trouble.value}</Empty>}
      <Table<Version>
        name={t('config.history')}
        rows={value.value?.items}
        id={({ version }) => String(version)}
        empty={t('none')}
        columns={[
          { name: t('config.number'), number: true, show: ({ version }) => <strong>{version}</strong> },
          { name: t('column.at'), show: ({ at }) => when(at) },
          { name: t('column.who'), show: ({ by }) => by },
          { name: t('config.reason'), show: ({ why }) => why },
          { name: t('config.fate'), show: ({ fate }) => <Lamp shade={shadeOf(fate)}>{wordsFor(fate)}</Lamp> },
          {
            name: '',
            show: ({ version }) => (
              <div class="row">
                <Button kind="quiet" onClick={() => void look(version).then((got) => (open.value = got))}>
                  {t('config.look')}
                </Button>
                {may && version !== newest && (
                  <Button kind="quiet" onClick={() => void look(version).then((got) => got && go(got.text, version))}>
                    {t('config.goback')}
                  </Button>
                )}
              </div>
            ),
          },
        ]}
      />
      {open.value && (
        <Dialog title={t('config.version', { version: open.value.about.version })} close={() => (open.value = null)} wide>
          <Diff text={open.value.diff} name={t('config.diff')} none={t('config.nodiff')} />
        </Dialog>
      )}
    </Section>
  )
}

function shadeOf(fate: Fate): Shade {
  if (fate.state === 'rolled_back') return 'bad'
  if (fate.state === 'on_trial') return 'warn'
  return fate.state === 'confirmed' ? 'good' : 'none'
}

function wordsFor(fate: Fate): string {
  switch (fate.state) {
    case 'confirmed':
      return t('config.confirmed', { by: fate.by, at: when(fate.at) })
    case 'rolled_back':
      return t('config.rolledback', { at: when(fate.at), words: fate.words })
    case 'on_trial':
      return t('config.ontrial')
    default:
      return t('config.read')
  }
}
