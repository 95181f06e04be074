// The chat speaks first: on some pages, after a while, and not again for hours.
export type Invite = { path: string; after_s: number; text: string; every_h: number }

const key = (name: string): string => `branchline.chat.${name}.invited`

/** Whether a path is one of these; a `*` stands for anything. */
export function fits(rule: string, path: string): boolean {
  const parts = rule.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(path)
}

export function due(name: string, rule: Invite): boolean {
  try {
    return Date.now() - Number(localStorage.getItem(key(name)) ?? 0) > rule.every_h * 3_600_000
  } catch {
    // Where nothing can be kept, nobody is spoken to on every page.
    return false
  }
}

export function note(name: string): void {
  try {
    localStorage.setItem(key(name), String(Date.now()))
  } catch {
    // See above: it is not asked then.
  }
}
