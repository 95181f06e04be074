// A table that can be scrolled by keyboard where it is wider than the page.
import type { ComponentChildren } from 'preact'
import { Empty } from './ui'
import { t } from '../words'

export type Column<T> = {
  name: string
  /** Whether it is a number: those stand under each other. */
  number?: boolean
  show: (row: T) => ComponentChildren
}

type Props<T> = {
  name: string
  columns: readonly Column<T>[]
  rows: readonly T[] | undefined
  id: (row: T) => string
  empty: string
}

export function Table<T>({ name, columns, rows, id, empty }: Props<T>) {
  if (!rows) return <Empty>{t('loading')}</Empty>
  if (rows.length === 0) return <Empty>{empty}</Empty>
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={name}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={column.number ? 'number' : undefined}>
                {column.name || <span class="unseen">{t('doing')}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>
              {columns.map((column) => (
                <td key={column.name} class={column.number ? 'number' : undefined}>
                  {column.show(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
