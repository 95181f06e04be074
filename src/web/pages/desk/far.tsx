// What is heard of whoever is at the other end: one loudspeaker for each leg, so that a second call takes nothing of the first.
import { useEffect, useRef } from 'preact/hooks'
import { speaker, streams } from './phone'

export function Far() {
  return (
    <>
      {[...streams.value].map(([leg, stream]) => (
        <Loud key={leg} stream={stream} />
      ))}
    </>
  )
}

function Loud({ stream }: { stream: MediaStream }) {
  const own = useRef<HTMLAudioElement>(null)
  const where = speaker.value
  useEffect(() => {
    const out = own.current
    if (!out) return
    out.srcObject = stream
    // Whoever answered has clicked or pressed a key, so that the page may sound.
    out.play().catch(() => undefined)
    return () => {
      out.srcObject = null
    }
  }, [stream])
  useEffect(() => {
    const out = own.current
    if (out && 'setSinkId' in out) out.setSinkId(where).catch(() => undefined)
  }, [where])
  return <audio ref={own} autoplay />
}
