// Something of the box that a page shows: had when the page comes, and again when it asks.
import { signal, type Signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { ask } from '../api'
import { wordsOf } from './ui'

export type Loaded<T> = {
  value: Signal<T | undefined>
  problem: Signal<string | null>
  again: () => Promise<void>
}

/** Of this path; again whenever the path is another, and every so many seconds where that is said. */
export function useLoaded<T>(path: string | null, every = 0): Loaded<T> {
  const [own] = useState(() => ({
    value: signal<T | undefined>(undefined),
    problem: signal<string | null>(null),
    path,
  }))
  own.path = path
  const again = async (): Promise<void> => {
    if (path === null) return
    try {
      const got = await ask<T>('GET', path)
      // What was asked for before does not come after what is asked for now.
      if (own.path !== path) return
      own.value.value = got
      own.problem.value = null
    } catch (problem) {
      if (own.path === path) own.problem.value = wordsOf(problem)
    }
  }
  useEffect(() => {
    void again()
    if (!every) return
    const timer = window.setInterval(() => {
      if (!document.hidden) void again()
    }, every * 1000)
    return () => clearInterval(timer)
  }, [path, every])
  return { value: own.value, problem: own.problem, again }
}
