// What a visitor sees of a call by voice: a row above the lines, that asks, says how it stands, and ends it.
import { make } from './make'
import type { Voice } from './voice'
import type { Words } from './words'

export class Speak {
  readonly row = make('div', { class: 'speak', role: 'group', hidden: true })
  readonly #says = make('p', { role: 'status' })
  readonly #start = make('button', { type: 'button', class: 'main' })
  readonly #no = make('button', { type: 'button', class: 'quiet' })
  readonly #mute = make('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false' })
  readonly #end = make('button', { type: 'button', class: 'main end' })

  constructor(
    private readonly voice: Voice,
    private readonly words: Words,
  ) {
    this.row.setAttribute('aria-label', words.call)
    this.#no.append(words.invite_close)
    this.#mute.append(words.call_mute)
    this.#end.append(words.call_end)
    this.#start.onclick = () => voice.start()
    this.#no.onclick = () => voice.decline()
    this.#mute.onclick = () => voice.mute(!voice.muted)
    this.#end.onclick = () => voice.hangUp()
    this.row.append(this.#says, this.#start, this.#no, this.#mute, this.#end, voice.player)
  }

  /** `may`: the visitor may ask without being invited. */
  show(may: boolean): void {
    const { voice, words } = this
    const { stage, trouble, busy } = voice
    const waits = stage === 'invited' || stage === 'lost'
    this.row.hidden = !voice.able || !(waits || busy || may || trouble)
    const stages = { none: '', invited: words.call_invited, asking: words.call_asking, waiting: words.call_ringing, talking: words.call_up, held: words.call_held, lost: words.call_lost }
    const troubles = { mic: words.call_mic, off: words.call_off, busy: words.call_busy, no: words.call_no, over: words.call_over }
    const text = (!busy && trouble && troubles[trouble]) || stages[stage]
    if (this.#says.textContent !== text) this.#says.textContent = text
    this.row.dataset['stage'] = stage
    const start = stage === 'lost' ? words.call_go_on : words.call
    if (this.#start.textContent !== start) this.#start.textContent = start
    this.#start.hidden = !waits && (busy || !may)
    this.#no.hidden = stage !== 'invited'
    this.#mute.hidden = !['waiting', 'talking', 'held'].includes(stage)
    this.#mute.setAttribute('aria-pressed', String(voice.muted))
    this.#end.hidden = !busy
  }
}
