//! The unit that fetches updates, with all that it is shut off from: what it needs for an update and for the start behind it, it
//! has. The slots are files here; `image/test` has real ones.

use std::fs;
use std::process::{Command, Stdio};

use crate::boxed::{Boxed, until, work};
use crate::{root, run};

const UNIT: &str = "branchline-update.service";

/// A signed update to version 2 beside the box, and the half of its key that a box has.
fn made() -> String {
    let folder = work().join("update");
    let _ = fs::remove_dir_all(&folder);
    let image = folder.join("image");
    fs::create_dir_all(&image).expect("a folder");
    for kind in ["root", "hash", "efi"] {
        fs::write(image.join(format!("branchline_2.{kind}")), format!("{kind} 2"))
            .expect("written");
    }
    let key = folder.join("key.pem");
    run(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&key));
    let mut update = Command::new(root().join("image/update"));
    update.args(["--version", "2", "--image"]).arg(&image).arg("--key").arg(&key);
    run(update.arg("--out").arg(folder.join("served/branchline")));
    let mut public = Command::new("openssl");
    public.args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&key);
    let public = public.output().expect("openssl starts").stdout;
    public[public.len() - 32..].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_unit_that_fetches_may_do_what_it_has_to() {
    let key = made();
    let own = Boxed::boot();
    own.settle();
    own.inside("mkdir -p /efi/EFI/Linux /dev/branchline /usr/share/branchline/keys");
    own.inside("cd /dev/branchline && truncate -s 64K root-a root-b hash-a hash-b");
    own.inside("echo 'IMAGE_VERSION=1\nBRANCHLINE_MODEL=amd64-uefi' >>/usr/lib/os-release");
    own.write("/run/branchline-slot", "a");
    own.write("/usr/share/branchline/keys/own", &key);
    own.write("/efi/EFI/Linux/branchline_1.efi", "efi 1");
    // Instead of the end of this box: a target that can be looked at.
    own.write("/etc/systemd/system/reboot.target", "[Unit]\nDescription=Asked for\n");
    let units = root().join("image/overlay/usr/lib/systemd/system");
    let unit = fs::read_to_string(units.join(UNIT)).expect("read");
    own.write(&format!("/etc/systemd/system/{UNIT}"), &unit);
    own.inside("systemctl daemon-reload");
    own.ready();

    // As it comes there is no server, and nothing to do or to say.
    own.inside(&format!("systemctl start {UNIT}"));
    assert!(own.inside("branchline update").contains("no update was taken yet"));

    let update = "[update]\nfrom = \"http://127.0.0.1:8099/branchline\"\nwindow = \"00:00-24:00\"";
    own.inside(&format!("echo '\n{update}' >>/etc/branchline/gateway.toml"));
    let mut server = own.beside("python3");
    server.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]);
    server.arg(work().join("update/served")).arg("8099");
    let mut server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python");
    until("the server answers", || {
        let mut ask = own.beside("curl");
        ask.args(["--silent", "--output", "/dev/null", "http://127.0.0.1:8099/"]);
        ask.status().expect("curl starts").success().then_some(())
    });
    let started = own.try_inside(&format!("systemctl start {UNIT}"));
    let log = own.inside(&format!("journalctl --no-pager --output=cat --unit={UNIT}"));
    let _ = server.kill();
    let _ = server.wait();
    assert!(started.is_some() && log.contains("version 2 is in slot b"), "{log}");
    assert!(log.contains("the box starts anew"), "{log}");
    until("the start is asked for", || own.try_inside("systemctl is-active reboot.target"));
    assert_eq!(own.inside("head -c 6 /dev/branchline/root-b"), "root 2");
    assert_eq!(own.inside("cat '/efi/EFI/Linux/branchline_2+5.efi'"), "efi 2");
    let said = own.inside("branchline update");
    assert!(said.contains("version 2 begins at the next start"), "{said}");
}
