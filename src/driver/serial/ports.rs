//! Which serial lines there are, and what stands behind them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many folders a device's interface lies above its line at most: `…/1-1.2/1-1.2:1.2/ttyUSB0/tty/ttyUSB0`.
const STEPS_UP: usize = 6;
/// USB class of a disk (USB Mass Storage overview, section 2).
const DISK: &str = "08";
/// USB classes of what becomes a network card: communication and its data (USB CDC 1.2), and vendors' own RNDIS.
const NETWORK: [&str; 3] = ["02", "0a", "e0"];
/// Vendors whose sticks come up as a disk, or as a network card with pages of their own: Huawei, ZTE, Alcatel, D-Link.
const STICKS: [u16; 4] = [0x12d1, 0x19d2, 0x1bbb, 0x2001];

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// What it is opened by: the name that stays the same across restarts, where there is one.
    pub path: PathBuf,
    /// What the kernel calls it: `ttyUSB2`.
    pub device: String,
    /// USB vendor and product.
    pub product: Option<(u16, u16)>,
    /// The number of the interface, which tells what a port of a modem is for.
    pub interface: Option<u8>,
    /// Where it is plugged in: `1-1.2`. A hub switches the power of it by this.
    pub place: Option<String>,
}

/// A stick that has no line, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Without {
    /// It is a network card with pages of its own (HiLink): no program can send by AT commands there.
    Network(u16, u16),
    /// It is still the disk that it comes up as: `usb_modeswitch` has not changed it.
    Disk(u16, u16),
}

/// Where whoever may not switch a socket's power asks whoever may: a file by the name of the line, which
/// `branchline-modem@.path` watches for as long as that line is there. In the folder that systemd gives the program.
const ASKED: &str = "power";

/// Where to look.
#[derive(Debug, Clone)]
pub struct Ports {
    root: PathBuf,
    /// The program's folder for what lasts as long as it runs, where it has one.
    runtime: Option<PathBuf>,
}

impl Ports {
    /// On this machine.
    pub fn system() -> Ports {
        let runtime = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
        Ports { root: PathBuf::from("/"), runtime }
    }

    /// In a copy of `/sys` and `/dev` below this folder: nothing outside it is looked at.
    pub fn under(root: &Path) -> Ports {
        Ports { root: root.to_owned(), runtime: Some(root.join("run/branchline")) }
    }

    /// Every line that has a device behind it, in order of their names.
    pub fn find(&self) -> Vec<Port> {
        let mut found: Vec<_> = names(&self.root.join("sys/class/tty"))
            .into_iter()
            .filter_map(|device| self.port(device))
            .collect();
        found.sort();
        found
    }

    /// Sticks that have none.
    pub fn without(&self) -> Vec<Without> {
        let devices = self.root.join("sys/bus/usb/devices");
        let lines = self.find();
        let mut found: Vec<_> = names(&devices)
            .into_iter()
            .filter(|name| !name.contains(':'))
            .filter(|name| !lines.iter().any(|port| port.place.as_deref() == Some(name)))
            .filter_map(|name| without(&devices, &name))
            .collect();
        found.sort();
        found
    }

    /// The line that is opened by this path, under whichever of its names. None: nothing is plugged in that it belongs to.
    pub fn behind(&self, path: &Path) -> Option<Port> {
        self.port(path.canonicalize().ok()?.file_name()?.to_str()?.to_owned())
    }

    /// The line that the kernel calls so. None: there is none of this name, or it is the board's own.
    pub fn named(&self, device: &str) -> Option<Port> {
        // A name, and no path to somewhere else.
        let name = device.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.port(Some(device).filter(|_| name)?.to_owned())
    }

