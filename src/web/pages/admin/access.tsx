// Who may do what: users and their roles, tokens of programs, who is signed in.
import { useSignal } from '@preact/signals'
import { ask, me, nameOf } from '../api'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { Button, Dialog, Empty, Field, Lamp, Section, Tag, wordsOf } from '../parts/ui'
import type {
  AgentPage,
  MadeToken,
  Role,
  Scope,
  SessionLine,
  SessionLinePage,
  TokenLine,
  TokenLinePage,
  UserLine,
  UserLinePage,
} from '../schema'
import { named, t, when } from '../words'

const ROLES: readonly Role[] = ['agent', 'supervisor', 'admin', 'auditor']
const SCOPES: readonly Scope[] = ['read', 'calls', 'control', 'agents', 'recordings', 'people', 'records', 'events', 'admin', 'audit']

/** Whether somebody may change what is here; an auditor looks. */
function mayChange(): boolean {
  return me.value?.role === 'admin'
}

export function Access() {
  return (
    <>
      <Users />
      <Tokens />
      <Sessions />
    </>
  )
}

function Users() {
  const { value, problem, again } = useLoaded<UserLinePage>('/users')
  const open = useSignal<UserLine | 'new' | null>(null)
  return (
    <Section
      title={t('users')}
      side={
        mayChange() && (
          <Button icon="plus" onClick={() => (open.value = 'new')}>
            {t('users.new')}
          </Button>
        )
      }
    >
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<UserLine>
        name={t('users')}
        rows={value.value?.items}
        id={({ name }) => name}
        empty={t('none')}
        columns={[
          { name: t('column.name'), show: ({ name }) => <strong>{name}</strong> },
          { name: t('own.role'), show: ({ role }) => <Tag>{named('role', role)}</Tag> },
          { name: t('own.agent'), show: ({ agent }) => agent ?? '–' },
          {
            name: t('users.door'),
            show: ({ disabled, has_password: has }) => (
              <Lamp shade={disabled ? 'bad' : 'good'}>{t(disabled ? 'users.shut' : has ? 'users.password' : 'users.elsewhere')}</Lamp>
            ),
          },
          {
            name: '',
            show: (user) =>
              mayChange() && (
                <Button kind="quiet" onClick={() => (open.value = user)}>
                  {t('edit')}
                </Button>
              ),
          },
        ]}
      />
      {open.value && <OneUser user={open.value === 'new' ? null : open.value} close={() => (open.value = null)} done={again} />}
    </Section>
  )
}

