// Asking the box: one function, the session's CSRF token with whatever changes something, and problems as they are told.
import { signal } from '@preact/signals'
import type { KeptFile, Me } from './schema'

const BASE = '/api/v1'

/** Why something was not done, as the box says it (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly kind: string,
    readonly status: number,
    readonly detail: string,
    readonly advice: string,
    readonly retryAfter: number | null = null,
    readonly at: string | null = null,
  ) {
    super(detail)
  }
}

/** Who has signed in: not known yet, nobody, or somebody. */
export const me = signal<Me | null | undefined>(undefined)
/** Whether a session has ended under the page's feet: what is on it stays, behind the sign-in. */
export const expired = signal(false)

const others = 'BroadcastChannel' in window ? new BroadcastChannel('branchline-session') : null
others?.addEventListener('message', () => void look())

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The bytes that stand under a path, such as sound. */
export async function bytesOf(path: string): Promise<ArrayBuffer> {
  const answer = await fetch(BASE + path, { credentials: 'same-origin', cache: 'no-store' }).catch(() => {
    throw new Problem('unreachable', 0, '', '')
  })
  if (!answer.ok) throw await refused(answer)
  return answer.arrayBuffer()
}

/** Gives the box a file that is to go with a message. */
export async function keepFile(file: File): Promise<KeptFile> {
  const headers: Record<string, string> = { 'Content-Type': file.type || 'application/octet-stream', 'X-File-Name': encodeURIComponent(file.name) }
  if (me.value?.csrf) headers['X-CSRF-Token'] = me.value.csrf
  const answer = await fetch(`${BASE}/files`, { method: 'POST', body: file, headers, credentials: 'same-origin' }).catch(() => {
    throw new Problem('unreachable', 0, '', '')
  })
  if (!answer.ok) throw await refused(answer)
  return (await answer.json()) as KeptFile
}

/**
 * Asks for something, or has it done: only to what was seen, where that is named; under one key only once, however often it is
 * asked for.
 */
export async function ask<T>(method: Method, path: string, body?: unknown, seen?: string, key?: string): Promise<T> {
  try {
    return await once<T>(method, path, body, seen, key)
  } catch (problem) {
    // Another tab has signed in again: the cookie is the new one's, and so must the token beside it be.
    if (!(problem instanceof Problem) || problem.kind !== 'csrf') throw problem
    await look()
    return once<T>(method, path, body, seen, key)
  }
}

async function once<T>(method: Method, path: string, body?: unknown, seen?: string, key?: string): Promise<T> {
  const headers: Record<string, string> = {}
  if (method !== 'GET' && me.value?.csrf) headers['X-CSRF-Token'] = me.value.csrf
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (seen !== undefined) headers['If-Match'] = `"${seen}"`
  if (key !== undefined) headers['Idempotency-Key'] = key
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' }
  if (body !== undefined) init.body = JSON.stringify(body)
  let answer: Response
  try {
    answer = await fetch(BASE + path, init)
  } catch {
    throw new Problem('unreachable', 0, '', '')
  }
  if (!answer.ok) throw await refused(answer)
  return (answer.status === 204 ? undefined : await answer.json()) as T
}

async function refused(answer: Response): Promise<Problem> {
  const told = (await answer.json().catch(() => ({}))) as Record<string, unknown>
  const text = (name: string): string => (typeof told[name] === 'string' ? (told[name] as string) : '')
  const kind = text('type').split(':').pop() || 'unknown'
  const wait = typeof told['retry_after_s'] === 'number' ? (told['retry_after_s'] as number) : null
  if (kind === 'sign-in-needed' && me.value) expired.value = true
  return new Problem(kind, answer.status, text('detail'), text('do'), wait, text('at') || null)
}

/** Looks who has signed in, as far as the box knows. */
export async function look(): Promise<void> {
  try {
    const who = await once<Me>('GET', '/session')
    took(who)
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401 && !me.value) me.value = null
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  const who = await once<Me>('POST', '/session', { name, password })
  took(who)
  others?.postMessage('in')
}

function took(who: Me): void {
  // Somebody else than before: nothing of the one before may stay on the screen.
  const before = me.value
  if (before && nameOf(before) !== nameOf(who)) return location.reload()
  me.value = who
  expired.value = false
}

export async function signOut(): Promise<void> {
  const leave = me.value?.leave
  await ask('DELETE', '/session').catch(() => undefined)
  sessionStorage.clear()
  others?.postMessage('out')
  location.assign(leave ?? '/')
}

/** What somebody who signed in is called. */
export function nameOf(who: Me): string {
  return 'name' in who.who ? who.who.name : who.who.by
}
