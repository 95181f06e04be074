// The keyboard map: which key does what on this page. Keys of one letter rest while somebody writes, and can be turned off.
import { signal } from '@preact/signals'
import { useLayoutEffect } from 'preact/hooks'
import { letters } from '../settings'
import type { Key } from '../words'

type Bound = { key: string; words: Key; run: () => void }

const bound = new Map<symbol, Bound>()
/** What the help shows; anew whenever a page comes or goes. */
export const map = signal<readonly Bound[]>([])

/** Keys that a page has at other moments, such as in a call: whoever looks at the list learns them before. */
export const later = signal<ReadonlyArray<{ key: string; words: Key }>>([])

/** While this part of a page is there, the key does that. `when` is whether it makes sense at this moment. */
export function useKey(key: string, words: Key, run: () => void, when = true): void {
  // With what is shown, not some time after it: whoever sees the key may press it.
  useLayoutEffect(() => {
    if (!when) return
    const id = Symbol(key)
    bound.set(id, { key, words, run })
    map.value = [...bound.values()]
    return () => {
      bound.delete(id)
      map.value = [...bound.values()]
    }
  })
}

function writes(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null
  // A box that is ticked takes no letters.
  return !!element?.closest?.('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]')
}

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.altKey || event.metaKey || event.isComposing) return
  const name = event.ctrlKey ? `Ctrl+${event.key}` : event.key
  const own = [...bound.values()].reverse().find(({ key }) => key === name)
  if (!own) return
  const letter = !event.ctrlKey && event.key.length === 1
  if (letter && (letters.value === 'off' || writes(event.target))) return
  // A window over the page has its own keys.
  if (document.querySelector('dialog[open]')) return
  event.preventDefault()
  own.run()
})
