// The small things that every page is made of.
import type { ButtonHTMLAttributes, ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { Problem } from '../api'
import { t, type Key } from '../words'
import { Icon, type IconName } from './icon'

type Children = { children?: ComponentChildren }

type ButtonProps = Children & {
  kind?: 'main' | 'plain' | 'quiet' | 'bad'
  icon?: IconName
  /** What it is called where only its icon is shown. */
  label?: string
  /** The key that does the same, shown beside it. */
  hint?: string
  pressed?: boolean
  busy?: boolean
} & Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'icon' | 'label'>

export function Button({ kind = 'plain', icon, label, hint, pressed, busy, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      class={`button ${kind}${children ? '' : ' square'}`}
      aria-label={children ? undefined : label}
      title={label ? (hint ? `${label} (${hint})` : label) : undefined}
      aria-pressed={pressed}
      aria-busy={busy || undefined}
      aria-keyshortcuts={hint}
      {...rest}
      disabled={rest.disabled || busy}
    >
      {icon && <Icon name={icon} />}
      {children && <span>{children}</span>}
      {hint && children && <kbd aria-hidden="true">{hint}</kbd>}
    </button>
  )
}

type FieldProps = { label: string; hint?: string; problem?: string | null; wide?: boolean } & Children

/** A label with what is filled in, which gets the label's id. */
export function Field({ label, hint, problem, children, wide }: FieldProps) {
  return (
    <label class={wide ? 'field wide' : 'field'}>
      <span class="name">{label}</span>
      {children}
      {hint && <span class="hint">{hint}</span>}
      {problem && (
        <span class="problem" role="alert">
          {problem}
        </span>
      )}
    </label>
  )
}

export type Shade = 'good' | 'warn' | 'bad' | 'note' | 'none'

/** A state: a mark of its own shape and a word, never a colour alone. */
export function Lamp({ shade, children }: { shade: Shade } & Children) {
  return (
    <span class={`lamp ${shade}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        {shade === 'good' && <circle cx="6" cy="6" r="4.5" />}
        {shade === 'warn' && <path d="M6 1 11.5 11H.5z" />}
        {shade === 'bad' && <rect x="1.5" y="1.5" width="9" height="9" />}
        {shade === 'note' && <path d="M6 .5 11.5 6 6 11.5.5 6z" />}
        {shade === 'none' && <circle cx="6" cy="6" r="3.7" fill="none" stroke="currentColor" stroke-width="1.6" />}
      </svg>
      {children && <span>{children}</span>}
    </span>
  )
}

export function Tag({ children, shade = 'none' }: { shade?: Shade } & Children) {
  return <span class={`tag ${shade}`}>{children}</span>
}

type SectionProps = Children & { title: string; side?: ComponentChildren; level?: 2 | 3; class?: string }

/** A part of a page with its heading. */
export function Section({ title, side, level = 2, children, class: extra = '' }: SectionProps) {
  const id = useId()
  const Heading = `h${level}` as 'h2' | 'h3'
  return (
    <section class={`section ${extra}`} aria-labelledby={id}>
      <header>
        <Heading id={id}>{title}</Heading>
        {side && <div class="side">{side}</div>}
      </header>
      {children}
    </section>
  )
}

export function Empty({ children }: Children) {
  return <p class="empty">{children}</p>
}

/** Something that everybody should read, now. */
export function Notice({ shade, children, actions }: { shade: Shade; actions?: ComponentChildren } & Children) {
  return (
    <div class={`notice ${shade}`} role={shade === 'bad' ? 'alert' : 'status'}>
      <Lamp shade={shade} />
      <div class="words">{children}</div>
      {actions && <div class="actions">{actions}</div>}
    </div>
  )
}

type DialogProps = Children & { title: string; close: () => void; wide?: boolean; lasting?: boolean }

/** A window over the page: the browser keeps the focus inside it, and gives it back. */
export function Dialog({ title, close, children, wide, lasting }: DialogProps) {
  const own = useRef<HTMLDialogElement>(null)
  const id = useId()
  useLayoutEffect(() => {
    own.current?.showModal()
  }, [])
  return (
    <dialog
      ref={own}
      class={wide ? 'wide' : ''}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        if (!lasting) close()
      }}
      onClick={(event) => {
        if (!lasting && event.target === own.current) close()
      }}
    >
      <div class="inside">
        <header>
          <h2 id={id}>{title}</h2>
          {!lasting && <Button kind="quiet" icon="close" label={t('close')} onClick={close} />}
        </header>
        {children}
      </div>
    </dialog>
  )
}

/** A problem in the reader's words, where there are any; else in the box's. */
export function wordsOf(problem: unknown): string {
  if (!(problem instanceof Problem)) return String(problem)
  const known: Partial<Record<string, Key>> = {
    unreachable: 'problem.unreachable',
    busy: 'problem.busy',
    'wrong-password': 'problem.password',
    'sign-in-needed': 'problem.session',
    'not-allowed': 'problem.allowed',
  }
  const key = known[problem.kind]
  if (problem.kind === 'not-allowed') return `${t('problem.allowed')} ${problem.detail}`
  if (key) return t(key)
  return [problem.detail, problem.advice].filter(Boolean).join(' — ') || t('problem.unknown')
}
