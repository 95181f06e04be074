// The line to the box: it comes back by itself, says again what was not acknowledged, and shows nothing twice.
import { Voice } from './voice'
import type { About, Identity, Line, Pending, Refusal, ToPage, Welcome } from './wire'

const PROTOCOL = 'branchline.chat.1'
/** How soon it is tried again, at first and at most. */
const SOON = 400
const LATE = 30_000
/** A line that is not acknowledged after so long went over a connection that is dead. */
const DEAD = 12_000
/** How soon a line is said again that could not be kept. */
const RETRY = 3_000
/** How often a visitor who writes says so, and when they have stopped. */
const TYPING = 3_000
const STOPPED = 5_000
/** Somebody of the branch who wrote so long ago has stopped, whatever was heard. */
const STILL_TYPING = 20_000

export type State = 'asleep' | 'connecting' | 'up' | 'away' | 'crowded' | 'refused'

export type Kept = { token?: string; about?: About; talked?: boolean }

/** What is kept in this browser, and in this tab. */
export type Store = {
  kept: () => Kept
  keep: (kept: Kept) => void
  pending: () => Pending[]
  keepPending: (pending: Pending[]) => void
}

export class Talk {
  lines: Line[] = []
  pending: Pending[]
  state: State = 'asleep'
  seen = 0
  typing = false
  ahead: number | undefined
  readonly voice = new Voice((what) => this.#tell(what))
  /** Told whenever something of this has changed. */
  changed: () => void = () => {}

  #socket: WebSocket | undefined
  #epoch: string | undefined
  #upto = 0
  #got = 0
  #read = 0
  #tries = 0
  #again = 0
  #watch = 0
  #typed = 0
  #stopped = 0
  #still = 0
  #wants = false
  /** The line that was said and not answered: one at a time, so that they stay in order. */
  #flying: string | undefined
  #refused: Refusal | undefined

  constructor(
    private readonly url: string,
    private readonly store: Store,
    private readonly identity: Identity | undefined,
    private readonly page: string,
  ) {
    this.pending = store.pending()
    this.voice.changed = () => this.changed()
    addEventListener('online', () => this.#wants && this.#open(true))
    addEventListener('offline', () => this.#socket?.close())
  }

  /** Somebody wants the line from here on. */
  wake(): void {
    this.#wants = true
    if (!this.#socket && this.#again === 0 && this.state !== 'refused') this.#open(true)
  }

  get token(): string | undefined {
    return this.store.kept().token
  }

  /** Whether something was said here before. */
  get talked(): boolean {
    return this.store.kept().talked === true
  }

  /** Whether the visitor was asked who they are. */
  get knows(): boolean {
    return this.store.kept().about !== undefined
  }

  say(what: Omit<Pending, 'client' | 'at'>): void {
    const bytes = crypto.getRandomValues(new Uint8Array(12))
    const client = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    const line = { ...what, client, at: Date.now() }
    this.pending.push(line)
    this.#keep()
    this.writes(false)
    this.wake()
    this.#pump()
    this.changed()
  }

  /** A line that was not taken is taken back. */
  drop(client: string): void {
    this.pending = this.pending.filter((own) => own.client !== client)
    this.#keep()
    this.changed()
  }

  tellAbout(about: About): void {
    this.store.keep({ ...this.store.kept(), about })
    this.#tell({ type: 'about', ...about })
  }

  /** The visitor writes, or no more. */
  writes(on: boolean): void {
    clearTimeout(this.#stopped)
    const now = Date.now()
    if (on) this.#stopped = setTimeout(() => this.writes(false), STOPPED)
    if (on ? now - this.#typed < TYPING : this.#typed === 0) return
    this.#typed = on ? now : 0
    this.#tell({ type: 'typing', on })
  }

  /** Everything that is there was looked at. */
  look(): void {
    const upto = this.#last()
    if (upto <= this.#read || this.state !== 'up') return
    this.#read = upto
    this.#tell({ type: 'seen', upto })
  }

  /** Lines of the branch that nobody has looked at. */
  unread(): number {
    return this.lines.filter((line) => line.from === 'branch' && line.seq > this.#read).length
  }

  #open(now: boolean): void {
    clearTimeout(this.#again)
    this.#again = 0
    if (this.#socket) return
    if (!now) {
      const wait = Math.min(LATE, SOON * 2 ** Math.min(this.#tries, 10))
      this.#again = setTimeout(() => this.#open(true), wait / 2 + (Math.random() * wait) / 2)
      return
    }
    this.#tries += 1
    this.#refused = undefined
    const socket = new WebSocket(this.url, PROTOCOL)
    this.#socket = socket
    socket.onopen = () => this.#hello(socket)
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#hear(JSON.parse(String(event.data)) as ToPage)
    }
    socket.onclose = () => {
      if (this.#socket === socket) this.#gone()
    }
    // Behind the rest: whoever hears it wakes the line, which would open a second socket that nobody closes.
    if (this.state !== 'away' && this.state !== 'crowded') this.#is('connecting')
  }

  #hello(socket: WebSocket): void {
    const { token, about } = this.store.kept()
    const pending = this.pending.filter((line) => !line.wrong).map((line) => line.client)
    const hello = { type: 'hello', token, about, identity: this.identity, page: this.page, pending }
    socket.send(JSON.stringify({ ...hello, epoch: this.#epoch, upto: this.#upto }))
  }

  #gone(): void {
    this.#socket = undefined
    clearTimeout(this.#watch)
    this.typing = false
    this.#typed = 0
    this.#flying = undefined
    switch (this.#refused) {
      case 'token':
      case 'expired':
        this.#forget()
        this.#open(false)
        return this.changed()
      case 'identity':
      case 'senseless':
        return this.#is('refused')
      case 'idle':
        return this.#is('asleep')
      case 'flood':
      case 'full':
        this.#tries = Math.max(this.#tries, 4)
        this.#open(false)
        return this.#is('crowded')
      default:
        this.#open(false)
        if (this.#tries > 1) this.#is('away')
        else this.changed()
    }
  }

  /** Somebody new from here on; what is pending is theirs. */
  #forget(): void {
    const { about } = this.store.kept()
    this.store.keep(about ? { about } : {})
    this.lines = []
    this.#epoch = undefined
    this.#upto = this.#got = this.#read = 0
  }

  #hear(what: ToPage): void {
    switch (what.type) {
      case 'welcome':
        this.#welcome(what)
        break
      case 'line': {
        const { type: _, ...line } = what
        this.typing = this.typing && line.from !== 'branch'
        this.#add(line)
        this.#gotten()
        break
      }
      case 'ack':
        this.#acked(what)
        break
      case 'nack': {
        const own = this.pending.find((line) => line.client === what.client)
        const passes = what.why === 'later' || what.why === 'slowly'
        if (own && !passes) own.wrong = what.why
        clearTimeout(this.#watch)
        setTimeout(() => this.#answered(what.client), passes ? RETRY : 0)
        this.#keep()
        break
      }
      case 'typing':
        this.typing = what.on
        clearTimeout(this.#still)
        this.#still = setTimeout(() => {
          this.typing = false
          this.changed()
        }, STILL_TYPING)
        break
      case 'seen':
        this.seen = what.upto
        break
      case 'place':
        this.ahead = what.ahead
        break
      case 'call':
        void this.voice.hear(what)
        break
      case 'refused':
        this.#refused = what.why
    }
    this.changed()
  }

  #welcome(welcome: Welcome): void {
    const kept = this.store.kept()
    this.store.keep({ ...kept, token: welcome.token, talked: kept.talked || welcome.upto > 0 })
    this.#tries = 0
    if (welcome.fresh) {
      // Numbers of another epoch say nothing in this one; whatever was looked at then is known by its name.
      const looked = new Set(this.lines.filter((line) => line.seq <= this.#read).map((line) => line.id))
      this.lines = []
      this.#upto = this.#got = this.#read = 0
      for (const line of welcome.lines) if (looked.has(line.id)) this.#read = Math.max(this.#read, line.seq)
    }
    this.#epoch = welcome.epoch
    for (const line of welcome.lines) this.#add(line)
    this.seen = welcome.seen
    this.typing = welcome.typing
    this.ahead = welcome.ahead
    this.#is('up')
    this.#gotten()
    this.#pump()
    this.voice.back()
  }

  #acked(ack: { client: string; id: string; seq: number; at: number }): void {
    const own = this.pending.find((line) => line.client === ack.client)
    if (!own) return this.#answered(ack.client)
    const pieces: Line['pieces'] = []
    if (own.text !== undefined) pieces.push({ piece: 'text', text: own.text })
    if (own.choice) pieces.push({ piece: 'choice', ...own.choice })
    if (own.file !== undefined && own.shown) pieces.push({ piece: 'file', link: own.file, ...own.shown })
    const { client, id, seq, at } = ack
    this.#add({ client, id, seq, at, pieces, from: 'visitor' })
    const kept = this.store.kept()
    if (!kept.talked) this.store.keep({ ...kept, talked: true })
    this.#answered(client)
  }

  #add(line: Line): void {
    this.#upto = Math.max(this.#upto, line.seq)
    if (line.client !== undefined && this.pending.some((own) => own.client === line.client)) {
      this.pending = this.pending.filter((own) => own.client !== line.client)
      this.#keep()
    }
    if (this.lines.some((own) => own.id === line.id)) return
    this.lines.push(line)
    this.lines.sort((a, b) => a.seq - b.seq)
  }

  #last(): number {
    return this.lines.reduce((last, line) => (line.from === 'branch' ? Math.max(last, line.seq) : last), 0)
  }

  #gotten(): void {
    const upto = this.#last()
    if (upto <= this.#got) return
    this.#got = upto
    this.#tell({ type: 'got', upto })
  }

  #answered(client: string): void {
    if (this.#flying !== client) return
    this.#flying = undefined
    clearTimeout(this.#watch)
    this.#pump()
  }

  /** Says the first line that was not acknowledged. */
  #pump(): void {
    const line = this.pending.find((own) => !own.wrong)
    if (!line || this.#flying !== undefined) return
    const { client, text, choice, file } = line
    if (!this.#tell({ type: 'say', client, text, choice, file })) return
    this.#flying = client
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => this.#flying === client && this.#socket?.close(), DEAD)
  }

  #tell(what: object): boolean {
    if (this.state !== 'up' || this.#socket?.readyState !== WebSocket.OPEN) return false
    this.#socket.send(JSON.stringify(what))
    return true
  }

  #keep(): void {
    this.store.keepPending(this.pending)
  }

  #is(state: State): void {
    if (this.state === state) return
    this.state = state
    this.changed()
  }
}
