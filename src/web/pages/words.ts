// What the pages say, in the language of whoever reads: a catalogue for each, the English one the measure of the others.
import { signal } from '@preact/signals'
import { en } from './words/en'

export type Key = keyof typeof en
export type Words = Record<Key, string>
type Values = Record<string, string | number>

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const
export type Language = keyof typeof LANGUAGES

const FROM_RIGHT: readonly string[] = ['ar', 'fa', 'he', 'ur']
const CHOSEN = 'branchline-language'

export const language = signal<Language>('en')
const words = signal<Words>(en)

/** What stands under a key, with values where it has places for them. */
export function t(key: Key, values?: Values): string {
  const text = words.value[key]
  return values ? text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? '')) : text
}

/** The same for a number of things: `key.one` for one of them. */
export function count(key: Key, n: number): string {
  const one = `${key}.one` as Key
  return t(n === 1 && one in words.value ? one : key, { n: number(n) })
}

/** What a code of the box is called here; the code itself where nothing stands under it. */
export function named(group: string, code: string): string {
  const key = `${group}.${code}` as Key
  return words.value[key] ?? code.replace(/_/g, ' ')
}

/** Takes up the language that was chosen, or the browser's. */
export async function begin(): Promise<void> {
  const wanted = [localStorage.getItem(CHOSEN) ?? '', ...navigator.languages]
  const known = wanted.map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES)
  await speak((known as Language | undefined) ?? 'en')
}

/** Another language from now on. */
export async function choose(next: Language): Promise<void> {
  localStorage.setItem(CHOSEN, next)
  await speak(next)
}

async function speak(next: Language): Promise<void> {
  words.value = next === 'de' ? (await import('./words/de')).de : en
  language.value = next
  document.documentElement.lang = next
  document.documentElement.dir = FROM_RIGHT.includes(next) ? 'rtl' : 'ltr'
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: digits }).format(value)
}

export function percent(value: number): string {
  return new Intl.NumberFormat(language.value, { style: 'percent', maximumFractionDigits: 1 }).format(value)
}

/** A time of day; with the date where it was another day. */
export function when(at: string | number, always = false): string {
  const date = new Date(at)
  const today = new Date().toDateString() === date.toDateString()
  const form: Intl.DateTimeFormatOptions =
    today && !always
      ? { hour: '2-digit', minute: '2-digit' }
      : { dateStyle: 'medium', timeStyle: 'short' }
  return new Intl.DateTimeFormat(language.value, form).format(date)
}

/** The time of a day that is known. */
export function timeOf(at: string | number): string {
  return new Intl.DateTimeFormat(language.value, { hour: '2-digit', minute: '2-digit' }).format(new Date(at))
}

export function day(at: string | number): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: 'full' }).format(new Date(at))
}

/** How long ago, in the largest whole unit. */
export function ago(at: string | number, now: number): string {
  const seconds = Math.max(0, (now - new Date(at).getTime()) / 1000)
  const form = new Intl.RelativeTimeFormat(language.value, { numeric: 'auto', style: 'short' })
  if (seconds < 45) return t('time.now')
  if (seconds < 5400) return form.format(-Math.round(seconds / 60), 'minute')
  if (seconds < 129600) return form.format(-Math.round(seconds / 3600), 'hour')
  return form.format(-Math.round(seconds / 86400), 'day')
}

/** `2:05`, `1:02:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (n: number): string => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