function OneUser({ user, close, done }: { user: UserLine | null; close: () => void; done: () => Promise<void> }) {
  const problem = useSignal<string | null>(null)
  const agents = useLoaded<AgentPage>('/agents').value.value?.items ?? []
  const save = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const text = (name: string): string | null => String(given.get(name) ?? '').trim() || null
    const body = { role: text('role'), password: text('password'), agent: text('agent') }
    problem.value = null
    try {
      if (user) await ask('PATCH', `/users/${encodeURIComponent(user.name)}`, { ...body, disabled: given.has('disabled') })
      else await ask('POST', '/users', { ...body, name: text('name') })
      await done()
      close()
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  return (
    <Dialog title={user?.name ?? t('users.new')} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void save(event.currentTarget)
        }}
      >
        {!user && (
          <Field label={t('column.name')} hint={t('users.hint')}>
            <input name="name" required maxLength={64} pattern="[a-z0-9][a-z0-9._@\-]*" autocomplete="off" autocapitalize="none" />
          </Field>
        )}
        <div class="form two">
          <Field label={t('own.role')}>
            <select name="role" defaultValue={user?.role ?? 'agent'}>
              {ROLES.map((role) => (
                <option key={role} value={role} selected={role === (user?.role ?? 'agent')}>
                  {named('role', role)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t('own.agent')}>
            <select name="agent">
              <option value="">–</option>
              {agents.map(({ agent }) => (
                <option key={agent} value={agent} selected={agent === user?.agent}>
                  {agent}
                </option>
              ))}
            </select>
          </Field>
        </div>
        <Field label={t(user ? 'users.newpassword' : 'signin.password')} hint={t('users.length')}>
          <input name="password" type="password" minLength={10} maxLength={256} autocomplete="new-password" required={!user} />
        </Field>
        {user && user.name !== (me.value ? nameOf(me.value) : '') && (
          <label class="check">
            <input type="checkbox" name="disabled" defaultChecked={user.disabled} />
            {t('users.disable')}
          </label>
        )}
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row end">
          <Button onClick={close}>{t('cancel')}</Button>
          <Button kind="main" type="submit">
            {t('save')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function Tokens() {
  const { value, problem, again } = useLoaded<TokenLinePage>('/tokens')
  const making = useSignal(false)
  return (
    <Section
      title={t('tokens')}
      side={
        mayChange() && (
          <Button icon="plus" onClick={() => (making.value = true)}>
            {t('tokens.new')}
          </Button>
        )
      }
    >
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<TokenLine>
        name={t('tokens')}
        rows={value.value?.items}
        id={({ prefix }) => prefix}
        empty={t('tokens.none')}
        columns={[
          { name: t('tokens.prefix'), show: ({ prefix }) => <span class="mono">{prefix}…</span> },
          { name: t('column.name'), show: ({ name }) => name },
          { name: t('own.role'), show: ({ role }) => named('role', role) },
          { name: t('tokens.scopes'), show: ({ scopes }) => scopes.join(', ') },
          { name: t('column.until'), show: ({ expires }) => (expires ? when(expires) : t('tokens.ever')) },
          {
            name: '',
            show: ({ prefix }) =>
              mayChange() && (
                <Button kind="quiet" onClick={() => void ask('DELETE', `/tokens/${prefix}`).then(again)}>
                  {t('tokens.revoke')}
                </Button>
              ),
          },
        ]}
      />
      {making.value && <NewToken close={() => (making.value = false)} done={again} />}
    </Section>
  )
}

function NewToken({ close, done }: { close: () => void; done: () => Promise<void> }) {
  const problem = useSignal<string | null>(null)
  const made = useSignal<MadeToken | null>(null)
  const make = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const days = Number(given.get('days'))
    problem.value = null
    try {
      made.value = await ask<MadeToken>('POST', '/tokens', {
        name: String(given.get('name')).trim(),
        role: given.get('role'),
        scopes: given.getAll('scope'),
        ...(days > 0 ? { days } : {}),
      })
      await done()
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  if (made.value)
    return (
      <Dialog title={t('tokens.made')} close={close}>
        <p>{t('tokens.once')}</p>
        <Field label={t('tokens.itself')}>
          <input class="mono" readOnly value={made.value.token} onFocus={(event) => event.currentTarget.select()} />
        </Field>
        <div class="row end">
          <Button kind="main" onClick={close}>
            {t('tokens.have')}
          </Button>
        </div>
      </Dialog>
    )
  return (
    <Dialog title={t('tokens.new')} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void make(event.currentTarget)
        }}
      >
        <Field label={t('tokens.for')}>
          <input name="name" required maxLength={100} autocomplete="off" />
        </Field>
        <div class="form two">
          <Field label={t('tokens.most')}>
            <select name="role">
              {ROLES.map((role) => (
                <option key={role} value={role}>
                  {named('role', role)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t('tokens.days')}>
            <input name="days" type="number" min={1} max={3650} defaultValue="365" />
          </Field>
        </div>
        <fieldset class="scopes">
          <legend>{t('tokens.scopes')}</legend>
          {SCOPES.map((scope) => (
            <label class="check" key={scope}>
              <input type="checkbox" name="scope" value={scope} defaultChecked={scope === 'read'} />
              {scope}
            </label>
          ))}
        </fieldset>
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
        <div class="row end">
          <Button onClick={close}>{t('cancel')}</Button>
          <Button kind="main" type="submit">
            {t('tokens.make')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function Sessions() {
  const { value, problem, again } = useLoaded<SessionLinePage>('/sessions', 30)
  return (
    <Section title={t('sessions')}>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<SessionLine>
        name={t('sessions')}
        rows={value.value?.items}
        id={({ session }) => session}
        empty={t('none')}
        columns={[
          { name: t('column.name'), show: ({ user }) => <strong>{user}</strong> },
          { name: t('column.since'), show: ({ since }) => when(since) },
          { name: t('sessions.which'), show: ({ session }) => <span class="mono">{session}</span> },
          {
            name: '',
            show: ({ session }) =>
              mayChange() && (
                <Button kind="quiet" onClick={() => void ask('DELETE', `/sessions/${session}`).then(again)}>
                  {t('sessions.end')}
                </Button>
              ),
          },
        ]}
      />
    </Section>
  )
}
