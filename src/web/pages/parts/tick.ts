// The time, once in a second, for whatever counts on the screen.
import { signal } from '@preact/signals'

export const now = signal(Date.now())
window.setInterval(() => {
  if (!document.hidden) now.value = Date.now()
}, 1000)
document.addEventListener('visibilitychange', () => {
  now.value = Date.now()
})

/** Whole seconds since then. */
export function since(at: string | number): number {
  return Math.max(0, Math.floor((now.value - new Date(at).getTime()) / 1000))
}
