// What somebody has chosen for this browser: light or dark, keys of one letter.
import { effect, signal, type Signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'

/** A choice that outlasts the page. */
export function kept<T extends string>(name: string, otherwise: T): Signal<T> {
  const own = signal<T>((localStorage.getItem(name) as T | null) ?? otherwise)
  effect(() => localStorage.setItem(name, own.value))
  return own
}

export const theme = kept<Theme>('branchline-theme', 'auto')
/** Keys of one letter can be turned off (WCAG 2.1.4): who dictates text says letters too. */
export const letters = kept<'on' | 'off'>('branchline-keys', 'on')

effect(() => {
  const root = document.documentElement
  if (theme.value === 'auto') root.removeAttribute('data-theme')
  else root.setAttribute('data-theme', theme.value)
})
