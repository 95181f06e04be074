// A task in hand: what is to be done, and that it is done.
import { useSignal } from '@preact/signals'
import { ask } from '../../api'
import { Icon } from '../../parts/icon'
import { Button, wordsOf } from '../../parts/ui'
import type { WorkLine } from '../../schema'
import { show } from '../state'
import { t, when } from '../../words'

export function Task({ line }: { line: WorkLine }) {
  const problem = useSignal<string | null>(null)
  const order = (what: 'finish' | 'return'): void => {
    ask('POST', `/work/${line.item}/${what}`, {}).then(
      () => undefined,
      (why: unknown) => (problem.value = wordsOf(why)),
    )
  }
  const { contact } = line
  return (
    <li class="talk task">
      <p class="what">
        <Icon name="tick" />
        <span>
          {line.text ?? line.queue}
          {line.due && <span class="soft"> · {t('task.due', { at: when(line.due) })}</span>}
        </span>
      </p>
      <p class="row end">
        {contact && (
          <Button kind="quiet" icon="person" label={t('task.whose')} onClick={() => show({ contact, name: null, number: null })} />
        )}
        <Button kind="quiet" icon="back" label={t('written.release')} onClick={() => order('return')} />
        <Button icon="check" onClick={() => order('finish')}>
          {t('task.done')}
        </Button>
      </p>
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </li>
  )
}
