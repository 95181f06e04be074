//! Whether a network has the modem (TS 27.007 sections 7.2, 10.1.20, 10.1.22).

use super::condition::Condition;
use crate::sms::at::loose;

/// What one of the networks says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Home,
    Roaming,
    Searching,
    Denied,
    Off,
}

/// Circuit, packet and LTE. Each may be the only one that knows.
#[derive(Debug, Default)]
pub(super) struct Registration([Option<Standing>; 3]);

/// The questions, in the order of [`Registration`].
pub(super) const CODES: [&str; 3] = ["+CREG", "+CGREG", "+CEREG"];

impl Registration {
    pub(super) fn note(&mut self, which: usize, value: &str) {
        if let (Some(place), Some(standing)) = (self.0.get_mut(which), standing(value)) {
            *place = Some(standing);
        }
    }

    /// The best of them: a message leaves by whichever there is.
    pub(super) fn condition(&self) -> Condition {
        let any = |standing| self.0.contains(&Some(standing));
        match () {
            () if any(Standing::Home) => Condition::Ready,
            () if any(Standing::Roaming) => Condition::Roaming,
            () if any(Standing::Searching) => Condition::Searching,
            () if any(Standing::Denied) => Condition::Denied,
            () => Condition::Searching,
        }
    }
}

/// Reads `stat` out of `n,stat,…`, `stat`, or `stat,lac,ci`, with quotes or without, whole or not. Cells are written with
/// four digits or more, so the second field is the status when it is shorter.
fn standing(value: &str) -> Option<Standing> {
    let fields = loose(value);
    let number = |at: usize| {
        let field: &&str = fields.get(at)?;
        field.parse::<u8>().ok().filter(|_| field.len() <= 2)
    };
    let second = if value.split(',').nth(1)?.contains('"') { None } else { number(1) };
    Some(match second.or_else(|| number(0))? {
        1 | 6 | 9 => Standing::Home,
        5 | 7 | 10 => Standing::Roaming,
        2 => Standing::Searching,
        3 => Standing::Denied,
        _ => Standing::Off,
    })
}

/// The same for a code that was not asked for, where one field is enough.
pub(super) fn completed(value: &str) -> String {
    if value.contains(',') { value.to_owned() } else { format!("{value},") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_creg_is_read() {
        for (value, standing) in [
            ("0,1", Standing::Home),
            ("2,5,\"00A1\",\"01B2C3D4\",7", Standing::Roaming),
            ("2,1,\"00A1,01B2C3D4\",7", Standing::Home),
            ("1,00A1,01B2C3D4", Standing::Home),
            ("1,\"12\",\"34\"", Standing::Home),
            ("2, 3", Standing::Denied),
            ("2,1,\"00A1\",\"01B2C3D4\",7,,,\"00000000\"", Standing::Home),
            ("5,", Standing::Roaming),
            ("0,6", Standing::Home),
        ] {
            assert_eq!(super::standing(value), Some(standing), "{value}");
        }
        assert_eq!(super::standing("x,y"), None);
        assert_eq!(super::standing(""), None);
    }

    #[test]
    fn any_network_is_enough() {
        let mut registration = Registration::default();
        registration.note(0, "1,3");
        assert_eq!(registration.condition(), Condition::Denied);
        registration.note(2, "1,1");
        assert_eq!(registration.condition(), Condition::Ready);
    }
}
