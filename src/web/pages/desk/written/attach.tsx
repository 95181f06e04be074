// Files that go along: chosen, dropped or pasted, kept by the box at once, and shown until they are sent.
import { useSignal, type Signal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { keepFile } from '../../api'
import { Icon } from '../../parts/icon'
import { announce } from '../../parts/live'
import { Button, wordsOf } from '../../parts/ui'
import { number, t } from '../../words'
import { attach, files } from './drafts'

/** What most services show together, and the largest that the box takes. */
const MOST = 10
const LARGEST = 10 << 20

export type Attaching = { busy: Signal<number>; problem: Signal<string | null>; add: (chosen: readonly File[]) => Promise<void> }

export function useAttaching(conversation: string): Attaching {
  const busy = useSignal(0)
  const problem = useSignal<string | null>(null)
  const add = async (chosen: readonly File[]): Promise<void> => {
    problem.value = null
    for (const file of chosen) {
      const own = files.value.get(conversation) ?? []
      if (own.length >= MOST) return void (problem.value = t('files.most', { n: MOST }))
      if (file.size > LARGEST) {
        problem.value = t('files.large', { name: file.name, n: LARGEST >> 20 })
        continue
      }
      busy.value++
      try {
        const kept = await keepFile(file)
        attach(conversation, [...(files.value.get(conversation) ?? []), kept])
        announce(t('files.there', { name: file.name }))
      } catch (why) {
        problem.value = `${file.name}: ${wordsOf(why)}`
      }
      busy.value--
    }
  }
  return { busy, problem, add }
}

/** What is to go along, each with a way to leave it here. */
export function Attached({ conversation, state }: { conversation: string; state: Attaching }) {
  const own = files.value.get(conversation) ?? []
  if (own.length + state.busy.value === 0 && !state.problem.value) return null
  return (
    <div class="attached">
      <ul class="row" aria-label={t('files')}>
        {own.map((file, at) => (
          <li key={file.content} class="tag">
            <Icon name="file" /> {file.name ?? t('piece.media')} <span class="soft">{t('piece.size', { n: number(Math.max(1, file.size / 1024)) })}</span>
            <Button kind="quiet" icon="close" label={t('files.off', { name: file.name ?? '' })} onClick={() => attach(conversation, own.filter((_, place) => place !== at))} />
          </li>
        ))}
      </ul>
      {state.busy.value > 0 && <p class="small soft">{t('files.busy')}</p>}
      {state.problem.value && <p class="wrong" role="alert">{state.problem}</p>}
    </div>
  )
}

export function Attach({ state }: { state: Attaching }) {
  const field = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={field}
        type="file"
        multiple
        hidden
        aria-label={t('files.add')}
        onChange={(event) => {
          const { files: chosen } = event.currentTarget
          if (chosen) void state.add([...chosen])
          event.currentTarget.value = ''
        }}
      />
      <Button kind="quiet" icon="file" label={t('files.add')} busy={state.busy.value > 0} onClick={() => field.current?.click()} />
    </>
  )
}
