// What a visitor sees: a button, and the panel behind it. It shows what the line to the box has, and nothing else.
import { send as sendFile, type Sending } from './files'
import { due, fits, type Invite, note } from './invite'
import type { Talk } from './line'
import { ICONS, icon, linked, make } from './make'
import { Speak } from './speak'
import { style } from './style'
import type { Line, Part, Pending } from './wire'
import type { Words } from './words'

export type Settings = {
  title: string | null
  greeting: string | null
  ask: ('name' | 'mail')[]
  file_mb: number
  file_kinds: string
  invite: Invite[]
  /** Whether a visitor may ask for a call by voice. */
  calls: boolean
}

type Own = { name: string; base: string; language: string; words: Words }

export class View {
  readonly #talk: Talk
  readonly #settings: Settings
  readonly #own: Own
  readonly #all: HTMLElement
  readonly #button: HTMLButtonElement
  readonly #badge = make('span', { class: 'badge', hidden: true })
  readonly #panel: HTMLElement
  readonly #lines: HTMLElement
  readonly #under = make('p', { class: 'note under', role: 'status' })
  readonly #choices: HTMLElement
  readonly #uploads = make('div')
  readonly #text: HTMLTextAreaElement
  readonly #form: HTMLFormElement
  readonly #about: HTMLFormElement
  readonly #speak: Speak
  readonly #drawn = new Map<string, HTMLElement>()
  #invited: HTMLElement | undefined

  constructor(talk: Talk, settings: Settings, own: Own) {
    this.#talk = talk
    this.#settings = settings
    this.#own = own
    const { words } = own
    this.#button = make('button', { class: 'open', type: 'button', 'aria-expanded': 'false', 'aria-controls': 'panel' })
    this.#button.append(icon(ICONS.chat), make('span', {}, words.open), this.#badge)
    this.#button.onclick = () => this.open(this.#panel.hidden)
    this.#lines = make('div', { class: 'lines', role: 'log', 'aria-label': words.lines, tabindex: '0' })
    this.#choices = make('div', { class: 'choices', role: 'group', 'aria-label': words.answers, hidden: true })
    this.#text = make('textarea', { id: 'text', rows: '1', maxlength: '4096', autocomplete: 'off' })
    this.#form = this.#composer()
    this.#about = this.#asking()
    this.#speak = new Speak(talk.voice, words)
    const title = make('h2', { id: 'title' }, settings.title ?? words.title)
    const close = make('button', { class: 'icon', type: 'button', 'aria-label': words.close }, icon(ICONS.close))
    close.onclick = () => this.open(false)
    const head = make('header', {}, title, close)
    this.#panel = make('section', { class: 'panel', id: 'panel', role: 'dialog', 'aria-labelledby': 'title', hidden: true })
    this.#panel.append(head, this.#about, this.#speak.row, this.#lines, this.#under, this.#choices, this.#uploads, this.#form)
    this.#panel.onkeydown = (event) => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      this.open(false)
    }
    const dir = getComputedStyle(document.documentElement).direction
    this.#all = make('div', { class: 'all', lang: own.language, dir })
    this.#all.append(this.#panel, this.#button)
    this.#mount()
    talk.changed = () => this.show()
    for (const event of ['focus', 'visibilitychange']) addEventListener(event, () => this.#looks(), true)
    this.show()
    this.#invite()
  }

  #mount(): void {
    const host = document.createElement('branchline-chat')
    const root = host.attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(style)
    root.adoptedStyleSheets = [sheet]
    root.append(this.#all)
    document.body.append(host)
  }

  open(on: boolean): void {
    const { words } = this.#own
    this.#panel.hidden = !on
    this.#all.classList.toggle('up', on)
    this.#button.setAttribute('aria-expanded', String(on))
    this.#button.querySelector('span')?.replaceChildren(on ? words.opened : words.open)
    if (on) {
      this.#uninvite()
      this.#talk.wake()
      this.show()
      const first = this.#about.hidden ? this.#text : this.#about.querySelector('input')
      first?.focus()
      this.#lines.scrollTop = this.#lines.scrollHeight
    } else this.#button.focus()
  }

