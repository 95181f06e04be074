// A unified diff: each line says by its sign, its colour and its element whether it comes or goes.
import { Empty } from '../parts/ui'
import { t } from '../words'

export function Diff({ text, name, none }: { text: string; name: string; none: string }) {
  if (text === '') return <Empty>{none}</Empty>
  // The last line ends as every line does.
  const lines = text.replace(/\n$/, '').split('\n')
  return (
    <div class="scroll diff" tabIndex={0} role="group" aria-label={name}>
      <ol>
        {lines.map((line, at) => (
          <Line key={at} line={line} head={at < 2} />
        ))}
      </ol>
    </div>
  )
}

function Line({ line, head }: { line: string; head: boolean }) {
  if (head || line.startsWith('@@')) return <li class="place">{line}</li>
  const rest = line.slice(1)
  if (line.startsWith('+'))
    return (
      <li>
        <ins>
          <span class="unseen">{t('diff.added')}</span>
          <span aria-hidden="true">+</span>
          {rest}
        </ins>
      </li>
    )
  if (line.startsWith('-'))
    return (
      <li>
        <del>
          <span class="unseen">{t('diff.removed')}</span>
          <span aria-hidden="true">−</span>
          {rest}
        </del>
      </li>
    )
  return <li>{` ${rest}`}</li>
}
