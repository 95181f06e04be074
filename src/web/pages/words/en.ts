// English: the measure of the other catalogues. A key with `.one` behind it is for one thing.
import { admin } from './en_admin'
import { desk } from './en_desk'
import { lead } from './en_lead'
import { written } from './en_written'

export const en = {
  ...desk,
  ...lead,
  ...admin,
  ...written,
  skip: 'Skip to content',
  pages: 'Pages',
  close: 'Close',
  cancel: 'Cancel',
  save: 'Save',
  again: 'Try again',
  more: 'More',
  none: 'None',

  'page.desk': 'Desk',
  'page.watch': 'Watch',
  'page.admin': 'Admin',
  'page.none': 'There is no page for you here: ask an admin to make you an agent.',
  'page.lost': 'This page could not be loaded: the box may have been renewed.',
  'line.lost': 'No connection to the box. What you see may be old; it comes back by itself.',

  signin: 'Sign in',
  signout: 'Sign out',
  'signin.name': 'Name',
  'signin.password': 'Password',
  'signin.again': 'Sign in again',
  'signin.over': 'Your session has ended. Nothing on the page is lost.',
  'signin.other': 'Sign in as somebody else',
  'signin.shut': 'Too many wrong passwords. Try again in',

  own: 'You and this browser',
  'own.role': 'Role',
  'own.agent': 'Agent',
  'own.language': 'Language',
  'own.theme': 'Light or dark',
  'theme.auto': 'As the system',
  'theme.light': 'Light',
  'theme.dark': 'Dark',
  'role.agent': 'Agent',
  'role.supervisor': 'Supervisor',
  'role.admin': 'Admin',
  'role.auditor': 'Auditor',

  'keys.help': 'Keyboard',
  'keys.later': 'In a call, and after it',
  'keys.letters': 'Keys of one letter do something outside of text fields',

  'problem.unreachable': 'The box does not answer. Check the network, then try again.',
  'problem.busy': 'The box has too much to do at this moment. Try again in some seconds.',
  'problem.password': 'The name or the password is wrong, or this user may not sign in.',
  'problem.session': 'You are not signed in.',
  'problem.allowed': 'This is not for you:',
  'problem.unknown': 'It did not work.',

  'time.now': 'just now',
}

/** Words of one page under a name that another has as well would be said there: this does not compile then. */
type Twice =
  | (keyof typeof desk & keyof typeof lead)
  | (keyof typeof desk & keyof typeof admin)
  | (keyof typeof lead & keyof typeof admin)
  | (keyof typeof written & (keyof typeof desk | keyof typeof lead | keyof typeof admin))
export const once: [Twice] extends [never] ? true : Twice = true