    /// Asks whoever may (`branchline modems power`, by its unit) to take the power from the socket of this line for a moment.
    ///
    /// # Errors
    /// When nobody could be asked: the program was not started by systemd, or the file cannot be written.
    pub fn ask_for_power_off(&self, port: &Port) -> io::Result<()> {
        let runtime = self.runtime.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let folder = runtime.join(ASKED);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&port.device), "off and on\n")
    }

    /// Switches the power of the place where something is plugged in, at hubs that can (USB 2.0 section 11.24.2.13.1.2; the
    /// kernel has a file for it since 6.0).
    pub fn power(&self, place: &str, on: bool) -> io::Result<()> {
        let (hub, port) = match place.rsplit_once(['.', '-']) {
            Some((hub, port)) => (hub.to_owned(), port),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let (interface, name) = match hub.contains('-') {
            true => (format!("{hub}:1.0"), format!("{hub}-port{port}")),
            false => (format!("{hub}-0:1.0"), format!("usb{hub}-port{port}")),
        };
        let devices = self.root.join("sys/bus/usb/devices");
        let file = devices.join(interface).join(name).join("disable");
        fs::OpenOptions::new().write(true).open(file)?.write_all(if on { b"0" } else { b"1" })
    }

    fn port(&self, device: String) -> Option<Port> {
        let class = self.root.join("sys/class/tty").join(&device);
        let place = class.join("device").canonicalize().ok()?;
        // The lines of the board itself are there whether anything is or not.
        let usb = place.ancestors().take(STEPS_UP).find(|at| at.join("idVendor").exists());
        let interface =
            place.ancestors().take(STEPS_UP).find_map(|at| number(at, "bInterfaceNumber"));
        if usb.is_none() && !device.starts_with("ttyUSB") && !device.starts_with("ttyACM") {
            return None;
        }
        Some(Port {
            path: self.stable(&device),
            product: usb
                .and_then(|usb| Some((number(usb, "idVendor")?, number(usb, "idProduct")?))),
            interface: interface.and_then(|number| u8::try_from(number).ok()),
            place: usb.and_then(|usb| Some(usb.file_name()?.to_str()?.to_owned())),
            device,
        })
    }

    fn stable(&self, device: &str) -> PathBuf {
        let folder = self.root.join("dev/serial/by-id");
        let own = |name: &String| {
            fs::read_link(folder.join(name))
                .is_ok_and(|to| to.file_name().is_some_and(|last| last == device))
        };
        let named = names(&folder).into_iter().find(own);
        named.map_or_else(|| self.root.join("dev").join(device), |name| folder.join(name))
    }
}

