// What is being written, and what was sent and has no answer yet: both outlast a reload of the page, and leave with whoever
// signs out. What has no answer is sent again under the same key, so that nobody gets it twice.
import { signal } from '@preact/signals'
import { ask, Problem } from '../../api'
import { wordsOf } from '../../parts/ui'
import type { FilledTemplate, KeptFile, MadeMessage, MessageLine } from '../../schema'
import { lookAtMessage, lookAtTalk, threads } from './state'

/** `text` is what the page shows meanwhile: for a template, its words with the places filled in. */
export type Said = { text: string; files?: readonly KeptFile[]; template?: FilledTemplate }
/**
 * Something that was sent and that the box has not answered, or not shown yet; `problem` is why, where it will not by itself.
 * `behind` is the line that was the last one then.
 */
export type Pending = Said & { key: string; conversation: string; behind: string | null; problem: string | null }

const DRAFT = 'draft-'
const PENDING = 'branchline-pending'
/** How often it is tried again by itself, in milliseconds from one time to the next. */
const AGAIN = [1000, 3000, 8000, 20_000]
/** After how long it is looked for, again and again, in milliseconds. */
const LOOKS = [0, 150, 300, 600, 1200, 2400, 4800]

export const drafts = signal<ReadonlyMap<string, string>>(kept())
export const pending = signal<readonly Pending[]>(JSON.parse(sessionStorage.getItem(PENDING) ?? '[]') as Pending[])

function kept(): ReadonlyMap<string, string> {
  const names = Array.from({ length: sessionStorage.length }, (_, at) => sessionStorage.key(at) ?? '')
  const own = names.filter((name) => name.startsWith(DRAFT))
  return new Map(own.map((name) => [name.slice(DRAFT.length), sessionStorage.getItem(name) ?? '']))
}

export function draft(conversation: string, text: string): void {
  const next = new Map(drafts.value)
  if (text) {
    next.set(conversation, text)
    sessionStorage.setItem(DRAFT + conversation, text)
  } else {
    next.delete(conversation)
    sessionStorage.removeItem(DRAFT + conversation)
  }
  drafts.value = next
}

function keep(all: readonly Pending[]): void {
  pending.value = all
  sessionStorage.setItem(PENDING, JSON.stringify(all))
}

/** Sends it. The line is on the page at once. */
export function send(conversation: string, said: Said): void {
  const one: Pending = { ...said, conversation, key: crypto.randomUUID(), behind: threads.value.get(conversation)?.items.at(-1)?.message ?? null, problem: null }
  keep([...pending.value, one])
  queue(conversation)
}

/** What was left when the page went goes on. */
export function goOn(): void {
  for (const conversation of new Set(pending.value.map((one) => one.conversation))) queue(conversation)
}

/** Sends one again that was refused: the same thing, so under the same key. */
export function retry(key: string): void {
  const one = pending.value.find((own) => own.key === key)
  keep(pending.value.map((own) => (own.key === key ? { ...own, problem: null } : own)))
  if (one) queue(one.conversation)
}

export function leave(key: string): void {
  keep(pending.value.filter((own) => own.key !== key))
}

const busy = new Set<string>()

/** One after the other: what was written first arrives first. */
function queue(conversation: string): void {
  if (busy.has(conversation)) return
  busy.add(conversation)
  void (async () => {
    for (let tries = 0; ; ) {
      const one = pending.value.find((own) => own.conversation === conversation && !own.problem)
      if (!one) break
      const wait = await given(one, tries)
      tries = wait === null ? 0 : tries + 1
      if (wait) await new Promise((done) => setTimeout(done, wait))
    }
    busy.delete(conversation)
  })()
}

/** Waits until a message is among the lines: the look-up store may show it a moment after the box has it. */
async function shown({ message, conversation }: MadeMessage): Promise<void> {
  for (const wait of LOOKS) {
    if (threads.value.get(conversation)?.items.some((line) => line.message === message)) return
    await new Promise((done) => setTimeout(done, wait))
    await lookAtMessage(message)
  }
}

/** What has no line of its own yet: what the feed has told of already is there once. */
export function unshown(conversation: string): readonly Pending[] {
  const lines = (threads.value.get(conversation)?.items ?? []).filter(({ direction }) => direction === 'out')
  const all = threads.value.get(conversation)?.items ?? []
  const taken = new Set<string>()
  return pending.value.filter((one) => {
    if (one.conversation !== conversation) return false
    const from = all.findIndex(({ message }) => message === one.behind)
    const own = lines.find((line) => !taken.has(line.message) && all.indexOf(line) > from && textOf(line) === worded(one) && filesOf(line) === (one.files ?? []).map(({ content }) => content).join())
    if (own) taken.add(own.message)
    return !own
  })
}

/** As a line has it: of a template its values alone. */
function worded({ text, template }: Said): string {
  return template ? [template.name, ...(template.values ?? [])].join('\n') : text
}

function textOf({ pieces }: MessageLine): string {
  const own = pieces.find(({ piece }) => piece === 'text' || piece === 'template')
  return own?.piece === 'template' ? [own.name ?? '', ...(own.text ? [own.text] : [])].join('\n') : (own?.text ?? '')
}

function filesOf({ pieces }: MessageLine): string {
  return pieces.flatMap(({ content }) => content ?? []).join()
}

/** Gives one to the box. Answers after how long it is to be tried again; nothing when it is done with. */
async function given({ key, conversation, text, files, template }: Pending, tries: number): Promise<number | null> {
  try {
    const made = await ask<MadeMessage>('POST', `/conversations/${conversation}/messages`, template ? { template } : { ...(text ? { text } : {}), ...(files?.length ? { files } : {}) }, undefined, key)
    await shown(made)
    leave(key)
    void lookAtTalk(conversation)
    return null
  } catch (why) {
    const kind = why instanceof Problem ? why.kind : ''
    const passes = kind === 'unreachable' || kind === 'busy' || kind === 'sign-in-needed' || (why instanceof Problem && why.status === 503)
    if (passes && tries < AGAIN.length) return (why instanceof Problem && why.retryAfter ? why.retryAfter * 1000 : AGAIN[tries]) ?? null
    keep(pending.value.map((own) => (own.key === key ? { ...own, problem: wordsOf(why) } : own)))
    return null
  }
}

/** Files that are to go with what is being written. They are on the box already. */
export const files = signal<ReadonlyMap<string, readonly KeptFile[]>>(new Map())

export function attach(conversation: string, all: readonly KeptFile[]): void {
  files.value = new Map(files.value).set(conversation, all)
}
