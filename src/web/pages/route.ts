// Which page is shown: the address says it, and links change it without loading everything anew.
import { signal } from '@preact/signals'

export const path = signal(location.pathname)
export const query = signal(new URLSearchParams(location.search))

function read(): void {
  path.value = location.pathname
  query.value = new URLSearchParams(location.search)
}

/** Goes to a page of ours. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  read()
}

window.addEventListener('popstate', read)
document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
  const link = (event.target as Element | null)?.closest?.('a[href]') as HTMLAnchorElement | null
  if (!link || link.target || link.origin !== location.origin || link.hasAttribute('download')) return
  if (!/^\/(desk|watch|admin)?(\/|\?|$)/.test(link.pathname + link.search)) return
  event.preventDefault()
  go(link.pathname + link.search)
})
