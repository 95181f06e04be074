import type { Words } from '../words'

import { admin } from './de_admin'
import { desk } from './de_desk'
import { lead } from './de_lead'
import { written } from './de_written'

export const de: Words = {
  ...desk,
  ...lead,
  ...admin,
  ...written,
  skip: 'Zum Inhalt',
  pages: 'Seiten',
  close: 'Schließen',
  cancel: 'Abbrechen',
  save: 'Speichern',
  again: 'Noch einmal',
  more: 'Mehr',
  none: 'Keine',

  'page.desk': 'Arbeitsplatz',
  'page.watch': 'Leitung',
  'page.admin': 'Technik',
  'page.none': 'Hier gibt es keine Seite für Sie: Bitten Sie die Verwaltung, Sie als Agent einzutragen.',
  'page.lost': 'Diese Seite konnte nicht geladen werden: Vielleicht wurde die Box erneuert.',
  'line.lost': 'Keine Verbindung zur Box. Was Sie sehen, kann veraltet sein; sie kommt von selbst zurück.',

  signin: 'Anmelden',
  signout: 'Abmelden',
  'signin.name': 'Name',
  'signin.password': 'Passwort',
  'signin.again': 'Noch einmal anmelden',
  'signin.over': 'Ihre Sitzung ist beendet. Von der Seite geht nichts verloren.',
  'signin.other': 'Als jemand anderes anmelden',
  'signin.shut': 'Zu viele falsche Passwörter. Noch einmal in',

  own: 'Sie und dieser Browser',
  'own.role': 'Rolle',
  'own.agent': 'Agent',
  'own.language': 'Sprache',
  'own.theme': 'Hell oder dunkel',
  'theme.auto': 'Wie das System',
  'theme.light': 'Hell',
  'theme.dark': 'Dunkel',
  'role.agent': 'Agent',
  'role.supervisor': 'Leitung',
  'role.admin': 'Technik',
  'role.auditor': 'Prüfung',

  'keys.help': 'Tastatur',
  'keys.later': 'In einem Gespräch und danach',
  'keys.letters': 'Einzelne Buchstaben tun etwas, wenn gerade nicht geschrieben wird',

  'problem.unreachable': 'Die Box antwortet nicht. Prüfen Sie das Netz, dann noch einmal.',
  'problem.busy': 'Die Box hat gerade zu viel zu tun. Versuchen Sie es in einigen Sekunden wieder.',
  'problem.password': 'Name oder Passwort stimmt nicht, oder diese Person darf sich nicht anmelden.',
  'problem.session': 'Sie sind nicht angemeldet.',
  'problem.allowed': 'Das ist nicht für Sie:',
  'problem.unknown': 'Es hat nicht geklappt.',

  'time.now': 'gerade eben',
}
