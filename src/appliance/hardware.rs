//! Kinds of boxes as data: which card is the branch's network, where the console is, which button means the factory's state.
//!
//! It owns the profiles and the choice among them, and reads no file of the machine: who asks brings what the firmware says.

use std::fmt;

use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/firmware-config/hardware");

/// Keys that buttons on boxes are, by the kernel's names (linux/input-event-codes.h).
const KEYS: [(&str, u16); 9] = [
    ("KEY_POWER", 116),
    ("KEY_SETUP", 141),
    ("KEY_PROG1", 148),
    ("KEY_CONFIG", 171),
    ("KEY_VENDOR", 360),
    ("KEY_RESTART", 408),
    ("KEY_WPS_BUTTON", 529),
    ("BTN_0", 256),
    ("BTN_1", 257),
];

/// A name of a key that no box is known to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey(pub String);

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = KEYS.iter().map(|(name, _)| *name).collect();
        write!(f, "`{}` is no key of a button: {}", self.0, known.join(", "))
    }
}

/// A kind of box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hardware {
    /// What it is called.
    pub name: String,
    /// Fits where the vendor's name (DMI `sys_vendor`) contains one of these, whatever the case; none: any.
    pub vendor: Vec<String>,
    /// And the product's (DMI `product_name`) contains one of these; none: any.
    pub product: Vec<String>,
    /// Names of its network cards, in the order of their places on the bus.
    pub cards: Vec<String>,
    /// The serial line with the console, without `/dev/`.
    pub serial: String,
    /// The key that the button on the box is, by the kernel's name; empty: there is none.
    pub reset_key: String,
}

impl Default for Hardware {
    fn default() -> Self {
        Hardware {
            name: "PC with UEFI".to_owned(),
            vendor: Vec::new(),
            product: Vec::new(),
            cards: vec!["lan0".to_owned(), "wan0".to_owned()],
            serial: "ttyS0".to_owned(),
            reset_key: String::new(),
        }
    }
}

impl Hardware {
    /// The shipped kind that fits best: the one whose names say most; the common one where none fits.
    pub fn of(vendor: &str, product: &str) -> Hardware {
        let fitting = shipped().filter(|kind| kind.fits(vendor, product));
        fitting
            .max_by_key(|kind| (!kind.vendor.is_empty(), !kind.product.is_empty()))
            .unwrap_or_default()
    }

    /// The code of the key that the button is; none where there is no button.
    ///
    /// # Errors
    /// The name is none that a button is known by.
    pub fn reset_code(&self) -> Result<Option<u16>, UnknownKey> {
        if self.reset_key.is_empty() {
            return Ok(None);
        }
        let found = KEYS.iter().find(|(name, _)| *name == self.reset_key);
        found.map(|(_, code)| Some(*code)).ok_or_else(|| UnknownKey(self.reset_key.clone()))
    }

    fn fits(&self, vendor: &str, product: &str) -> bool {
        let fits = |known: &[String], is: &str| {
            let is = is.to_lowercase();
            known.is_empty() || known.iter().any(|one| is.contains(&one.to_lowercase()))
        };
        fits(&self.vendor, vendor) && fits(&self.product, product)
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let button = match self.reset_key.as_str() {
            "" => "none",
            key => key,
        };
        writeln!(f, "kind     {}", self.name)?;
        writeln!(f, "cards    {}, by their places", self.cards.join(", "))?;
        writeln!(f, "console  the screen, and {}", self.serial)?;
        writeln!(f, "button   {button}")
    }
}

fn shipped() -> impl Iterator<Item = Hardware> {
    // A test reads every file; one that cannot be read is as if it were not there.
    let text = SHIPPED.files().filter_map(|file| file.contents_utf8());
    text.filter_map(|text| toml::from_str(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_read_and_the_common_one_is_as_in_the_code() {
        assert_eq!(shipped().count(), SHIPPED.files().count());
        assert_eq!(Hardware::of("Nobody", "Nothing"), Hardware::default());
        let generic = SHIPPED.get_file("generic.toml").and_then(|file| file.contents_utf8());
        let generic: Hardware = toml::from_str(generic.expect("there")).expect("readable");
        assert_eq!(generic, Hardware::default());
    }

    #[test]
    fn every_button_is_a_key_of_the_kernels() {
        for kind in shipped() {
            assert!(kind.reset_code().is_ok(), "{}: {:?}", kind.name, kind.reset_code());
        }
        assert_eq!(Hardware::of("PC Engines", "apu4").reset_code(), Ok(Some(408)));
        assert_eq!(Hardware::default().reset_code(), Ok(None), "most boxes have none");
        let wrong = Hardware { reset_key: "KEY_RESTRAT".to_owned(), ..Hardware::default() };
        let told = wrong.reset_code().expect_err("no such key").to_string();
        assert!(told.contains("`KEY_RESTRAT`") && told.contains("KEY_RESTART"), "{told}");
    }

    #[test]
    fn a_box_is_known_by_what_its_firmware_says() {
        let apu = Hardware::of("PC Engines", "apu2");
        assert_eq!((apu.reset_key.as_str(), apu.cards.len()), ("KEY_RESTART", 4));
        assert_eq!(Hardware::of("QEMU", "Standard PC (Q35 + ICH9, 2009)").name, "QEMU");
        // A vendor whose other boxes nobody knows yet.
        assert_eq!(Hardware::of("PC Engines", "alix"), Hardware::default());
    }
}
