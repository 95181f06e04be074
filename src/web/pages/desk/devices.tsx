// Which microphone and which loudspeaker, whether they work, and how good the way to the box is.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Button, Dialog, Field, Lamp, type Shade } from '../parts/ui'
import { t } from '../words'
import { sound } from './alert'
import { cleaned, listenIn, microphone, speaker } from './phone'

export function Devices({ close }: { close: () => void }) {
  const found = useSignal<readonly MediaDeviceInfo[]>([])
  const level = useSignal(0)
  const problem = useSignal<string | null>(null)
  useEffect(() => {
    let stopped = false
    let stop = (): void => undefined
    hear((value) => (level.value = value)).then(
      (end) => {
        stop = end
        if (stopped) end()
        void navigator.mediaDevices.enumerateDevices().then((all) => (found.value = all))
      },
      (why: unknown) => {
        problem.value = why instanceof DOMException ? why.name : String(why)
      },
    )
    return () => {
      stopped = true
      stop()
    }
  }, [microphone.value, cleaned.value])
  const of = (kind: MediaDeviceKind): MediaDeviceInfo[] => found.value.filter((own) => own.kind === kind && own.deviceId)
  return (
    <Dialog title={t('devices')} close={close}>
      <div class="form">
        <Field label={t('devices.microphone')} problem={problem.value && t('devices.silent', { why: problem.value })}>
          <select value={microphone.value} onChange={(event) => (microphone.value = event.currentTarget.value)}>
            <option value="">{t('devices.usual')}</option>
            {of('audioinput').map((own) => (
              <option key={own.deviceId} value={own.deviceId}>
                {own.label}
              </option>
            ))}
          </select>
        </Field>
        <div class="row">
          <span class="small soft" id="level">
            {t('devices.level')}
          </span>
          <meter class="grow" aria-labelledby="level" min={0} max={1} value={level.value} />
        </div>
        <Field label={t('devices.speaker')}>
          <select value={speaker.value} onChange={(event) => (speaker.value = event.currentTarget.value)}>
            <option value="">{t('devices.usual')}</option>
            {of('audiooutput').map((own) => (
              <option key={own.deviceId} value={own.deviceId}>
                {own.label}
              </option>
            ))}
          </select>
        </Field>
        <label class="check">
          <input type="checkbox" checked={cleaned.value === 'on'} onChange={(event) => (cleaned.value = event.currentTarget.checked ? 'on' : 'off')} />
          {t('devices.cleaned')}
        </label>
        <div class="row">
          <Button icon="play" onClick={() => void tone()}>
            {t('devices.tone')}
          </Button>
          <label class="check">
            <input type="checkbox" checked={sound.value === 'on'} onChange={(event) => (sound.value = event.currentTarget.checked ? 'on' : 'off')} />
            {t('devices.ring')}
          </label>
          {'Notification' in window && Notification.permission === 'default' && (
            <Button onClick={() => void Notification.requestPermission()}>{t('devices.notes')}</Button>
          )}
        </div>
        <Network />
      </div>
    </Dialog>
  )
}

/** How loud it is, some times in a second. Answers what ends it. */
async function hear(tell: (level: number) => void): Promise<() => void> {
  const stream = await listenIn()
  const context = new AudioContext()
  const look = context.createAnalyser()
  look.fftSize = 512
  context.createMediaStreamSource(stream).connect(look)
  const samples = new Uint8Array(look.fftSize)
  const timer = window.setInterval(() => {
    look.getByteTimeDomainData(samples)
    const power = samples.reduce((sum, own) => sum + ((own - 128) / 128) ** 2, 0) / samples.length
    tell(Math.min(1, Math.sqrt(power) * 3))
  }, 80)
  return () => {
    clearInterval(timer)
    for (const track of stream.getTracks()) track.stop()
    void context.close()
  }
}

/** A second of a tone, at the chosen loudspeaker. */
async function tone(): Promise<void> {
  const context = new AudioContext()
  const where = context as AudioContext & { setSinkId?: (id: string) => Promise<void> }
  if (speaker.value) await where.setSinkId?.(speaker.value).catch(() => undefined)
  const [own, gain] = [context.createOscillator(), context.createGain()]
  own.frequency.value = 440
  gain.gain.value = 0.15
  own.connect(gain).connect(context.destination)
  own.start()
  own.stop(context.currentTime + 1)
  own.onended = () => void context.close()
}

const ASKED = 10

function Network() {
  const told = useSignal<{ shade: Shade; middle: number; worst: number; lost: number } | 'busy' | null>(null)
  const test = async (): Promise<void> => {
    told.value = 'busy'
    const times: number[] = []
    let lost = 0
    for (let at = 0; at < ASKED; at += 1) {
      const begun = performance.now()
      const ok = await fetch('/healthz', { cache: 'no-store' }).then((answer) => answer.ok, () => false)
      if (ok) times.push(performance.now() - begun)
      else lost += 1
    }
    times.sort((a, b) => a - b)
    const [middle, worst] = [times[Math.floor(times.length / 2)] ?? 0, times.at(-1) ?? 0]
    // ITU-T G.114: up to 150 ms from mouth to ear nobody notices; the way there and back is what is measured here.
    const shade = lost > 0 || middle > 300 ? 'bad' : worst > 300 || middle > 120 ? 'warn' : 'good'
    told.value = { shade, middle, worst, lost }
  }
  const own = told.value
  return (
    <div class="row">
      <Button icon="tick" busy={own === 'busy'} onClick={() => void test()}>
        {t('devices.network')}
      </Button>
      <span role="status">
        {own && own !== 'busy' && (
          <Lamp shade={own.shade}>
            <span class="small number">
              {t('devices.way', { middle: Math.round(own.middle), worst: Math.round(own.worst), lost: own.lost })}
            </span>
          </Lamp>
        )}
      </span>
    </div>
  )
}
