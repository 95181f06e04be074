// What the chat says of itself, in each language that it has. A visitor's own words and the branch's are theirs.
const en = {
  open: 'Open chat',
  opened: 'Chat',
  close: 'Close chat',
  title: 'Chat with us',
  lines: 'Messages',
  write: 'Your message',
  send: 'Send',
  attach: 'Send a file',
  connecting: 'Connecting …',
  offline: 'No connection. What you write is sent as soon as there is one.',
  elsewhere: 'This page may not use the chat.',
  crowded: 'Many people are writing at the moment. One moment, please …',
  typing: 'Somebody is writing …',
  sending: 'Sending …',
  sent: 'Sent',
  seen: 'Seen',
  you: 'You',
  us: 'Our answer',
  system: 'Chat',
  unread: (count: number) => (count === 1 ? '1 new message' : `${count} new messages`),
  place: (ahead: number) => {
    const nth = ['next', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'][ahead]
    if (nth === undefined) return `${ahead} people are before you.`
    return ahead === 0 ? 'You are next.' : `You are ${nth} in line.`
  },
  again: 'Try again',
  not_empty: 'There is nothing in it.',
  not_long: 'That is too long: 4,096 characters at most.',
  not_file: 'The file could not be sent.',
  file_large: (most: number) => `Files may have ${most} MB at most.`,
  file_kind: 'Files of this kind are not taken.',
  file_often: 'That were many files. Please wait some minutes.',
  file_later: 'The file could not be sent. Please try again.',
  uploading: (name: string) => `${name} is being sent`,
  cancel: 'Cancel',
  missing: 'A file that could not be had',
  place_on_map: 'A place on the map',
  file: 'File',
  name: 'Your name',
  mail: 'Your mail address',
  begin: 'Begin',
  optional: '(if you like)',
  answers: 'Answers to choose from',
  invite_close: 'No, thank you',
  call: 'Speak with us here',
  call_invited: 'We would like to speak with you, here in your browser.',
  call_asking: 'One moment … Your browser may ask for your microphone.',
  call_ringing: 'Connected. Somebody will be with you soon.',
  call_up: 'You are speaking with us.',
  call_held: 'You are on hold. One moment, please …',
  call_lost: 'Your call goes on.',
  call_go_on: 'Go on here',
  call_end: 'End the call',
  call_mute: 'Mute',
  call_no: 'The call could not be made.',
  call_off: 'Calls are not possible here at the moment.',
  call_busy: 'All lines are in use. Please try again in a moment.',
  call_over: 'The call has ended.',
  call_mic: 'Calls need your microphone. Your browser says no.',
}

export type Words = typeof en

const de: Words = {
  open: 'Chat öffnen',
  opened: 'Chat',
  close: 'Chat schließen',
  title: 'Chatten Sie mit uns',
  lines: 'Nachrichten',
  write: 'Ihre Nachricht',
  send: 'Senden',
  attach: 'Datei senden',
  connecting: 'Verbindung wird aufgebaut …',
  offline: 'Keine Verbindung. Was Sie schreiben, wird gesendet, sobald es eine gibt.',
  elsewhere: 'Diese Seite darf den Chat nicht verwenden.',
  crowded: 'Gerade schreiben viele. Einen Augenblick, bitte …',
  typing: 'Jemand schreibt …',
  sending: 'Wird gesendet …',
  sent: 'Gesendet',
  seen: 'Gelesen',
  you: 'Sie',
  us: 'Unsere Antwort',
  system: 'Chat',
  unread: (count) => (count === 1 ? '1 neue Nachricht' : `${count} neue Nachrichten`),
  place: (ahead) => {
    if (ahead === 0) return 'Sie sind als Nächstes dran.'
    return ahead === 1 ? 'Vor Ihnen ist noch jemand.' : `Vor Ihnen sind noch ${ahead}.`
  },
  again: 'Noch einmal',
  not_empty: 'Da steht nichts.',
  not_long: 'Das ist zu lang: höchstens 4.096 Zeichen.',
  not_file: 'Die Datei konnte nicht gesendet werden.',
  file_large: (most) => `Dateien dürfen höchstens ${most} MB haben.`,
  file_kind: 'Dateien dieser Art werden nicht angenommen.',
  file_often: 'Das waren viele Dateien. Bitte warten Sie einige Minuten.',
  file_later: 'Die Datei konnte nicht gesendet werden. Bitte versuchen Sie es noch einmal.',
  uploading: (name) => `${name} wird gesendet`,
  cancel: 'Abbrechen',
  missing: 'Eine Datei, die nicht zu haben war',
  place_on_map: 'Ein Ort auf der Karte',
  file: 'Datei',
  name: 'Ihr Name',
  mail: 'Ihre Mailadresse',
  begin: 'Beginnen',
  optional: '(wenn Sie möchten)',
  answers: 'Antworten zur Auswahl',
  invite_close: 'Nein, danke',
  call: 'Hier mit uns sprechen',
  call_invited: 'Wir möchten gern mit Ihnen sprechen, hier in Ihrem Browser.',
  call_asking: 'Einen Augenblick … Ihr Browser fragt vielleicht nach dem Mikrofon.',
  call_ringing: 'Verbunden. Gleich ist jemand für Sie da.',
  call_up: 'Sie sprechen mit uns.',
  call_held: 'Sie werden gehalten. Einen Augenblick, bitte …',
  call_lost: 'Ihr Gespräch läuft noch.',
  call_go_on: 'Hier weitersprechen',
  call_end: 'Auflegen',
  call_mute: 'Stumm',
  call_no: 'Der Anruf kam nicht zustande.',
  call_off: 'Anrufe sind hier gerade nicht möglich.',
  call_busy: 'Alle Leitungen sind belegt. Bitte versuchen Sie es gleich noch einmal.',
  call_over: 'Das Gespräch ist zu Ende.',
  call_mic: 'Zum Sprechen wird Ihr Mikrofon gebraucht. Ihr Browser erlaubt es nicht.',
}

const ALL: Record<string, Words> = { en, de }

/** The first of these languages that the chat has, and its words. */
export function words(languages: readonly string[]): [string, Words] {
  for (const language of languages) {
    const short = language.toLowerCase().split('-')[0] ?? ''
    const own = ALL[short]
    if (own) return [short, own]
  }
  return ['en', en]
}
