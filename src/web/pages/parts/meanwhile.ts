// What a page shows beside the sign-in when its session has ended, as something goes on there that cannot wait.
import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'

export const meanwhile = signal<ComponentType | null>(null)
