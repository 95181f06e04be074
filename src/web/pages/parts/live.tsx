// What somebody who does not see the page is told: new lines alone, politely; what cannot wait, at once.
import { signal } from '@preact/signals'

const polite = signal('')
const urgent = signal('')

/** Says it to whoever listens. The same words again are said again. */
export function announce(words: string, now = false): void {
  const own = now ? urgent : polite
  own.value = ''
  requestAnimationFrame(() => {
    own.value = words
  })
}

export function Live() {
  return (
    <>
      <div class="unseen" role="status" aria-live="polite">
        {polite}
      </div>
      <div class="unseen" role="alert" aria-live="assertive">
        {urgent}
      </div>
    </>
  )
}
