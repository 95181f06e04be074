// A ring that can be heard and seen from elsewhere: a sound of our own, the tab's title, and a note of the system where the
// agent has allowed it.
import { effect } from '@preact/signals'
import { kept } from '../settings'
import { t } from '../words'
import { offers } from './state'

export const sound = kept<'on' | 'off'>('branchline-ring', 'on')

let context: AudioContext | null = null
let timer: number | undefined
let note: Notification | null = null
let title = ''

/** Two soft notes; the browser lets nobody make a sound before the first click or key. */
function ring(): void {
  if (sound.value === 'off') return
  context ??= new AudioContext()
  if (context.state === 'suspended') void context.resume()
  for (const [at, pitch] of [[0, 587], [0.22, 784]] as const) {
    const [tone, gain] = [context.createOscillator(), context.createGain()]
    const from = context.currentTime + at
    tone.frequency.value = pitch
    gain.gain.setValueAtTime(0, from)
    gain.gain.linearRampToValueAtTime(0.12, from + 0.02)
    gain.gain.exponentialRampToValueAtTime(0.0001, from + 0.6)
    tone.connect(gain).connect(context.destination)
    tone.start(from)
    tone.stop(from + 0.65)
  }
}

/** Somebody calls. */
export function tell(name: string): void {
  if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return
  note = new Notification(t('offer.note', { name }), { tag: 'branchline-offer', requireInteraction: true })
  note.onclick = () => {
    window.focus()
    note?.close()
  }
}

/** Rings for as long as something is offered. */
export function begin(): () => void {
  return effect(() => {
    const offer = offers.value[0]
    clearInterval(timer)
    if (!offer) {
      note?.close()
      if (title) document.title = title
      title = ''
      return
    }
    title ||= document.title
    document.title = `☎ ${offer.caller?.name ?? offer.from}`
    ring()
    timer = window.setInterval(ring, 3000)
  })
}
