// Signing in; also over a page whose session has ended, with whatever was being written still there behind it.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Problem, signIn, signOut } from './api'
import { meanwhile } from './parts/meanwhile'
import { Button, Dialog, Field, Notice, wordsOf } from './parts/ui'
import { choose, clock, language, LANGUAGES, t, type Language } from './words'

export function SignIn({ over }: { over?: string }) {
  if (over)
    return (
      <Dialog title={t('signin.again')} close={() => undefined} lasting>
        <p class="soft">{t('signin.over')}</p>
        {meanwhile.value && <meanwhile.value />}
        <Form name={over} />
        <Button kind="quiet" onClick={() => void signOut()}>
          {t('signin.other')}
        </Button>
      </Dialog>
    )
  return (
    <div class="door">
      <main class="section" id="main">
        <div class="brand">
          <img src="/favicon.svg" alt="" width="40" height="40" />
          <h1>Branchline</h1>
        </div>
        <Form />
      </main>
      <footer>
        <nav aria-label={t('own.language')}>
          {(Object.keys(LANGUAGES) as Language[]).map((tag) => (
            <Button
              key={tag}
              kind="quiet"
              lang={tag}
              pressed={language.value === tag}
              onClick={() => void choose(tag)}
            >
              {LANGUAGES[tag]}
            </Button>
          ))}
        </nav>
      </footer>
    </div>
  )
}

function Form({ name }: { name?: string }) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const [shut, setShut] = useState(0)
  const first = useRef<HTMLInputElement>(null)
  // Before anybody can have begun to type.
  useLayoutEffect(() => {
    document.title = `${t('signin')} – Branchline`
    first.current?.focus()
  }, [])
  const left = useCountdown(shut)

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const given = new FormData(form)
    setBusy(true)
    setProblem(null)
    try {
      await signIn(name ?? String(given.get('name')).trim(), String(given.get('password')))
    } catch (refused) {
      if (refused instanceof Problem && refused.status === 429) {
        setShut(Date.now() + (refused.retryAfter ?? 30) * 1000)
      } else setProblem(wordsOf(refused))
      form.querySelector<HTMLInputElement>('[name=password]')?.select()
    }
    setBusy(false)
  }

  return (
    <form class="form" onSubmit={(event) => void submit(event as unknown as SubmitEvent)}>
      {left > 0 && (
        <Notice shade="warn">
          {t('signin.shut')} <span class="number">{clock(left)}</span>
        </Notice>
      )}
      {problem && left === 0 && <Notice shade="bad">{problem}</Notice>}
      {name === undefined ? (
        <Field label={t('signin.name')}>
          <input ref={first} name="name" autocomplete="username" autocapitalize="none" spellcheck={false} required maxLength={64} />
        </Field>
      ) : (
        <p>
          <strong>{name}</strong>
          <input type="hidden" name="username" autocomplete="username" value={name} />
        </p>
      )}
      <Field label={t('signin.password')}>
        <input ref={name === undefined ? undefined : first} name="password" type="password" autocomplete="current-password" required maxLength={256} />
      </Field>
      <Button kind="main" type="submit" busy={busy} disabled={left > 0}>
        {t('signin')}
      </Button>
    </form>
  )
}

/** Seconds until then. */
function useCountdown(until: number): number {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    const look = (): void => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)))
    look()
    if (until <= Date.now()) return
    const timer = window.setInterval(look, 500)
    return () => clearInterval(timer)
  }, [until])
  return left
}