  /** What there is by now. */
  show(): void {
    const { words } = this.#own
    const talk = this.#talk
    const below = this.#lines.scrollHeight - this.#lines.scrollTop - this.#lines.clientHeight < 60
    const wanted: HTMLElement[] = []
    if (this.#settings.greeting) wanted.push(this.#greeting(this.#settings.greeting))
    for (const line of talk.lines) wanted.push(this.#line(line))
    for (const line of talk.pending) wanted.push(this.#pendingLine(line))
    this.#place(wanted)
    this.#state()
    this.#speak.show(this.#settings.calls && talk.lines.some((line) => line.from === 'visitor'))
    this.#offer()
    const unread = this.#panel.hidden ? talk.unread() + (talk.voice.stage === 'invited' ? 1 : 0) : 0
    this.#badge.hidden = unread === 0
    this.#badge.replaceChildren(String(unread), make('span', { class: 'unseen' }, ` ${words.unread(unread)}`))
    this.#ask()
    if (below) this.#lines.scrollTop = this.#lines.scrollHeight
    this.#looks()
  }

  /** Elements that are there already stay: a live region says only what is new. */
  #place(wanted: HTMLElement[]): void {
    const own = new Set(wanted)
    for (const child of [...this.#lines.children]) if (!own.has(child as HTMLElement)) child.remove()
    wanted.forEach((element, at) => {
      const there = this.#lines.children[at]
      if (there !== element) this.#lines.insertBefore(element, there ?? null)
    })
  }

  #looks(): void {
    if (this.#panel.hidden || document.visibilityState !== 'visible') return
    this.#talk.wake()
    this.#talk.look()
  }

  #draw(key: string, build: () => HTMLElement): HTMLElement {
    const there = this.#drawn.get(key)
    if (there) return there
    const own = build()
    this.#drawn.set(key, own)
    return own
  }

  #greeting(text: string): HTMLElement {
    return this.#draw('greeting', () => this.#box('branch', linked(text)))
  }

  #box(from: Line['from'], inside: (Node | string | undefined | false)[]): HTMLElement {
    const who = from === 'visitor' ? this.#own.words.you : this.#own.words.us
    const box = make('div', { class: 'box', dir: 'auto' }, make('span', { class: 'unseen' }, `${who}: `), ...inside)
    return make('div', { class: from === 'visitor' ? 'line own' : 'line' }, box)
  }

  #line(line: Line): HTMLElement {
    // The visitor's own line keeps the element that it had while it was on its way.
    const words = line.pieces.every((part) => part.piece === 'text' || part.piece === 'choice')
    return this.#draw((words ? line.client : undefined) ?? line.id, () => {
      const own = this.#box(line.from, line.pieces.flatMap((part) => this.#part(part, line.from)))
      own.dataset['id'] = line.id
      return own
    })
  }

  #part(part: Part, from: Line['from']): (Node | string | undefined | false)[] {
    const { words } = this.#own
    switch (part.piece) {
      case 'text':
        return linked(part.text)
      case 'choice':
        return from === 'visitor' ? [part.label] : []
      case 'missing':
        return [part.name ?? words.missing]
      case 'location': {
        const map = `https://www.openstreetmap.org/?mlat=${part.at.split(',')[0]}&mlon=${part.at.split(',')[1]}`
        const given = { href: map, target: '_blank', rel: 'noopener noreferrer' }
        return [make('a', given, part.name ?? words.place_on_map)]
      }
      case 'file': {
        const href = `${this.#own.base}/chat/${this.#own.name}/files/${part.link}`
        const called = part.name ?? words.file
        const size = `${called} (${Math.max(1, Math.round(part.size / 1024))} kB)`
        const picture = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].includes(part.mime)
        const inside = picture ? make('img', { src: href, alt: called, loading: 'lazy' }) : size
        return [make('a', { href, target: '_blank', rel: 'noopener noreferrer' }, inside)]
      }
    }
  }

  #pendingLine(line: Pending): HTMLElement {
    const own = this.#draw(line.client, () => {
      const what = line.text ?? line.choice?.label ?? line.shown?.name ?? this.#own.words.file
      return this.#box('visitor', [what])
    })
    if (line.wrong && !own.querySelector('.note')) own.append(this.#wrong(line))
    return own
  }

  #wrong(line: Pending): HTMLElement {
    const { words } = this.#own
    const why = { empty: words.not_empty, too_long: words.not_long, file: words.not_file, later: '', slowly: '' }
    const drop = make('button', { type: 'button', class: 'quiet' }, words.cancel)
    drop.onclick = () => this.#talk.drop(line.client)
    return make('div', {}, make('p', { class: 'note bad', role: 'alert' }, why[line.wrong ?? 'empty']), drop)
  }

  #state(): void {
    const { words } = this.#own
    const talk = this.#talk
    const last = [...talk.lines].reverse().find((line) => line.from === 'visitor')
    let text = ''
    if (talk.state === 'refused') text = words.elsewhere
    else if (talk.state === 'crowded') text = words.crowded
    else if (talk.state === 'away') text = words.offline
    else if (talk.typing) text = words.typing
    else if (talk.pending.some((line) => !line.wrong)) text = words.sending
    else if (talk.state === 'connecting') text = words.connecting
    else if (talk.ahead !== undefined) text = words.place(talk.ahead)
    else if (last && last.seq === talk.lines.at(-1)?.seq) text = last.seq <= talk.seen ? words.seen : words.sent
    if (this.#under.textContent !== text) this.#under.textContent = text
  }

  #offer(): void {
    const last = this.#talk.lines.at(-1)
    const open = last?.from === 'branch' && this.#talk.pending.length === 0
    const choices = open ? last.pieces.filter((part) => part.piece === 'choice') : []
    const key = choices.length > 0 ? (last?.id ?? '') : ''
    if (this.#choices.dataset['of'] === key) return
    this.#choices.dataset['of'] = key
    this.#choices.hidden = choices.length === 0
    this.#choices.replaceChildren(
      ...choices.map(({ id, label }) => {
        const own = make('button', { type: 'button' }, label)
        own.onclick = () => {
          this.#talk.say({ choice: { id, label } })
          this.#text.focus()
        }
        return own
      }),
    )
  }

  #composer(): HTMLFormElement {
    const { words } = this.#own
    const label = make('label', { for: 'text', class: 'unseen' }, words.write)
    const form = make('form', {}, label)
    if (this.#settings.file_mb > 0) form.append(...this.#attach())
    const send = make('button', { class: 'main icon', 'aria-label': words.send }, icon(ICONS.send))
    this.#text.placeholder = words.write
    this.#text.oninput = () => this.#talk.writes(this.#text.value.trim() !== '')
    this.#text.onkeydown = (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      form.requestSubmit()
    }
    this.#text.onpaste = (event) => {
      for (const file of event.clipboardData?.files ?? []) this.#upload(file)
    }
    form.append(this.#text, send)
    form.onsubmit = (event) => {
      event.preventDefault()
      const text = this.#text.value.trim()
      if (text === '') return
      this.#talk.say({ text })
      this.#text.value = ''
      this.#text.focus()
      this.#lines.scrollTop = this.#lines.scrollHeight
    }
    return form
  }

  #attach(): HTMLElement[] {
    const { words } = this.#own
    const given = { type: 'file', hidden: true, tabindex: '-1', 'aria-label': words.attach, accept: this.#settings.file_kinds }
    const input = make('input', given)
    input.onchange = () => {
      for (const file of input.files ?? []) this.#upload(file)
      input.value = ''
    }
    const button = make('button', { class: 'icon', type: 'button', 'aria-label': words.attach }, icon(ICONS.attach))
    button.onclick = () => input.click()
    return [input, button]
  }

  #upload(file: File): void {
    const { words, name, base } = this.#own
    const most = this.#settings.file_mb
    const bar = make('progress', { max: '1', value: '0', 'aria-label': words.uploading(file.name) })
    const says = make('p', { class: 'note', role: 'status' }, words.uploading(file.name))
    const stop = make('button', { type: 'button', class: 'quiet' }, words.cancel)
    const row = make('div', { class: 'upload' }, make('div', {}, says, bar), stop)
    this.#uploads.append(row)
    const failed = (why: string) => {
      const all: Record<string, string> = { large: words.file_large(most), kind: words.file_kind, often: words.file_often }
      says.textContent = `${file.name}: ${all[why] ?? words.file_later}`
      says.className = 'note bad'
      bar.remove()
    }
    let sending: Sending | undefined
    stop.onclick = () => {
      sending?.abort()
      row.remove()
    }
    const token = this.#talk.token
    if (file.size > most * 1024 * 1024) return failed('large')
    if (!token) return failed('later')
    sending = sendFile(`${base}/chat/${name}/files`, token, file, {
      progress: (part) => (bar.value = part),
      failed,
      done: ({ file: link, mime, size, name: called }) => {
        row.remove()
        this.#talk.say({ file: link, shown: { mime, size, ...(called ? { name: called } : {}) } })
      },
    })
  }

  #asking(): HTMLFormElement {
    const { words } = this.#own
    const form = make('form', { class: 'about', hidden: true })
    for (const what of this.#settings.ask) {
      const type = what === 'mail' ? 'email' : 'text'
      const complete = what === 'mail' ? 'email' : 'name'
      const given = { id: what, name: what, type, autocomplete: complete, maxlength: '100', required: what === 'name' }
      const label = make('label', { for: what }, what === 'mail' ? `${words.mail} ${words.optional}` : words.name)
      form.append(make('div', {}, label, make('input', given)))
    }
    form.append(make('button', { class: 'main' }, words.begin))
    form.onsubmit = (event) => {
      event.preventDefault()
      const said = new FormData(form)
      const one = (key: string) => String(said.get(key) ?? '').trim() || undefined
      const [name, mail] = [one('name'), one('mail')]
      this.#talk.tellAbout({ ...(name ? { name } : {}), ...(mail ? { mail } : {}) })
      this.show()
      this.#text.focus()
    }
    return form
  }

  #ask(): void {
    const asks = this.#settings.ask.length > 0 && !this.#talk.knows && this.#talk.lines.length === 0
    this.#about.hidden = !asks
    for (const other of [this.#lines, this.#under, this.#form]) other.hidden = asks
  }

  #invite(): void {
    const rule = this.#settings.invite.find((own) => fits(own.path, location.pathname))
    if (!rule || this.#talk.talked || !due(this.#own.name, rule)) return
    setTimeout(() => {
      if (!this.#panel.hidden || this.#talk.talked || !due(this.#own.name, rule)) return
      note(this.#own.name)
      const { words } = this.#own
      const [yes, no] = [words.open, words.invite_close].map((text) => make('button', { type: 'button', class: 'quiet' }, text))
      if (!yes || !no) return
      yes.onclick = () => this.open(true)
      no.onclick = () => this.#uninvite()
      const says = make('p', {}, rule.text)
      const live = make('div', { role: 'status' })
      this.#invited = make('div', { class: 'invite' }, live, make('div', {}, yes, no))
      this.#all.insertBefore(this.#invited, this.#button)
      live.append(says)
    }, rule.after_s * 1000)
  }

  #uninvite(): void {
    this.#invited?.remove()
    this.#invited = undefined
  }
}
