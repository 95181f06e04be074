// Files of messages: fetched from the box by whoever has the session, shown as a picture only where they are one, saved
// otherwise. What somebody sent is never a page of ours: it has no address that a browser would open.
import { signal } from '@preact/signals'
import { effect } from '@preact/signals'
import { ask, bytesOf } from '../../api'
import type { PieceLine } from '../../schema'
import type { Attached } from './drafts'

/** What browsers show as a picture and can do nothing else: an SVG is a document with scripts. */
const PICTURES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'])
/** The largest picture that is fetched just to be looked at: a telephone's own photograph. */
const MOST_PICTURE = 8 << 20
/** The largest file that goes along: what most services take. */
export const MOST_FILE = 16 << 20

const pictures = signal<ReadonlyMap<string, string>>(new Map())
const asked = new Set<string>()

function path(content: string): string {
  return `/files/${content}`
}

/** An address of the page's own for a picture; nothing until it has come, and for what is none. */
export function pictureOf({ content, mime, size }: PieceLine): string | null {
  if (!content || !mime || !PICTURES.has(mime) || (size ?? 0) > MOST_PICTURE) return null
  const known = pictures.value.get(content)
  if (known) return known
  if (!asked.has(content)) {
    asked.add(content)
    bytesOf(path(content)).then(
      (bytes) => (pictures.value = new Map(pictures.peek()).set(content, URL.createObjectURL(new Blob([bytes], { type: mime })))),
      () => undefined,
    )
  }
  return null
}

/** Saves a file as its sender calls it. */
export async function save({ content, name }: PieceLine): Promise<void> {
  if (!content) return
  const bytes = await bytesOf(path(content))
  // Whatever it says it is: it is saved, not opened.
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name ?? content
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Gives a file to the box, which says under what name it keeps it. */
export async function give(file: File): Promise<Attached> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ''
  // In pieces: a call takes no million arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  const mime = file.type || 'application/octet-stream'
  const { content } = await ask<{ content: string }>('POST', '/files', { name: file.name, mime, base64: btoa(text) })
  return { content, name: file.name, mime, size: file.size }
}

effect(() => {
  // A page that goes takes its pictures along by itself; here only what was never fetched is asked for again.
  if (pictures.value.size > 200) pictures.value = new Map([...pictures.value].slice(-100))
})
