// A recording: asked for when somebody wants to hear it, since that is written down; then drawn and played.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { bytesOf, Problem } from '../api'
import { Button, wordsOf } from '../parts/ui'
import { clock, t } from '../words'

/** Places of the drawing: more than anybody tells apart. */
const PLACES = 400
/** Seconds by which an arrow key goes on or back. */
const STEP = 5

type Sound = { at: string; seconds: number; sides: readonly number[][] }

/** `parties` are those whom its sides are of, whoever called first. */
export function Player({ recording, name, parties }: { recording: string; name: string; parties: readonly string[] }) {
  const sound = useSignal<Sound | null>(null)
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const at = sound.value?.at
  useEffect(() => () => (at ? URL.revokeObjectURL(at) : undefined), [at])
  const fetchIt = async (): Promise<void> => {
    busy.value = true
    problem.value = null
    try {
      const bytes = await bytesOf(`/recordings/${recording}/audio`)
      sound.value = { at: URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' })), ...drawn(bytes) }
    } catch (why) {
      problem.value = why instanceof Problem && why.kind === 'not-found' ? t('calls.listen.gone') : wordsOf(why)
    }
    busy.value = false
  }
  if (sound.value) return <Loaded sound={sound.value} name={name} parties={parties} />
  return (
    <div class="body stack">
      <div class="row">
        <Button icon="play" busy={busy.value} onClick={() => void fetchIt()}>
          {t('calls.listen')}
        </Button>
      </div>
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </div>
  )
}

function Loaded({ sound, name, parties }: { sound: Sound; name: string; parties: readonly string[] }) {
  const out = useRef<HTMLAudioElement>(null)
  const group = useRef<HTMLDivElement>(null)
  const plays = useSignal(false)
  const place = useSignal(0)
  const all = clock(sound.seconds)
  useEffect(() => {
    // Whoever asked for it wants to hear it, and has the button that stops it under the finger.
    group.current?.querySelector('button')?.focus()
    void out.current?.play().catch(() => undefined)
  }, [])
  const go = (seconds: number): void => {
    place.value = Math.min(sound.seconds, Math.max(0, seconds))
    if (out.current) out.current.currentTime = place.value
  }
  const turn = (): void => {
    if (plays.value) out.current?.pause()
    else void out.current?.play().catch(() => undefined)
  }
  const pressed = (event: KeyboardEvent): void => {
    const [on, back] = [event.key === 'ArrowRight' || event.key === 'ArrowUp', event.key === 'ArrowLeft' || event.key === 'ArrowDown']
    if (event.key === ' ') turn()
    else if (on || back) go(place.value + (on ? STEP : -STEP))
    else return
    event.preventDefault()
  }
  return (
    <div class="body player" role="group" aria-label={name} ref={group}>
      <Button icon={plays.value ? 'hold' : 'play'} label={t(plays.value ? 'calls.pause' : 'calls.play')} onClick={turn} />
      <div class="sides small soft">
        {parties.slice(0, sound.sides.length).map((party, row) => (
          <span key={row}>{party}</span>
        ))}
      </div>
      <div class="wave">
        <Wave sides={sound.sides} heard={sound.seconds > 0 ? place.value / sound.seconds : 0} />
        <input
          type="range"
          min="0"
          max={sound.seconds}
          step="0.01"
          value={place.value}
          aria-label={t('calls.place')}
          aria-valuetext={t('calls.place.at', { at: clock(place.value), all })}
          onInput={(event) => go(Number(event.currentTarget.value))}
          onKeyDown={pressed}
        />
      </div>
      <span class="number small">
        {clock(place.value)} / {all}
      </span>
      <audio
        ref={out}
        src={sound.at}
        onPlay={() => (plays.value = true)}
        onPause={() => (plays.value = false)}
        onTimeUpdate={(event) => (place.value = event.currentTarget.currentTime)}
      />
    </div>
  )
}

/** One party above the other, time from left to right; what was heard is darker. */
function Wave({ sides, heard }: { sides: readonly number[][]; heard: number }) {
  const high = 40
  const drawing = (side: readonly number[], row: number): string =>
    side.map((peak, x) => `M${x} ${high * (row + 0.5) - peak * high * 0.45}v${Math.max(0.5, peak * high * 0.9)}`).join('')
  return (
    <svg viewBox={`0 0 ${PLACES} ${high * sides.length}`} height={high * sides.length} preserveAspectRatio="none" aria-hidden="true">
      {sides.map((side, row) => (
        <path key={row} d={drawing(side, row)} />
      ))}
      <rect class="heard" width={heard * PLACES} height="100%" />
      <path class="place" d={`M${heard * PLACES} 0V${high * sides.length}`} />
    </svg>
  )
}

/** How long a WAV file of 16 bits is, and how loud each place of each of its sides is, 0 to 1. */
function drawn(bytes: ArrayBuffer): { seconds: number; sides: number[][] } {
  const view = new DataView(bytes)
  let [channels, rate, data, length] = [1, 8000, 44, Math.max(0, view.byteLength - 44)]
  for (let chunk = 12; chunk + 8 <= view.byteLength; chunk += 8 + view.getUint32(chunk + 4, true)) {
    const kind = view.getUint32(chunk)
    if (kind === 0x666d7420) {
      channels = Math.max(1, view.getUint16(chunk + 10, true))
      rate = Math.max(1, view.getUint32(chunk + 12, true))
    }
    if (kind === 0x64617461) {
      // A recording that was cut off says more than there is.
      ;[data, length] = [chunk + 8, Math.min(view.getUint32(chunk + 4, true), view.byteLength - chunk - 8)]
      break
    }
  }
  const frames = Math.floor(length / 2 / channels)
  const sides = Array.from({ length: channels }, () => new Array<number>(PLACES).fill(0))
  // Of a long one not every sample is looked at.
  const step = Math.max(1, Math.floor(frames / 400_000))
  for (let frame = 0; frame < frames; frame += step) {
    const place = Math.floor((frame * PLACES) / frames)
    sides.forEach((side, channel) => {
      const loud = Math.abs(view.getInt16(data + 2 * (frame * channels + channel), true)) / 32768
      if (loud > (side[place] ?? 0)) side[place] = loud
    })
  }
  // The loudest fills its half: a quiet line is seen as well as a loud one, and who is quieter than the other still is.
  const most = Math.max(0.05, ...sides.flat())
  return { seconds: frames / rate, sides: sides.map((side) => side.map((peak) => peak / most)) }
}
