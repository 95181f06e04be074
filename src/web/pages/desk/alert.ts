// A ring that can be heard and seen from elsewhere: a sound of our own, the tab's title, and a note of the system where the
// agent has allowed it.
import { effect } from '@preact/signals'
import { kept } from '../settings'
import { t } from '../words'
import { offers } from './state'
import { offered } from './written/state'

export const sound = kept<'on' | 'off'>('branchline-ring', 'on')

/** How often it is said again that something written waits to be taken, in milliseconds. */
const CHIMES = 8000

let context: AudioContext | null = null
let timer: number | undefined
let note: Notification | null = null
let title = ''

/** Two soft notes. */
function ring(): void {
  play([[0, 587], [0.22, 784]], 0.12)
}

/** Notes, each at its time in seconds; the browser lets nobody make a sound before the first click or key. */
function play(notes: ReadonlyArray<readonly [number, number]>, loud: number): void {
  if (sound.value === 'off') return
  context ??= new AudioContext()
  if (context.state === 'suspended') void context.resume()
  for (const [at, pitch] of notes) {
    const [tone, gain] = [context.createOscillator(), context.createGain()]
    const from = context.currentTime + at
    tone.frequency.value = pitch
    gain.gain.setValueAtTime(0, from)
    gain.gain.linearRampToValueAtTime(loud, from + 0.02)
    gain.gain.exponentialRampToValueAtTime(0.0001, from + 0.6)
    tone.connect(gain).connect(context.destination)
    tone.start(from)
    tone.stop(from + 0.65)
  }
}

/** One soft note: somebody writes. */
export function chime(): void {
  play([[0, 880]], 0.07)
}

/** Somebody calls, or does what `words` says; `stays` until somebody looks. */
export function tell(name: string, words = t('offer.note', { name }), stays = true): void {
  if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return
  note = new Notification(words, { tag: 'branchline-offer', requireInteraction: stays })
  note.onclick = () => {
    window.focus()
    note?.close()
  }
}

/** Rings for as long as a call is offered; what is written is said now and then, softly. */
export function begin(): () => void {
  return effect(() => {
    const offer = offers.value[0]
    const written = offered.value[0]
    clearInterval(timer)
    if (!offer && !written) {
      note?.close()
      if (title) document.title = title
      title = ''
      return
    }
    title ||= document.title
    if (!offer) {
      document.title = `✉ ${t('written.offer')}`
      timer = window.setInterval(chime, CHIMES)
      return
    }
    document.title = `☎ ${offer.caller?.name ?? offer.from}`
    ring()
    timer = window.setInterval(ring, 3000)
  })
}
