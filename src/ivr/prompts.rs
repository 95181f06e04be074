//! The sounds that come with the box: names, and the WAV files behind them.
//!
//! The files are made by `firmware-config/prompts/make` and carried in the program, so that a box without a disk of its
//! own sounds speaks. A site's own file of the same name takes the place of one of these.

use include_dir::{Dir, include_dir};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/firmware-config/prompts/en");

/// Heard by an agent who has signed in.
pub const SIGNED_IN: &str = "signed-in";
/// Heard by an agent who has signed out.
pub const SIGNED_OUT: &str = "signed-out";
/// Heard by an agent who is on pause now.
pub const PAUSED: &str = "paused";
/// Heard by an agent who takes calls again.
pub const RESUMED: &str = "resumed";
/// Heard by whoever dials a code that is not for that extension.
pub const NOT_POSSIBLE: &str = "not-possible";
/// Heard by a caller for whom nobody can be had.
pub const UNAVAILABLE: &str = "unavailable";
/// Heard by whoever calls out for more than is allowed.
pub const CAP_REACHED: &str = "spending-limit";
/// Heard by whoever has their calls forwarded from now on.
pub const FORWARD_ON: &str = "forward-on";
/// Heard by whoever has them forwarded no more.
pub const FORWARD_OFF: &str = "forward-off";
/// Heard by whoever is not to be disturbed from now on.
pub const DO_NOT_DISTURB_ON: &str = "do-not-disturb-on";
/// Heard by whoever may be disturbed again.
pub const DO_NOT_DISTURB_OFF: &str = "do-not-disturb-off";
/// Heard by whoever hears further calls during a call from now on.
pub const CALL_WAITING_ON: &str = "call-waiting-on";
/// Heard by whoever does not.
pub const CALL_WAITING_OFF: &str = "call-waiting-off";
/// Heard by who parked a caller; the number of the place follows.
pub const PARKED_AT: &str = "parked-at";
/// Told to who waits, before the key to press.
pub const CALLBACK_OFFER: &str = "callback-offer";
/// Before the number that would be called back.
pub const CALLBACK_NUMBER: &str = "callback-number";
/// Behind it.
pub const CALLBACK_CONFIRM: &str = "callback-confirm";
/// Heard by who will be called back, before the call ends.
pub const CALLBACK_PROMISED: &str = "callback-promised";
/// Heard by who cannot be called back, and waits on.
pub const CALLBACK_NOT_POSSIBLE: &str = "callback-not-possible";
/// Behind the caller's own number, where another one may be keyed in.
pub const CALLBACK_OR_OTHER: &str = "callback-or-other";
/// Behind it where none may.
pub const CALLBACK_OR_NOT: &str = "callback-or-not";
/// Behind a number that was keyed in.
pub const CALLBACK_OR_AGAIN: &str = "callback-or-again";
/// Asks for a number.
pub const CALLBACK_KEY: &str = "callback-key";
/// Said of a number that nobody here may call.
pub const CALLBACK_REFUSED: &str = "callback-refused";
/// Heard by who cannot be called back, and goes on elsewhere.
pub const CALLBACK_SORRY: &str = "callback-sorry";
/// In place of [`CALLBACK_PROMISED`] while it is closed; the day and the time follow.
pub const CALLBACK_PROMISED_LATER: &str = "callback-promised-later";
/// Heard by who asks or tells a schedule.
pub const SCHEDULE_OPEN: &str = "schedule-open";
/// The same.
pub const SCHEDULE_CLOSED: &str = "schedule-closed";
/// The same.
pub const SCHEDULE_HOLIDAY: &str = "schedule-holiday";
/// Heard by who signs in at another phone.
pub const ENTER_PIN: &str = "enter-pin";
/// Heard by who does so with a wrong PIN.
pub const WRONG_PIN: &str = "wrong-pin";
/// Said before hanging up.
pub const GOODBYE: &str = "goodbye";
/// Said after a message was taken.
pub const MESSAGE_SAVED: &str = "message-saved";
/// Asks a caller for the PIN of a conference.
pub const CONFERENCE_PIN: &str = "conference-pin";
/// Said after something wrong was keyed in.
pub const INVALID_ENTRY: &str = "invalid-entry";
/// Tells whoever is recorded.
pub const RECORDING_NOTICE: &str = "recording-notice";
/// Behind it where a key refuses; the key follows.
pub const RECORDING_REFUSE: &str = "recording-refuse";
/// Before the number that help would see.
pub const HELP_TEST: &str = "help-test";
/// Before the place that help would see.
pub const HELP_PLACE: &str = "help-place";
/// Where a phone's place is not known.
pub const HELP_NO_PLACE: &str = "help-no-place";
/// Before the digits of a house number.
pub const HELP_HOUSE: &str = "help-house";
/// Before the digits of a floor.
pub const HELP_FLOOR: &str = "help-floor";
/// Before the digits of a room.
pub const HELP_ROOM: &str = "help-room";
/// Before the digits of a postal code.
pub const HELP_POSTAL: &str = "help-postal";
/// Played to whoever waits.
pub const HOLD_MUSIC: &str = "hold-music";

/// Every built-in sound: its name, and its WAV file.
pub fn builtin() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.files().filter_map(|file| {
        let name = file.path().file_name()?.to_str()?.strip_suffix(".wav")?;
        Some((name, file.contents()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_the_program_uses_has_a_file() {
        let names: Vec<_> = builtin().map(|(name, _)| name).collect();
        for name in [
            SIGNED_IN,
            SIGNED_OUT,
            PAUSED,
            RESUMED,
            NOT_POSSIBLE,
            UNAVAILABLE,
            CAP_REACHED,
            FORWARD_ON,
            FORWARD_OFF,
            DO_NOT_DISTURB_ON,
            DO_NOT_DISTURB_OFF,
            CALL_WAITING_ON,
            CALL_WAITING_OFF,
            PARKED_AT,
            SCHEDULE_OPEN,
            SCHEDULE_CLOSED,
            SCHEDULE_HOLIDAY,
            ENTER_PIN,
            WRONG_PIN,
            GOODBYE,
            MESSAGE_SAVED,
            HELP_TEST,
            HELP_PLACE,
            HELP_NO_PLACE,
            HELP_HOUSE,
            HELP_FLOOR,
            HELP_ROOM,
            HELP_POSTAL,
            HOLD_MUSIC,
            CONFERENCE_PIN,
            INVALID_ENTRY,
            RECORDING_NOTICE,
            RECORDING_REFUSE,
            CALLBACK_OFFER,
            CALLBACK_NUMBER,
            CALLBACK_CONFIRM,
            CALLBACK_PROMISED,
            CALLBACK_NOT_POSSIBLE,
            CALLBACK_OR_OTHER,
            CALLBACK_OR_NOT,
            CALLBACK_OR_AGAIN,
            CALLBACK_KEY,
            CALLBACK_REFUSED,
            CALLBACK_SORRY,
            CALLBACK_PROMISED_LATER,
        ] {
            assert!(names.contains(&name), "{name}");
        }
    }
}
