// The chat of a page: <script src="https://BOX/chat/NAME.js" defer></script>. The script's own address says where the box is
// and which chat this is. A site that knows its visitor gives the script data-user, data-until and data-proof.
import { type Kept, type Store, Talk } from './line'
import { type Settings, View } from './view'
import type { Identity, Pending } from './wire'
import { words } from './words'

const script = document.currentScript

/** A browser that keeps nothing still has a chat, as long as its page is open. */
function held<T>(store: () => Storage, key: string, none: T): [() => T, (value: T) => void] {
  let own = none
  try {
    const text = store().getItem(key)
    if (text) own = JSON.parse(text) as T
  } catch {
    // As if nothing were there.
  }
  const keep = (value: T): void => {
    own = value
    try {
      store().setItem(key, JSON.stringify(value))
    } catch {
      // It is kept here.
    }
  }
  return [() => own, keep]
}

function identity(data: DOMStringMap): Identity | undefined {
  const { user, until, proof } = data
  return user && until && proof ? { user, until: Number(until), proof } : undefined
}

async function start(script: HTMLScriptElement): Promise<void> {
  const url = new URL(script.src)
  const name = /\/chat\/([^/]+)\.js$/.exec(url.pathname)?.[1]
  if (!name || document.querySelector('branchline-chat')) return
  const told = await fetch(`${url.origin}/chat/${name}/settings`)
  if (!told.ok) return
  const settings = (await told.json()) as Settings
  const [kept, keep] = held<Kept>(() => localStorage, `branchline.chat.${name}`, {})
  const [pending, keepPending] = held<Pending[]>(() => sessionStorage, `branchline.chat.${name}`, [])
  const store: Store = { kept, keep, pending, keepPending }
  const socket = `${url.origin.replace(/^http/, 'ws')}/chat/${name}`
  const talk = new Talk(socket, store, identity(script.dataset), `${document.title} ${location.pathname}`.trim())
  const [language, own] = words([document.documentElement.lang, ...navigator.languages])
  new View(talk, settings, { name, base: url.origin, language, words: own })
  // Whoever has talked here before hears what was said meanwhile.
  if (talk.talked || pending().length > 0) talk.wake()
}

if (script instanceof HTMLScriptElement) {
  const begin = (): void => void start(script)
  if (document.body) begin()
  else addEventListener('DOMContentLoaded', begin)
}