fn without(devices: &Path, name: &str) -> Option<Without> {
    let device = devices.join(name);
    let vendor = number(&device, "idVendor").filter(|vendor| STICKS.contains(vendor))?;
    let product = number(&device, "idProduct")?;
    let own = names(devices).into_iter().filter(|other| other.starts_with(&format!("{name}:")));
    let classes: Vec<_> = own.filter_map(|i| text(&devices.join(i), "bInterfaceClass")).collect();
    match () {
        () if classes.iter().any(|class| NETWORK.contains(&class.as_str())) => {
            Some(Without::Network(vendor, product))
        }
        () if classes.iter().any(|class| class == DISK) => Some(Without::Disk(vendor, product)),
        () => None,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn text(folder: &Path, name: &str) -> Option<String> {
    Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned())
}

fn number(folder: &Path, name: &str) -> Option<u16> {
    u16::from_str_radix(&text(folder, name)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Fence(PathBuf);

    impl Fence {
        fn new(name: &str) -> Fence {
            let folder = std::env::temp_dir().join(format!("ports-{name}-{}", std::process::id()));
            fs::create_dir_all(folder.join("sys/bus/usb/devices")).expect("a folder");
            Fence(folder)
        }

        fn file(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }

        fn link(&self, path: &str, to: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            symlink(to, path).expect("a link");
        }
    }

    impl Drop for Fence {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_port_is_found_with_its_interface_and_its_lasting_name() {
        let fence = Fence::new("one");
        let usb = "sys/devices/usb1/1-1.2";
        fence.file(&format!("{usb}/idVendor"), "2c7c\n");
        fence.file(&format!("{usb}/idProduct"), "0125\n");
        fence.file(&format!("{usb}/1-1.2:1.2/bInterfaceNumber"), "02\n");
        fence.file(&format!("{usb}/1-1.2:1.2/ttyUSB2/uevent"), "");
        fence.link("sys/class/tty/ttyUSB2/device", "../../../devices/usb1/1-1.2/1-1.2:1.2/ttyUSB2");
        fence.file("sys/class/tty/ttyS0/uevent", "");
        fence.link("dev/serial/by-id/usb-Quectel_EC25-if02-port0", "../../ttyUSB2");
        let found = Ports::under(&fence.0).find();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].device, "ttyUSB2");
        assert_eq!(found[0].product, Some((0x2c7c, 0x0125)));
        assert_eq!(found[0].interface, Some(2));
        assert_eq!(found[0].place.as_deref(), Some("1-1.2"));
        assert!(found[0].path.ends_with("dev/serial/by-id/usb-Quectel_EC25-if02-port0"));
        assert_eq!(Ports::under(&fence.0).without(), []);
    }

    #[test]
    fn sticks_without_a_line_are_told_apart() {
        let fence = Fence::new("none");
        for (name, product, class) in
            [("1-1", "14dc", "02"), ("1-2", "1f01", "08"), ("1-3", "1506", "ff")]
        {
            fence.file(&format!("sys/bus/usb/devices/{name}/idVendor"), "12d1\n");
            fence.file(&format!("sys/bus/usb/devices/{name}/idProduct"), product);
            fence.file(&format!("sys/bus/usb/devices/{name}:1.0/bInterfaceClass"), class);
        }
        fence.file("sys/bus/usb/devices/1-4/idVendor", "046d\n");
        fence.file("sys/bus/usb/devices/1-4/idProduct", "c31c\n");
        assert_eq!(
            Ports::under(&fence.0).without(),
            [Without::Network(0x12d1, 0x14dc), Without::Disk(0x12d1, 0x1f01)]
        );
    }

    #[test]
    fn power_is_switched_at_the_port_of_the_hub() {
        let fence = Fence::new("power");
        let devices = "sys/bus/usb/devices";
        fence.file(&format!("{devices}/1-1:1.0/1-1-port2/disable"), "0");
        fence.file(&format!("{devices}/1-0:1.0/usb1-port3/disable"), "0");
        let ports = Ports::under(&fence.0);
        ports.power("1-1.2", false).expect("the hub can");
        ports.power("1-3", false).expect("the root can");
        for file in ["1-1:1.0/1-1-port2", "1-0:1.0/usb1-port3"] {
            let written = fs::read_to_string(fence.0.join(devices).join(file).join("disable"));
            assert_eq!(written.expect("the file"), "1");
        }
        assert!(ports.power("2-1", false).is_err());
        assert!(ports.power("nowhere", false).is_err());
    }

    #[test]
    fn whoever_may_not_switch_asks_by_the_name_of_the_line() {
        let fence = Fence::new("asked");
        fence.file("sys/devices/usb1/1-3/idVendor", "0403\n");
        fence.file("sys/devices/usb1/1-3/1-3:1.0/ttyUSB0/uevent", "");
        fence.link("sys/class/tty/ttyUSB0/device", "../../../devices/usb1/1-3/1-3:1.0/ttyUSB0");
        fence.file("sys/class/tty/ttyS0/uevent", "");
        fence.file("dev/ttyUSB0", "");
        fence.link("dev/branchline/modem/left/at", "../../../ttyUSB0");
        let ports = Ports::under(&fence.0);
        let port = ports.behind(&fence.0.join("dev/branchline/modem/left/at")).expect("a line");
        assert_eq!((port.device.as_str(), port.place.as_deref()), ("ttyUSB0", Some("1-3")));
        ports.ask_for_power_off(&port).expect("asked");
        assert!(fence.0.join("run/branchline/power/ttyUSB0").exists());
        assert_eq!(ports.named("ttyUSB0"), Some(port));
        for none in ["ttyUSB1", "ttyS0", "../tty/ttyUSB0", ""] {
            assert_eq!(ports.named(none), None, "{none}");
        }
        assert_eq!(ports.behind(&fence.0.join("dev/nothing")), None);
    }
}
