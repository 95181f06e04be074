// A recording: asked for when somebody wants to hear it, since that is written down; then drawn and played.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Button } from '../parts/ui'
import { t } from '../words'

/** Places of the drawing: more than anybody tells apart. */
const PLACES = 400

export function Player({ recording, name }: { recording: string; name: string }) {
  const sound = useSignal<{ at: string; sides: readonly number[][] } | null>(null)
  const problem = useSignal(false)
  const at = sound.value?.at
  useEffect(() => () => (at ? URL.revokeObjectURL(at) : undefined), [at])
  const fetchIt = async (): Promise<void> => {
    try {
      const answer = await fetch(`/api/v1/recordings/${recording}/audio`, { credentials: 'same-origin', cache: 'no-store' })
      if (!answer.ok) throw new Error(String(answer.status))
      const bytes = await answer.arrayBuffer()
      sound.value = { at: URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' })), sides: peaks(bytes) }
      problem.value = false
    } catch {
      problem.value = true
    }
  }
  if (!sound.value)
    return (
      <div class="body">
        <Button icon="play" onClick={() => void fetchIt()}>
          {t('calls.listen')}
        </Button>
        {problem.value && <p class="wrong" role="alert">{t('calls.listen.not')}</p>}
      </div>
    )
  return (
    <div class="body">
      <Wave sides={sound.value.sides} name={name} />
      <audio controls src={sound.value.at} aria-label={name} />
    </div>
  )
}

/** One party above the other, time from left to right. */
function Wave({ sides, name }: { sides: readonly number[][]; name: string }) {
  const high = 40
  return (
    <svg viewBox={`0 0 ${PLACES} ${high * sides.length}`} width="100%" height={high * sides.length} preserveAspectRatio="none" role="img" aria-label={name}>
      {sides.map((side, row) => (
        <path key={row} d={side.map((peak, x) => `M${x} ${high * (row + 0.5) - peak * high * 0.5}v${Math.max(0.5, peak * high)}`).join('')} fill="none" stroke="currentColor" />
      ))}
    </svg>
  )
}

/** The loudest sample, 0 to 1, at each place of each side of a WAV file of 16 bits. */
function peaks(bytes: ArrayBuffer): number[][] {
  const view = new DataView(bytes)
  let [channels, data, length] = [1, 44, Math.max(0, view.byteLength - 44)]
  for (let chunk = 12; chunk + 8 <= view.byteLength; chunk += 8 + view.getUint32(chunk + 4, true)) {
    const kind = view.getUint32(chunk)
    if (kind === 0x666d7420) channels = Math.max(1, view.getUint16(chunk + 10, true))
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
  return sides
}
